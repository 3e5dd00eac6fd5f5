"""The instructions of the #HV handler and of the code around it that matter, as addresses in the order of the program.

Each is one step, and each makes one access to the doorbell page at most. A #HV may come before any of them.
"""

from enum import IntEnum, unique
from typing import Annotated

from spec.logic import all_of, any_of, ite
from spec.vocabulary import Bits

PointNumber = Annotated[int, Bits(5)]
"""A `Point`, or any other address; those above the last are nowhere."""


@unique
class Point(IntEnum):
    """Where a processor is: the instruction that it executes next."""

    CODE = 0
    """Ordinary code: of the guest's tasks, or of an interrupt handler."""
    ENABLE_TEST = 1
    """The look at the page after STI."""
    HALT_TEST = 2
    HALT_JUMP = 3
    HALT_ENABLE = 4
    """STI, directly before HLT."""
    HALT = 5
    HALT_END = 6
    """CLI after HLT."""
    LEAVE_TEST = 7
    LEAVE_JUMP = 8
    LEAVE_REQUEST = 9
    """WRMSR of the request to run another VMPL."""
    LEAVE = 10
    """VMGEXIT."""
    LEAVE_END = 11
    IST_ENTRY = 12
    """First instruction of the handler where #HV has a stack of its own: the frame is moved away from there."""
    ENTRY = 13
    """The handler looks at what was interrupted."""
    POSTPONE_EVENTS = 14
    """NMI and #MC are taken from the page."""
    POSTPONE = 15
    """IRET to code that will look at the page itself."""
    CLEAR = 16
    """First access of the loop: flags are fetched and cleared."""
    CLEAR_STORE = 17
    """The second half of a clear that is not atomic; a careful handler never comes here."""
    READ = 18
    """Second access: the vector is read."""
    CONSUME = 19
    """Third access: the vector is exchanged for 0."""
    DISPATCH = 20
    """The TPR is raised, interrupts are enabled, the interrupt handler is called."""
    FINISH = 21
    """The TPR is restored after CLI."""
    EOI_TEST = 22
    """NoEoiRequired is fetched and cleared."""
    EOI = 23
    """WRMSR to the EOI register."""
    RESUME = 24
    """Return to code that called the loop, with STI."""
    RETURN_TEST = 25
    RETURN_JUMP = 26
    RETURN_LOAD = 27
    """Registers are reloaded."""
    RETURN_IRET = 28


def is_from(point: PointNumber, first: Point, last: Point) -> bool:
    """The address lies between two points, both included."""
    return all_of(point >= int(first), point <= int(last))


def in_entry(point: PointNumber) -> bool:
    """The handler has not decided yet, or returns at once."""
    return is_from(point, Point.IST_ENTRY, Point.POSTPONE)


def in_loop(point: PointNumber) -> bool:
    """The loop over the page, except for the interrupt handlers that it calls."""
    return any_of(is_from(point, Point.CLEAR, Point.DISPATCH), is_from(point, Point.EOI_TEST, Point.EOI))


def in_service(point: PointNumber) -> bool:
    """A vector has been taken, no interrupt handler runs for it, and its end is still to be told."""
    return any_of(point == Point.DISPATCH, is_from(point, Point.EOI_TEST, Point.EOI))


def in_return(point: PointNumber) -> bool:
    """The way back to what was interrupted."""
    return is_from(point, Point.RETURN_TEST, Point.RETURN_IRET)


def in_window(point: PointNumber, first: Point, end: Point, late: bool) -> bool:
    """The address is inside a window `[first, end)`; `late`: the first instruction is left out."""
    return all_of(point >= ite(late, int(first) + 1, int(first)), point < int(end))
