"""Writes that the processor makes for an instruction: the host save area, and VMSAVE (APM Vol. 2, Table 15-41)."""

from spec.logic import all_of, first_of, none_of
from spec.record import record
from spec.registry import Outcome, transition
from spec.rmp.authority import page_of
from spec.rmp.cpu import Cpu
from spec.rmp.fault import NESTED_VIOLATION, Fault, bit_if
from spec.rmp.ownership import is_held, is_taken
from spec.rmp.translation import Translation, guest_physical
from spec.system.state import System
from spec.vocabulary import Actor, Address, Event, Evidence, NpfInfo


@record
class WriteHostSaveArea:
    """WRMSR of VM_HSAVE_PA (C001_0117)."""

    cpu: Cpu
    spa: Address


@record
class Vmsave:
    """RAX: a system-physical address for the host, a guest-physical one for a guest."""

    cpu: Cpu
    target: Translation


@transition(actor=Actor.HYPERVISOR, manual="APM Vol. 2, 15.36.12, Table 15-41")
def write_vm_hsave_pa(system: System, op: WriteHostSaveArea) -> Outcome:
    """The page is checked when the MSR is written. What the MSR holds is not part of the state."""
    # 1. The MSR is written at CPL 0 by the host.
    if op.cpu.cpl != 0:
        return Outcome(Event.GP, "cpl", system, Evidence.MANUAL)
    if op.cpu.asid != 0:
        return Outcome(Event.VMEXIT, "guest", system, Evidence.MANUAL)

    # 2. The page is the hypervisor's.
    if cause := first_of(("spa-alignment", op.spa & 0xFFF != 0), ("hypervisor-owned", is_taken(system, op.spa, False))):
        return Outcome(Event.GP, cause, system, Evidence.MANUAL)
    return Outcome(Event.COMPLETES, "written", system, Evidence.MANUAL)


@transition(actor=Actor.HYPERVISOR, manual="APM Vol. 2, 15.36.12, Table 15-41")
def vmsave(system: System, op: Vmsave) -> Outcome:
    """Of the target page only the hypervisor's may be written. The size is taken as 4 KiB."""
    # 1. The instruction is privileged.
    if op.cpu.cpl != 0:
        return Outcome(Event.GP, "cpl", system, Evidence.MANUAL)

    # 2. The target is page-aligned and the hypervisor's, and no running processor's.
    if op.target.spa & 0xFFF != 0:
        return Outcome(Event.GP, "spa-alignment", system, Evidence.MANUAL)
    host = op.cpu.asid == 0
    lifted = all_of(host, system.platform.features.hv_in_use_write_allowed)
    cause = first_of(
        ("hypervisor-owned", is_taken(system, op.target.spa, False)),
        ("in-use", all_of(none_of(lifted), is_held(system, page_of(op.target.spa), False))),
    )
    if cause is None:
        return Outcome(Event.COMPLETES, "saved", system, Evidence.MANUAL)

    # 3. The host gets #GP, a guest's exit goes to the hypervisor.
    if host:
        return Outcome(Event.GP, cause, system, Evidence.MANUAL)
    return Outcome(Event.NPF, cause, system, Evidence.MANUAL, save_fault(op))


def save_fault(op: Vmsave) -> Fault:
    """A nested page fault on a write to the final address."""
    enc = bit_if(op.target.private, NpfInfo.ENC)
    error = NESTED_VIOLATION | int(NpfInfo.W | NpfInfo.FINAL_GPA) | enc
    return Fault(error, guest_physical(op.target))
