"""A careful SNP guest that changes the state of pages by a list over the GHCB page, on the machine with its RMP.

GHCB (56421), "SNP Page State Change". The list that the guest works by is private; the hypervisor sees a copy of it in
the shared buffer, and may write anything there at any moment. What it does to the RMP is its own affair: the machine's
steps (`spec/rmp`, `spec/firmware`) may come between any two of these.
"""

from enum import IntEnum, unique
from typing import Annotated

from spec.ghcb.vocabulary.page_state import EntryIndex
from spec.guest.world import World
from spec.maps import Map
from spec.record import record
from spec.rmp.entry import PageSizeBit
from spec.vocabulary import Bits, Gfn

BufferPlace = Annotated[int, Bits(17, "buffer")]
"""A place in the list's buffer: 0 is the header, then come the entries."""
PageView = Annotated[int, Bits(2, "view")]
"""See `View`."""
BufferWord = Annotated[int, Bits(64)]


@unique
class View(IntEnum):
    """How the guest may use a page."""

    NOT = 0
    """Not at all: its state is being changed."""
    PRIVATE = 1
    SHARED = 2


@unique
class ListStage(IntEnum):
    """How far a list has come."""

    IDLE = 0
    COLLECTING = 1
    """Pages are added; none of them is used any more."""
    RESCINDING = 2
    """Pages that are to be shared are rescinded, one a step."""
    FILLING = 3
    """The list is copied into the buffer, one place a step."""
    LEFT = 4
    """VMGEXIT; the hypervisor has had control."""
    DONE = 5
    """The hypervisor says that all was done: pages are taken into use, one a step."""


@record
class ListRules:
    """The rules of a careful guest for lists, besides those of `Discipline`; each can be switched off."""

    keeps_list: bool = True
    """What is validated is what the private list names, not what the buffer has come back with."""
    judges_reply: bool = True
    """A list is done only if the reply says so without contradiction."""
    validates_first: bool = True
    """A page is used as private only once PVALIDATE has accepted it, whatever the hypervisor says."""


CAREFUL_LISTS = ListRules()


@record
class Wanted:
    """A page of the private list."""

    gfn: Gfn
    page_size: PageSizeBit


@record
class ListExchange:
    """The machine with a careful guest, and the guest's list."""

    world: World
    rules: ListRules
    stage: Annotated[int, Bits(3)]
    """See `ListStage`."""
    to_shared: bool
    """What the pages of this list are to become."""
    wanted: Map[EntryIndex, Wanted]
    """The private list."""
    last: EntryIndex
    cursor: BufferPlace
    """The next entry to be rescinded, stored or taken into use."""
    progress: EntryIndex
    """The first entry that is not done, as far as the guest knows."""
    buffer: Map[BufferPlace, BufferWord]
    """Anyone's."""
    view: Map[Gfn, PageView]
    """How the guest may use each of its pages."""
