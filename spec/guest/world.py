"""The machine with one careful guest on it, among any number of others.

The guest's own memory of its pages is real state; the ghost state (`spec/guest/ghost.py`) is not.
"""

from spec.firmware.invariants import asid_of as firmware_asid_of
from spec.firmware.state import ContextPage
from spec.guest.ghost import Ghost
from spec.maps import Map
from spec.record import record
from spec.system.state import System
from spec.vocabulary import Gfn


@record
class Discipline:
    """The guest's rules D1 to D8 that concern page states; each can be switched off to see what it is for."""

    tracks_acceptance: bool = True
    """D1: validate a page only if it is not accepted already, and stop if PVALIDATE says that it was."""
    checks_carry_on_rescind: bool = True
    """D2: rescind only an accepted page, and stop if PVALIDATE says that it was not validated."""
    launched_without_repeats: bool = True
    """D3: the launch that the relying party accepts loads no page twice."""
    stops_on_unvalidated: bool = True
    """D4: an accepted page that raises #VC "not validated" is lost; never validate it on demand."""
    rescinds_before_sharing: bool = True
    """D8: rescind a page before telling the host that it is shared."""


CAREFUL = Discipline()


@record
class Guest:
    """One guest's identity and memory of its pages."""

    context: ContextPage
    """The page of its guest context: firmware's name for it."""
    uses: Map[Gfn, bool]
    """The guest-physical pages that the guest ever uses; what is elsewhere does not concern it."""
    accepted: Map[Gfn, bool]
    """T: the pages that it counts as private and valid."""
    stopped: bool
    """It has terminated, was decommissioned, or was never released by its relying party."""
    rules: Discipline


@record
class World:
    """The machine, the guest, and the ghost state."""

    system: System
    guest: Guest
    ghost: Ghost


def asid_of(world: World) -> int:
    """The guest's ASID; 0 while it has none."""
    return firmware_asid_of(world.system, world.guest.context)
