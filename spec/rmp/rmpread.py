"""RMPREAD: the hypervisor reads the architectural part of an RMP entry."""

from spec.logic import any_of, first_of, none_of
from spec.record import record
from spec.registry import Outcome, transition
from spec.rmp.authority import head_of, is_2m, page_of
from spec.rmp.coverage import is_covered
from spec.rmp.cpu import Cpu, host_instruction_refused
from spec.rmp.entry import PageSizeBit
from spec.system.state import System
from spec.vocabulary import PAGE_SHIFT, Actor, Address, Asid, Eax, Event, Evidence


@record
class RmpRead:
    """RAX (APM Vol. 3, "RMPREAD")."""

    cpu: Cpu
    spa: Address


@record
class RmpReadOutput:
    """The 16 bytes stored at RCX: neither Validated, nor the VMSA attribute, nor permissions."""

    gpa: Address
    assigned: bool
    page_size: PageSizeBit
    region_status: bool
    """Bit 1 of the PAGE_SIZE byte, "2MB region status". Its meaning is inferred: some other page of the region is
    assigned, by a 2 MiB entry or by the sub-page count."""
    immutable: bool
    asid: Asid


@transition(actor=Actor.HYPERVISOR, manual='APM Vol. 3, "RMPREAD"')
def rmpread(system: System, op: RmpRead) -> Outcome:
    """Nothing changes. The raw entry of the page is read; software reads the region's head itself to learn its size."""
    # 1. The instruction exists, is privileged, and is the host's.
    if none_of(system.platform.features.rmpread):
        return Outcome(Event.UD, "rmpread-feature", system, Evidence.MANUAL)
    if (refused := host_instruction_refused(system, op.cpu)) is not None:
        return refused

    # 2. The operand names a covered page.
    if cause := first_of(("spa-alignment", op.spa & 0xFFF != 0), ("covered", none_of(is_covered(system, op.spa)))):
        return Outcome(Eax.FAIL_INPUT, cause, system, Evidence.AGREED)

    page = page_of(op.spa)
    entry, head = system.rmp[page], system.rmp[head_of(page)]
    output = RmpReadOutput(
        gpa=entry.gfn << PAGE_SHIFT,
        assigned=entry.assigned,
        page_size=entry.page_size,
        region_status=any_of(is_2m(head), head.subpage_count != 0),
        immutable=entry.immutable,
        asid=entry.asid,
    )
    return Outcome(Eax.SUCCESS, "read", system, Evidence.AGREED, output)
