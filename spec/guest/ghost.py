"""Ghost state: where the one valid copy of each of a guest's pages is, through swapping and through nested swapping.

No one can read it; it names what the invariants speak of. A swapped-out page is known by the IV of its metadata entry.
The entry stands in a *container*: the guest's context, or a METADATA page, which keeps its identity when it is moved or
is swapped out itself. So each step changes one place, however many entries a METADATA page holds.

Of the guest's launch it has what was measured, and whether the guest has run since.
"""

from typing import Annotated

from spec.firmware.sealing import Iv
from spec.guest.measured import Measured
from spec.maps import Map
from spec.record import record
from spec.vocabulary import Bits, Gfn, Pfn

Container = Annotated[int, Bits(48)]
"""Identity of a METADATA page's content; 0 is the guest context, which holds the root entry."""
ROOT: Container = 0
LAST_CONTAINER = (1 << 48) - 1


class HomeKind:
    """What holds a thing (two bits)."""

    NONE = 0
    PAGE = 1
    """A page of memory."""
    TOKEN = 2
    """A metadata entry, which can bring it back."""


@record
class Home:
    """Where a page's valid copy is, or where a container is: a page, or the metadata entry with an IV."""

    kind: Annotated[int, Bits(2)]
    page: Pfn
    iv: Iv


NO_HOME = Home(HomeKind.NONE, 0, 0)


def at_page(page: Pfn) -> Home:
    """In a page of memory."""
    return Home(HomeKind.PAGE, page, 0)


def sealed_as(iv: Iv) -> Home:
    """Swapped out; the metadata entry with this IV brings it back."""
    return Home(HomeKind.TOKEN, 0, iv)


@record
class Place:
    """Where a metadata entry stands."""

    container: Container
    position: Annotated[int, Bits(6)]


@record
class Ghost:
    """The ghost state of one guest."""

    home: Map[Gfn, Home]
    """The one valid copy at each guest address."""
    place: Map[Iv, Place]
    """The one place of the metadata entry with each IV."""
    live: Map[Iv, bool]
    """The entry was made and not used up."""
    of_page: Map[Pfn, Container]
    """The container that a METADATA page holds."""
    of_seal: Map[Iv, Container]
    """The container that was swapped out with this IV."""
    container: Map[Container, Home]
    """Where each container is."""
    next_container: Container
    measured: Map[Measured, bool]
    """SNP_LAUNCH_UPDATE has measured this, as whatever type."""
    measured_data: Map[Measured, bool]
    """It has measured this as another type than VMSA."""
    measured_vmsa: Map[Gfn, bool]
    """It has measured a VMSA at this address, with whatever masks."""
    entered: bool
    """VMRUN has entered the guest."""


def no_ghosts() -> Ghost:
    """The ghost state of a guest that has not begun."""
    return Ghost(
        home=Map(NO_HOME),
        place=Map(Place(ROOT, 0)),
        live=Map(False),
        of_page=Map(ROOT),
        of_seal=Map(ROOT),
        container=Map(NO_HOME),
        next_container=1,
        measured=Map(False),
        measured_data=Map(False),
        measured_vmsa=Map(False),
        entered=False,
    )
