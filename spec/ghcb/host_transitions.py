"""Every step of an exit over the page on the host's side."""

from spec.ghcb.host_check import TRANSITIONS as CHECK
from spec.ghcb.host_lists import TRANSITIONS as LISTS
from spec.ghcb.host_read import TRANSITIONS as READ
from spec.ghcb.host_serve import TRANSITIONS as SERVE

TRANSITIONS = (*READ, *CHECK, *SERVE, *LISTS)
