"""The state in which a virtual processor with restricted injection begins: no page, nothing on the stack, IF clear."""

from spec.features import Platform
from spec.hv.doorbell import EMPTY
from spec.hv.points import Point
from spec.hv.rules import CAREFUL_HANDLER, HandlerChoices
from spec.hv.world import Events, Frame, FrameKind, HvWorld, Running
from spec.maps import Map
from spec.record import replace

AT_START = Running(int(Point.CODE), False, False, 0, 0, 0, 0, 0, True, False, 0, 0, 0)
NO_FRAME = Frame(FrameKind.INTERRUPTED, int(Point.CODE), AT_START, 0, 0)
NO_EVENTS = Events(0, 0, False, False, False, False)
USUAL_ROOM = 64


def beginning(world: HvWorld) -> HvWorld:
    """The same guest and host, before the first instruction."""
    cpu = replace(AT_START, tpr=world.base, floor=world.base)
    return replace(
        world,
        registered=False,
        doorbell=EMPTY,
        cpu=cpu,
        depth=0,
        shadow_depth=0,
        ist=NO_FRAME,
        signalled=False,
        untold=False,
        halted=False,
        away=False,
        stopped=False,
        events=NO_EVENTS,
    )


def started(platform: Platform) -> HvWorld:
    """A careful guest without interrupt handlers, and an honest host."""
    return HvWorld(
        platform=platform,
        rules=CAREFUL_HANDLER,
        choices=HandlerChoices(),
        honest=True,
        base=0,
        room=USUAL_ROOM,
        handlers=Map(False),
        registered=False,
        doorbell=EMPTY,
        cpu=AT_START,
        stack=Map(NO_FRAME),
        depth=0,
        shadow=Map(int(Point.CODE)),
        shadow_depth=0,
        ist=NO_FRAME,
        signalled=False,
        untold=False,
        halted=False,
        away=False,
        stopped=False,
        events=NO_EVENTS,
    )
