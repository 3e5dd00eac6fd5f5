"""The processor that executes an RMP instruction, and the refusals that all host or all guest instructions share.

All of them but PVALIDATE exist in 64-bit mode only, and the model knows them in no other.
"""

from spec.features import Platform
from spec.knobs import HostInstruction
from spec.logic import any_of, none_of
from spec.record import record
from spec.registry import Outcome
from spec.system.state import System
from spec.vocabulary import Asid, Cpl, Eax, Event, Evidence, Vmpl


@record
class Cpu:
    """What matters of a processor: whose code it runs, and at which levels."""

    asid: Asid
    """0 for the host."""
    vmpl: Vmpl
    cpl: Cpl
    snp_active: bool
    """The guest that runs is an SNP guest (SEV_FEATURES.SNPActive)."""
    reflect_vc: bool = False
    """Its #VC exceptions become exits (SEV_FEATURES.ReflectVC)."""


HOST_CPU = Cpu(asid=0, vmpl=0, cpl=0, snp_active=False)


def host_instruction_refused(system: System, cpu: Cpu) -> Outcome | None:
    """The checks in front of RMPUPDATE, PSMASH and RMPREAD, or None if the host may go on (APM Vol. 3)."""
    platform: Platform = system.platform

    # The instruction exists only while SNP is enabled.
    if not platform.features.snp_enabled:
        return Outcome(Event.UD, "feature", system, Evidence.MANUAL)

    # It is privileged.
    if cpu.cpl != 0:
        return Outcome(Event.GP, "cpl", system, Evidence.MANUAL)

    # It is the host's.
    if cpu.asid == 0:
        return None

    # Inside a guest: an intercept, #UD, or a result code (knob K-HOSTINSN).
    if platform.knobs.host_instruction == HostInstruction.UD:
        return Outcome(Event.UD, "guest", system, Evidence.INFERRED)
    if platform.knobs.host_instruction == HostInstruction.VMEXIT:
        return Outcome(Event.VMEXIT, "guest", system, Evidence.INFERRED)
    return Outcome(Eax.FAIL_PERMISSION, "guest", system, Evidence.AGREED)


def guest_instruction_refused(system: System, cpu: Cpu) -> Outcome | None:
    """The checks in front of PVALIDATE, RMPADJUST and RMPQUERY, or None if the guest may go on (APM Vol. 3)."""
    # The instruction exists only while SNP is enabled, and in SNP guests only.
    if not system.platform.features.snp_enabled:
        return Outcome(Event.UD, "feature", system, Evidence.MANUAL)
    if any_of(cpu.asid == 0, none_of(cpu.snp_active)):
        return Outcome(Event.UD, "snp-guest", system, Evidence.MANUAL)

    # It is privileged.
    if cpu.cpl != 0:
        return Outcome(Event.GP, "cpl", system, Evidence.MANUAL)
    return None
