"""The machine with one careful guest on it, among any number of others.

The guest's own memory of its pages is real state; the ghost state (`spec/guest/ghost.py`) is not.
"""

from spec.firmware.invariants import asid_of as firmware_asid_of
from spec.firmware.state import ContextPage
from spec.guest.ghost import Ghost
from spec.guest.given import Given
from spec.logic import all_of
from spec.maps import Map
from spec.record import fields_of, record
from spec.system.state import System
from spec.vocabulary import Gfn


@record
class Discipline:
    """The guest's rules that concern page states, masks and VMSAs; each can be switched off to see what it is for.

    D5, D7 and half of D6 are about caches and contents (`spec/memory/state.py`); D10 is about what the guest shows.
    The launch that the relying party accepts is part of the discipline: by its digest it is the guest's own.
    """

    tracks_acceptance: bool = True
    """D1: validate a page only if it is not accepted already, and stop if PVALIDATE says that it was."""
    checks_carry_on_rescind: bool = True
    """D2: rescind only an accepted page, and stop if PVALIDATE says that it was not validated."""
    launched_without_repeats: bool = True
    """D3: the launch that the relying party accepts loads no page twice."""
    stops_on_unvalidated: bool = True
    """D4: an accepted page that raises #VC "not validated" is lost; never validate it on demand."""
    closes_on_accepting: bool = True
    """D6: what an accepted page is open to is unknown until the guest has set the masks of VMPL1, VMPL2 and VMPL3."""
    rescinds_before_sharing: bool = True
    """D8: rescind a page before telling the host that it is shared."""
    takes_turns: bool = True
    """D9: look a page up and validate it while no other processor of the guest does."""
    launched_closed: bool = True
    """The launch that the relying party accepts lets no VMPL but 0 write anything; pages are opened later."""
    closes_vmsas: bool = True
    """Make a page a VMSA only if no VMPL but 0 may write it."""


CAREFUL = Discipline()


def is_careful(rules: Discipline) -> bool:
    """Every rule is kept."""
    return all_of(*(getattr(rules, field.name) for field in fields_of(Discipline)))


@record
class Guest:
    """One guest's identity and memory of its pages."""

    context: ContextPage
    """The page of its guest context: firmware's name for it."""
    uses: Map[Gfn, bool]
    """The guest-physical pages that the guest ever uses; what is elsewhere does not concern it."""
    accepted: Map[Gfn, bool]
    """T: the pages that it counts as private and valid."""
    given: Map[Gfn, Given]
    """What VMPL0 or the launch has given less privileged levels on each accepted page."""
    looked_up: Map[Gfn, bool]
    """A processor found the page not accepted, and has yet to validate it. Never with rule D9."""
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
