"""HLT and VMGEXIT to another VMPL, at the ends of their windows (GHCB, "#HV Exception" and "SNP Run VMPL")."""

from spec.hv.entry import SOURCE
from spec.hv.points import Point
from spec.hv.world import HvWorld, NoOperands, continues, elsewhere, moved, refrains
from spec.logic import all_of
from spec.record import replace
from spec.registry import Outcome, transition
from spec.vocabulary import Actor

LEAVING = 'GHCB (56421), "SNP Run VMPL"'


@transition(actor=Actor.CAREFUL_GUEST, manual=SOURCE)
def halt_enables(world: HvWorld, op: NoOperands) -> Outcome:
    """STI, directly before HLT. Its shadow keeps no #HV away."""
    # 1. The processor is at this instruction.
    if elsewhere(world, Point.HALT_ENABLE):
        return refrains(world, "elsewhere")
    return continues(replace(world, cpu=replace(world.cpu, pc=Point.HALT, interrupts=True)), "enabled")


@transition(actor=Actor.CAREFUL_GUEST, manual=SOURCE)
def halt_stops(world: HvWorld, op: NoOperands) -> Outcome:
    """HLT: the processor waits for #HV."""
    # 1. The processor is at this instruction.
    if elsewhere(world, Point.HALT):
        return refrains(world, "elsewhere")
    return continues(replace(moved(world, Point.HALT_END), halted=True), "halted")


@transition(actor=Actor.CAREFUL_GUEST, manual=SOURCE)
def halt_ends(world: HvWorld, op: NoOperands) -> Outcome:
    """CLI after HLT, or instead of it; whoever was idle looks again when it enables interrupts."""
    # 1. The processor is at this instruction.
    if elsewhere(world, Point.HALT_END):
        return refrains(world, "elsewhere")
    cpu = replace(world.cpu, pc=Point.CODE, interrupts=False, looks=True)
    return continues(replace(world, cpu=cpu), "awake")


@transition(actor=Actor.CAREFUL_GUEST, manual=LEAVING)
def leave_requests(world: HvWorld, op: NoOperands) -> Outcome:
    """The request to run another VMPL is written to the GHCB MSR."""
    # 1. The processor is at this instruction.
    if elsewhere(world, Point.LEAVE_REQUEST):
        return refrains(world, "elsewhere")
    return continues(moved(world, Point.LEAVE), "requested")


@transition(actor=Actor.CAREFUL_GUEST, manual=LEAVING)
def leave_exits(world: HvWorld, op: NoOperands) -> Outcome:
    """VMGEXIT: the hypervisor runs another VMPL."""
    # 1. The processor is at this instruction.
    if elsewhere(world, Point.LEAVE):
        return refrains(world, "elsewhere")

    # 2. An honest host first delivers the #HV that it has signalled (K-RUNVMPL-PEND).
    if all_of(world.signalled, world.platform.knobs.run_vmpl_delivers_hv):
        return refrains(world, "hv-comes-first")
    return continues(replace(moved(world, Point.LEAVE_END), away=True), "left")


@transition(actor=Actor.CAREFUL_GUEST, manual=LEAVING)
def leave_ends(world: HvWorld, op: NoOperands) -> Outcome:
    """After VMGEXIT, or instead of it: the caller looks at what it wanted anew."""
    # 1. The processor is at this instruction.
    if elsewhere(world, Point.LEAVE_END):
        return refrains(world, "elsewhere")
    return continues(replace(world, cpu=replace(world.cpu, pc=Point.CODE, looks=True)), "back")


TRANSITIONS = (halt_enables, halt_stops, halt_ends, leave_requests, leave_exits, leave_ends)
