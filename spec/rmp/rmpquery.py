"""RMPQUERY: a guest VMPL reads the page permissions of another."""

from spec.logic import all_of, any_of, as_bit, first_of, none_of
from spec.record import record
from spec.registry import Outcome, transition
from spec.rmp.authority import page_of
from spec.rmp.cpu import Cpu, guest_instruction_refused
from spec.rmp.entry import PageSizeBit
from spec.rmp.fault import instruction_fault, not_validated
from spec.rmp.ownership import guest_page_causes, speaking
from spec.rmp.translation import Translation
from spec.system.state import System
from spec.vmpl.permissions import TargetVmpl, is_missing_vmpl
from spec.vocabulary import Actor, Eax, Event, Evidence, PermissionMask


@record
class RmpQuery:
    """RAX, walked; RDX[7:0] (APM Vol. 3, "RMPQUERY")."""

    cpu: Cpu
    translation: Translation
    target_vmpl: TargetVmpl


@record
class RmpQueryOutput:
    """RDX[15:8], RDX[16] and RCX[0]."""

    mask: PermissionMask
    vmsa: bool
    page_size: PageSizeBit


@transition(actor=Actor.GUEST, manual='APM Vol. 3, "RMPQUERY"; Vol. 2, 15.36.7')
def rmpquery(system: System, op: RmpQuery) -> Outcome:
    """Nothing changes."""
    # 1. The instruction exists, is privileged, and is the guest's.
    if none_of(system.platform.features.rmpquery):
        return Outcome(Event.UD, "rmpquery-feature", system, Evidence.MANUAL)
    if (refused := guest_instruction_refused(system, op.cpu)) is not None:
        return refused

    # 2. The target exists and is not more privileged than the caller (knob K-RQ-LOW).
    own_level = all_of(op.target_vmpl == op.cpu.vmpl, none_of(system.platform.knobs.rmpquery_own_level))
    if cause := first_of(
        ("vmpl-range", is_missing_vmpl(system.platform, op.target_vmpl)),
        ("target-vmpl", any_of(op.target_vmpl < op.cpu.vmpl, own_level)),
    ):
        return Outcome(Eax.FAIL_PERMISSION, cause, system, Evidence.AGREED)

    # 3. The page is this guest's, at this address, and mutable. A request has no size, so any will do.
    found = speaking(system, page_of(op.translation.spa))
    if cause := first_of(*guest_page_causes(system, op.translation, found, op.cpu.asid)):
        return Outcome(Event.NPF, cause, system, Evidence.MANUAL, instruction_fault(op.translation, False))

    # 4. The guest has validated it.
    if none_of(found.entry.validated):
        return not_validated(system, op.cpu.reflect_vc, op.translation)

    entry = found.entry
    output = RmpQueryOutput(entry.masks.of(op.target_vmpl), entry.vmsa, as_bit(found.large))
    return Outcome(Eax.SUCCESS, "queried", system, Evidence.MANUAL, output)
