"""Every step of a #VC: of the handler, of the code that it has interrupted, of the hypervisor."""

from spec.vc.check import TRANSITIONS as CHECK
from spec.vc.enter import TRANSITIONS as ENTER
from spec.vc.raised import TRANSITIONS as RAISED
from spec.vc.receive import TRANSITIONS as RECEIVE
from spec.vc.send import TRANSITIONS as SEND

TRANSITIONS = (*RAISED, *ENTER, *CHECK, *SEND, *RECEIVE)
