"""VIRT_RMPUPDATE and VIRT_PSMASH: a hypervisor inside a guest asks the top-level hypervisor to change its RMP.

MSRs C001_F001 and C001_F002 (APM Vol. 2, 15.36.19). No processor has them: the top-level hypervisor intercepts the
write, finds the page behind the guest-physical address in RAX, executes the instruction itself, and returns its code.
"""

from spec.logic import first_of, none_of
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.rmp.cpu import HOST_CPU, Cpu
from spec.rmp.psmash import Psmash, psmash
from spec.rmp.rmpupdate import RmpUpdate, rmpupdate
from spec.system.state import System
from spec.vocabulary import Actor, Address, Eax, Event, Evidence


@record
class VirtRmpUpdate:
    """WRMSR of C001_F001: RAX, and RDX and R8 with the 16-byte operand."""

    caller: Cpu
    gpa: Address
    """RAX."""
    mapped: bool
    """The top-level hypervisor has a page for it."""
    update: RmpUpdate
    """What that hypervisor executes, on its own processor, for that page."""


@record
class VirtPsmash:
    """WRMSR of C001_F002: RAX."""

    caller: Cpu
    gpa: Address
    mapped: bool
    split: Psmash


def msr_write_refused(system: System, caller: Cpu) -> Outcome | None:
    """The MSR is there, for code at CPL 0 of a guest."""
    if cause := first_of(
        ("feature", none_of(system.platform.features.nested_virt_snp_msr)),
        ("cpl", caller.cpl != 0),
        ("host", caller.asid == 0),
    ):
        return Outcome(Event.GP, cause, system, Evidence.MANUAL)
    return None


@transition(actor=Actor.HYPERVISOR, manual="APM Vol. 2, 15.36.19, VIRT_RMPUPDATE")
def virt_rmpupdate(system: System, op: VirtRmpUpdate) -> Outcome:
    """RAX returns the code of the RMPUPDATE that is executed."""
    # 1. The MSR is there.
    if (refused := msr_write_refused(system, op.caller)) is not None:
        return refused

    # 2. The operand names a page of the caller's memory.
    if cause := first_of(("gpa-page-alignment", op.gpa & 0xFFF != 0), ("mapped", none_of(op.mapped))):
        return Outcome(Eax.FAIL_INPUT, cause, system, Evidence.INFERRED)

    # 3. The rest is RMPUPDATE.
    return rmpupdate(system, replace(op.update, cpu=HOST_CPU))


@transition(actor=Actor.HYPERVISOR, manual="APM Vol. 2, 15.36.19, VIRT_PSMASH")
def virt_psmash(system: System, op: VirtPsmash) -> Outcome:
    """RAX returns the code of the PSMASH that is executed."""
    # 1. The MSR is there.
    if (refused := msr_write_refused(system, op.caller)) is not None:
        return refused

    # 2. The operand names a 2 MiB-aligned page of the caller's memory.
    if cause := first_of(("gpa-alignment", op.gpa & 0x1FFFFF != 0), ("mapped", none_of(op.mapped))):
        return Outcome(Eax.FAIL_INPUT, cause, system, Evidence.INFERRED)

    # 3. The rest is PSMASH.
    return psmash(system, replace(op.split, cpu=HOST_CPU))
