"""One virtual processor with restricted injection, its doorbell page, and the stack of what was interrupted."""

from typing import Annotated

from spec.features import Platform
from spec.hv.doorbell import Class, Doorbell, Vector, has_unmasked
from spec.hv.points import Point, PointNumber
from spec.hv.rules import HandlerChoices, HvRules
from spec.logic import all_of, any_of, none_of
from spec.maps import Map
from spec.record import record, replace
from spec.registry import Outcome
from spec.vocabulary import Bits, Evidence, GuestAction

Depth = Annotated[int, Bits(16, "depth")]
"""A number of frames; also the place of a frame, from 1."""
Place = Annotated[int, Bits(16, "place")]
"""A place of the stack that a statement speaks of."""
DEPTH_MASK = 0xFFFF
Nesting = Annotated[int, Bits(5)]
COUNT_MASK = 31
"""Counts of a wrong handler may come round; those of a careful one do not come so far (HV-H16)."""
Register = Annotated[int, Bits(5, "register")]
"""A register, in so far as it can hold an address of the program."""
EventNumber = Annotated[int, Bits(48)]
LAST_EVENT = (1 << 48) - 1
VcpuNumber = Annotated[int, Bits(2, "vcpu")]


class FrameKind:
    """Why a frame is on the stack (two bits)."""

    INTERRUPTED = 0
    """By #HV, or by an exception of the code's own."""
    CALLED = 1
    """The code after STI called the loop."""
    DISPATCHED = 2
    """The loop called an interrupt handler."""


@record
class Running:
    """A processor's registers, and what a part of the program knows. Floor, nesting, owing, looks, under are ghosts."""

    pc: PointNumber
    interrupts: bool
    """RFLAGS.IF."""
    seen: bool
    """The flag on which the next jump depends: the last look at the page found something."""
    vector: Vector
    """The vector that the loop has read."""
    tpr: Class
    floor: Class
    """The TPR at which the present code began; it never goes below."""
    nesting: Nesting
    """How many interrupt handlers have begun and not returned."""
    owing: Nesting
    """How many vectors have been taken and not ended."""
    looks: bool
    """This code, or what it returns to, will look at the whole page before it lets anything wait."""
    under: bool
    """Interrupts are enabled in the frame that this code returns to."""
    rax: Register
    """The register that the handler saves and uses first."""
    rest: Register
    """All other registers."""
    processor: VcpuNumber
    """The virtual processor that executes it; 0 owns the page."""


@record
class Frame:
    """What stands on the stack: the frame that IRET or RET takes, and the registers saved above it."""

    kind: Annotated[int, Bits(2, "kind")]
    rip: PointNumber
    context: Running
    """What was interrupted. Of it, the frame holds IF and `seen`; the rest is a ghost, to be compared with."""
    rax: Register
    rest: Register


@record
class Events:
    """Ghost state: what the hypervisor has posted, and what has become of it."""

    posted: EventNumber
    """How often a vector was written to the page; the number of the vector that stands there."""
    taken: EventNumber
    """The number of the vector that was taken last."""
    owed_vector: bool
    """An honest host has posted a vector that was not taken."""
    owed_nmi: bool
    owed_machine_check: bool
    frame_lost: bool
    """A frame that was still needed was overwritten."""


@record
class HvWorld:
    """Everything that a step can read or change."""

    platform: Platform
    rules: HvRules
    choices: HandlerChoices
    honest: bool
    """The host keeps to the protocol."""
    base: Class
    """The TPR of the guest's tasks."""
    room: Depth
    """How many frames the stack holds; a guard page is below."""
    handlers: Map[Vector, bool]
    """The vectors that the guest has interrupt handlers for."""
    registered: bool
    """The guest has told the hypervisor where its page is."""
    doorbell: Doorbell
    cpu: Running
    stack: Map[Depth, Frame]
    depth: Depth
    shadow: Map[Depth, PointNumber]
    """The return addresses on the shadow stack."""
    shadow_depth: Depth
    ist: Frame
    """The frame on the stack that #HV has of its own."""
    signalled: bool
    """#HV stands in EVENTINJ."""
    untold: bool
    """The host has written an event, and has yet to look at NoFurtherSignal."""
    halted: bool
    away: bool
    """A less privileged VMPL runs."""
    stopped: bool
    """The guest has terminated, or ran into the guard page."""
    events: Events


@record
class NoOperands:
    """The step has none."""


def top(world: HvWorld) -> Frame:
    """The frame that was pushed last."""
    return world.stack[world.depth]


def in_flight(world: HvWorld) -> bool:
    """The hypervisor is about to signal, or has signalled what the guest has yet to notice."""
    return any_of(world.signalled, all_of(world.untold, none_of(world.doorbell.no_further_signal)))


def is_executing(world: HvWorld) -> bool:
    """The processor takes a step of its own next: it runs, and a #HV does not come first (K-HV-DELIVER)."""
    first = all_of(world.signalled, world.platform.knobs.hv_before_next_instruction)
    return none_of(world.stopped, world.halted, world.away, first)


def elsewhere(world: HvWorld, point: Point) -> bool:
    """The processor is not about to execute the instruction at a point."""
    return none_of(all_of(is_executing(world), world.cpu.pc == point))


def must_look(world: HvWorld) -> bool:
    """A look at the page finds NoFurtherSignal, or a vector that the TPR does not mask."""
    found = any_of(world.doorbell.no_further_signal, has_unmasked(world.doorbell, world.cpu.tpr))
    return all_of(world.registered, found)


def moved(world: HvWorld, point: PointNumber) -> HvWorld:
    """The processor is at another point."""
    return replace(world, cpu=replace(world.cpu, pc=point))


def refrains(world: HvWorld, check: str) -> Outcome:
    """The step is not taken."""
    return Outcome(GuestAction.REFRAINS, check, world, Evidence.AGREED)


def continues(world: HvWorld, check: str) -> Outcome:
    """The step is taken."""
    return Outcome(GuestAction.CONTINUES, check, world, Evidence.AGREED)


def stops(world: HvWorld, check: str) -> Outcome:
    """The guest is not run on."""
    return Outcome(GuestAction.TERMINATES, check, replace(world, stopped=True), Evidence.AGREED)
