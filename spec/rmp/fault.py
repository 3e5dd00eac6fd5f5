"""The words in which RMP violations are reported: EXITINFO1, the #PF error code, the #VC error code.

APM Vol. 2, 15.25.6 and 15.36.10.
"""

from typing import Annotated

from spec.logic import ite
from spec.record import record
from spec.registry import Outcome
from spec.rmp.translation import Translation, guest_physical
from spec.system.state import System
from spec.vocabulary import VC_PAGE_NOT_VALIDATED, Address, Bits, Event, Evidence, NpfInfo, PfError

ErrorWord = Annotated[int, Bits(64)]
"""EXITINFO1 or an error code; bits as in `NpfInfo` and `PfError`."""


@record
class Fault:
    """The output of an outcome that is a fault."""

    error: ErrorWord
    address: Address
    """EXITINFO2 (guest-physical) of a nested page fault, CR2 (virtual) of #PF and #VC."""


NESTED_VIOLATION = int(NpfInfo.P | NpfInfo.U | NpfInfo.RMP)
"""The mapping was present, every nested access is a user's, and the RMP refused it."""
HOST_VIOLATION = int(PfError.P | PfError.RMP)
INSTRUCTION_VIOLATION = NESTED_VIOLATION | int(NpfInfo.ENC)
SIZE_MISMATCH = int(NpfInfo.SIZEM)


def bit_if(condition: bool, bit: int) -> int:
    """The bit where the condition holds, else 0."""
    return ite(condition, int(bit), 0)


def instruction_fault(translation: Translation, size_mismatch: bool) -> Fault:
    """The nested page fault of PVALIDATE, RMPADJUST or RMPQUERY.

    Observed of PVALIDATE: 0xC80000005, so no bit for the final address or the guest's walk.
    """
    error = INSTRUCTION_VIOLATION | ite(size_mismatch, SIZE_MISMATCH, 0)
    return Fault(error, guest_physical(translation))


def not_validated(system: System, reflect_vc: bool, translation: Translation) -> Outcome:
    """#VC with 404h to the guest; with ReflectVC an exit that reports the same code to the hypervisor."""
    fault = Fault(VC_PAGE_NOT_VALIDATED, translation.gva)
    if reflect_vc:
        return Outcome(Event.VMEXIT, "validated", system, Evidence.MANUAL, fault)
    return Outcome(Event.VC, "validated", system, Evidence.MANUAL, fault)
