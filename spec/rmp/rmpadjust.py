"""RMPADJUST: a guest VMPL changes the page permissions of a less privileged one."""

from spec.logic import all_of, any_of, first_of, is_subset, ite, none_of
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.rmp.authority import page_of
from spec.rmp.cpu import Cpu, guest_instruction_refused
from spec.rmp.entry import PageSizeBit
from spec.rmp.fault import instruction_fault, not_validated
from spec.rmp.ownership import Speaking, guest_page_causes, speaking
from spec.rmp.request_size import is_one_size, reports_size_mismatch
from spec.rmp.translation import Translation
from spec.system.state import System
from spec.vmpl.permissions import TargetVmpl, is_missing_vmpl
from spec.vocabulary import Actor, Eax, Event, Evidence, PageSize, PermissionMask


@record
class RmpAdjust:
    """RAX, walked; RCX[0]; RDX (APM Vol. 3, "RMPADJUST")."""

    cpu: Cpu
    translation: Translation
    page_size: PageSizeBit
    target_vmpl: TargetVmpl
    mask: PermissionMask
    vmsa: bool
    reserved: bool
    """Some other bit of RCX or RDX is set (knob K-RADJ-RSVD)."""


@transition(actor=Actor.GUEST, manual='APM Vol. 3, "RMPADJUST"; Vol. 2, 15.36.7')
def rmpadjust(system: System, op: RmpAdjust) -> Outcome:
    """One entry changes: the page's own, or that of its 2 MiB region. Cached translations stay."""
    # 1. The instruction exists, is privileged, and is the guest's.
    if (refused := guest_instruction_refused(system, op.cpu)) is not None:
        return refused

    # 2. The operands.
    missing = is_missing_vmpl(system.platform, op.target_vmpl)
    if cause := wrong_operand(system, op, missing):
        return Outcome(Eax.FAIL_INPUT, cause, system, Evidence.AGREED)

    # 3. The target exists and is less privileged than the caller.
    if cause := first_of(
        ("vmpl-range", missing),
        ("target-vmpl", op.target_vmpl <= op.cpu.vmpl),
    ):
        return Outcome(Eax.FAIL_PERMISSION, cause, system, Evidence.MANUAL)

    # 4. The page is this guest's, at this address, and mutable.
    found = speaking(system, page_of(op.translation.spa))
    if cause := first_of(*guest_page_causes(system, op.translation, found, op.cpu.asid)):
        return Outcome(Event.NPF, cause, system, Evidence.MANUAL, instruction_fault(op.translation, False))
    one_size = is_one_size(op.page_size, op.translation, found)
    if all_of(op.page_size == PageSize.SIZE_4K, none_of(one_size)):
        fault = instruction_fault(op.translation, reports_size_mismatch(system, op.translation, found))
        return Outcome(Event.NPF, "page-size", system, Evidence.MANUAL, fault)

    # 5. The guest has validated it, and a 2 MiB request finds a 2 MiB page. Which comes first is open (K-RADJ-ORDER).
    vc_first = system.platform.knobs.rmpadjust_vc_before_size
    if all_of(none_of(one_size), any_of(found.entry.validated, none_of(vc_first))):
        return Outcome(Eax.FAIL_SIZEMISMATCH, "page-size", system, Evidence.AGREED)
    if none_of(found.entry.validated):
        return not_validated(system, op.cpu.reflect_vc, op.translation)

    # 6. A VMPL cannot grant what it does not hold.
    if none_of(is_subset(op.mask, of=found.entry.masks.of(op.cpu.vmpl))):
        return Outcome(Eax.FAIL_PERMISSION, "permission-subset", system, Evidence.MANUAL)

    return Outcome(Eax.SUCCESS, "adjusted", adjusted(system, op, found), Evidence.MANUAL)


def wrong_operand(system: System, op: RmpAdjust, missing: bool) -> str | None:
    """What is wrong with the operands, whatever the entry says. `missing`: no such target VMPL (knob K-RADJ-OOR)."""
    knobs = system.platform.knobs
    large = op.page_size == PageSize.SIZE_2M
    return first_of(
        ("gva-alignment", all_of(large, op.translation.gva & 0x1FFFFF != 0)),
        ("reserved-bits", all_of(op.reserved, knobs.rmpadjust_reserved_rejected)),
        # The result code of a refused 2 MiB VMSA is inferred (knob K-RADJ-2MVMSA).
        ("vmsa-size", all_of(large, op.vmsa, op.cpu.vmpl == 0, knobs.rmpadjust_vmsa_2m_refused)),
        ("vmpl-range", all_of(missing, none_of(knobs.rmpadjust_vmpl_range_permission))),
    )


def adjusted(system: System, op: RmpAdjust, found: Speaking) -> System:
    """The effect. Below VMPL0 the VMSA attribute of the request is ignored without notice."""
    entry = found.entry
    masks = entry.masks.granting(op.target_vmpl, op.mask)
    vmsa = ite(op.cpu.vmpl == 0, op.vmsa, entry.vmsa)
    return replace(system, rmp=system.rmp.set(found.at, replace(entry, masks=masks, vmsa=vmsa)))
