"""PVALIDATE: the guest at VMPL0 accepts a page, or gives its acceptance back."""

from spec.knobs import PvalidateShared
from spec.logic import all_of, first_of, ite, none_of
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.rmp.authority import page_of
from spec.rmp.cpu import Cpu, guest_instruction_refused
from spec.rmp.entry import PageSizeBit
from spec.rmp.fault import NESTED_VIOLATION, Fault, instruction_fault
from spec.rmp.ownership import Speaking, guest_page_causes, speaking
from spec.rmp.request_size import is_one_size, reports_size_mismatch
from spec.rmp.translation import Translation, guest_physical
from spec.system.state import System
from spec.vocabulary import Actor, Eax, Event, Evidence, Limit, PageSize, PfError


@record
class Pvalidate:
    """RAX, walked; ECX[0]; EDX[0] (APM Vol. 3, "PVALIDATE")."""

    cpu: Cpu
    translation: Translation
    page_size: PageSizeBit
    validate: bool
    other_mode: bool = False
    """The processor is not in 64-bit mode."""


@record
class PvalidateOutput:
    """What a PVALIDATE that returns SUCCESS also gives."""

    carry: bool
    """CF: Validated already had the requested value, and nothing changed."""
    tlb_flushed: bool
    """The page's translations are gone from every TLB (knob K-PVAL-TLB)."""


@transition(actor=Actor.GUEST, manual='APM Vol. 3, "PVALIDATE"; Vol. 2, 15.36.6')
def pvalidate(system: System, op: Pvalidate) -> Outcome:
    """One entry changes: the page's own, or that of its 2 MiB region. Permissions stay as they are.

    Neither Validated nor the permissions are asked for: the instruction has to work on pages without them.
    """
    knobs = system.platform.knobs

    # 1. The instruction exists, is privileged, and is the guest's.
    if (refused := guest_instruction_refused(system, op.cpu)) is not None:
        return refused

    # 2. 64-bit mode; what RAX means in the others is open (knob K-PVAL-MODE).
    if all_of(op.other_mode, knobs.pvalidate_64bit_only):
        return Outcome(Limit.NOT_MODELLED, "mode", system, Evidence.INFERRED)

    # 3. VMPL0 only (knob K-PVAL-VMPL).
    if all_of(op.cpu.vmpl != 0, knobs.pvalidate_vmpl_gp):
        return Outcome(Event.GP, "vmpl", system, Evidence.AGREED)
    if op.cpu.vmpl != 0:
        return Outcome(Eax.FAIL_PERMISSION, "vmpl", system, Evidence.INFERRED)

    # 4. The operand.
    if all_of(op.page_size == PageSize.SIZE_2M, op.translation.gva & 0x1FFFFF != 0):
        return Outcome(Eax.FAIL_INPUT, "gva-alignment", system, Evidence.AGREED)

    # 5. The address is walked; a shared mapping is taken as private (knob K-PVAL-SHARED).
    if all_of(none_of(op.translation.private), knobs.pvalidate_shared != PvalidateShared.AS_PRIVATE):
        return shared_mapping(system, op)

    # 6. What the page's entry says.
    return on_page(system, op)


def shared_mapping(system: System, op: Pvalidate) -> Outcome:
    """The other readings of PVALIDATE with C=0."""
    choice = system.platform.knobs.pvalidate_shared
    if choice == PvalidateShared.PF:
        fault = Fault(int(PfError.P), op.translation.gva)
        return Outcome(Event.PF, "shared", system, Evidence.INFERRED, fault)
    if choice == PvalidateShared.NPF:
        fault = Fault(NESTED_VIOLATION, guest_physical(op.translation))
        return Outcome(Event.NPF, "shared", system, Evidence.INFERRED, fault)
    return Outcome(Eax.SUCCESS, "shared", system, Evidence.INFERRED, PvalidateOutput(carry=True, tlb_flushed=False))


def on_page(system: System, op: Pvalidate) -> Outcome:
    """The part that depends on the entry."""
    # 1. The page is this guest's, at this address, and mutable.
    found = speaking(system, page_of(op.translation.spa))
    if cause := first_of(*guest_page_causes(system, op.translation, found, op.cpu.asid)):
        return Outcome(Event.NPF, cause, system, Evidence.MANUAL, instruction_fault(op.translation, False))

    # 2. Request, entry and nested mapping have one size. The hypervisor has to help with a request for a part of
    #    something larger (knob K-PVAL-SIZEM), the guest asks again itself if it asked for too much.
    one_size = is_one_size(op.page_size, op.translation, found)
    if all_of(op.page_size == PageSize.SIZE_4K, none_of(one_size)):
        fault = instruction_fault(op.translation, reports_size_mismatch(system, op.translation, found))
        return Outcome(Event.NPF, "page-size", system, Evidence.OBSERVED, fault)
    if none_of(one_size):
        return Outcome(Eax.FAIL_SIZEMISMATCH, "page-size", system, Evidence.AGREED)

    # 3. Validated takes the value; that it had it already is a success too.
    return with_validated(system, op, found)


def with_validated(system: System, op: Pvalidate, found: Speaking) -> Outcome:
    """The effect. Whether rescinding also clears the VMSA attribute is open (knob K-PVAL-CLR-M)."""
    knobs = system.platform.knobs
    entry = found.entry
    carry = entry.validated == op.validate
    rescinds = none_of(carry, op.validate)
    vmsa = ite(all_of(rescinds, knobs.pvalidate_clears_vmsa), False, entry.vmsa)
    rmp = system.rmp.set(found.at, replace(entry, validated=op.validate, vmsa=vmsa))
    output = PvalidateOutput(carry=carry, tlb_flushed=all_of(rescinds, knobs.pvalidate_flushes_tlb))
    return Outcome(Eax.SUCCESS, "validated-set", replace(system, rmp=rmp), Evidence.MANUAL, output)
