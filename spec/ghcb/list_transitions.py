"""Every step of a list of page state changes, and of the use of its pages."""

from spec.ghcb.list_call import TRANSITIONS as CALL
from spec.ghcb.list_pages import TRANSITIONS as PAGES

TRANSITIONS = (*CALL, *PAGES)
