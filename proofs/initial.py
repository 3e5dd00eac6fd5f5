"""Initial states as the outcome of a step from anywhere: processor reset, and the birth of a careful guest.

The obligations are those of any step, without hypotheses: the invariants hold in the state that it leaves.
"""

from collections.abc import Callable
from typing import Any, cast, get_args, get_origin

import z3

from proofs.symbolic import SymBits, bits_term, bool_term
from proofs.tables import Base, SymMap
from proofs.templates import nothing
from spec.attestation.exchange import Channel, Correspondent, Exchange, Sent, Thrift, Vmpck
from spec.attestation.parties import Parties, Request, RequestNumber, Signature, SignatureNumber
from spec.features import MILAN, Platform
from spec.firmware.state import ContextPage, KeyId
from spec.guest.ghost import Ghost, no_ghosts
from spec.guest.given import NOTHING, Given
from spec.guest.world import Discipline, Guest, World
from spec.maps import Map
from spec.memory.state import Memory, Scene, Written, no_memory, nothing_written
from spec.record import fields_of, is_record, record, replace
from spec.registry import Outcome, transition
from spec.system.initial import booted
from spec.system.state import System
from spec.vocabulary import Actor, Event, Evidence, Gfn


class Everywhere(SymMap):
    """A table with one value at every key."""

    def __init__(self, like: Base, value: Any) -> None:
        super().__init__(like)
        self.value = value

    def value_at(self, key: Any) -> Any:  # noqa: ARG002 - every key has the same
        return self.value

    def writes(self) -> list[tuple[Any, Any]]:
        return []

    def count_in_range(self, first: Any, count: int, predicate: Callable[[Any], Any]) -> Any:  # noqa: ARG002 - the same
        """All of them, or none."""
        holds = bool_term(predicate(self.value))
        return SymBits(z3.If(holds, z3.BitVecVal(count, 10), z3.BitVecVal(0, 10)), 10)

    def total_over_blocks(self, size: int, part: Callable[[Any, Any], Any]) -> Any:  # noqa: ARG002 - the same
        """A sum of nothing, if no block has a part; then the claim that needs it can be proved."""
        first = part(self, SymBits(z3.BitVec("any block", 40), 40))
        return 0 if z3.is_true(z3.simplify(bits_term(first).z == 0)) else unknown_total()


def unknown_total() -> SymBits:
    """A total of which nothing is known."""
    return SymBits(z3.BitVec("total", 44), 44)


def everywhere(kind: Any, plain: Any, name: str) -> Any:
    """A plain state in which no table has been written, as a symbolic one."""
    if get_origin(kind) is Map:
        return Everywhere(Base(name, *get_args(kind)), plain[1 << 127])
    if is_record(kind):
        parts = (everywhere(f.type, getattr(plain, f.name), f"{name}.{f.name}") for f in fields_of(kind))
        return assembled(kind, *parts)
    return plain


def assembled(kind: Any, *parts: Any) -> Any:
    """A record of parts that may be tables, which its declared types do not know."""
    return tuple.__new__(kind, parts)


@record
class Reset:
    """What the machine is, and which guest is followed."""

    platform: Platform
    context: ContextPage
    rules: Discipline


def started(platform: Platform) -> System:
    """The state after reset, on any platform."""
    plain = booted(MILAN)
    parts = {f.name: everywhere(f.type, getattr(plain, f.name), f"start.{f.name}") for f in fields_of(System)}
    return cast(System, assembled(System, *(parts | {"platform": platform}).values()))


@transition(actor=Actor.HARDWARE, manual="APM Vol. 2, 15.36.4")
def reset(system: System, op: Reset) -> Outcome:  # noqa: ARG001 - whatever was before is gone
    """The RMP was zeroed; firmware is not initialised."""
    return Outcome(Event.COMPLETES, "started", started(op.platform), Evidence.MANUAL)


def unborn(op: Reset, uses: Any) -> World:
    """A guest that has not begun, on a machine that was reset."""
    accepted = everywhere(Map[Gfn, bool], Map(False), "start.accepted")
    given = everywhere(Map[Gfn, Given], Map(NOTHING), "start.given")
    looked_up = everywhere(Map[Gfn, bool], Map(False), "start.looked_up")
    guest = assembled(Guest, op.context, uses, accepted, given, looked_up, False, op.rules)
    world = assembled(World, started(op.platform), guest, everywhere(Ghost, no_ghosts(), "start.ghost"))
    return cast(World, world)


@transition(actor=Actor.HARDWARE, manual="APM Vol. 2, 15.36.4")
def guest_reset(world: World, op: Reset) -> Outcome:
    """The same, and a guest that has not begun: it has accepted nothing, and nothing of it is anywhere."""
    return Outcome(Event.COMPLETES, "started", unborn(op, world.guest.uses), Evidence.MANUAL)


@transition(actor=Actor.HARDWARE, manual="APM Vol. 2, 15.36.4")
def scene_reset(scene: Scene, op: Reset) -> Outcome:
    """The same, with memory in which nothing was written; whichever rules are kept."""
    memory = everywhere(Memory, no_memory(), "start.memory")
    written = everywhere(Written, nothing_written(), "start.written")
    world = unborn(op, scene.world.guest.uses)
    after = assembled(Scene, world, memory, written, scene.rules, scene.habits)
    return Outcome(Event.COMPLETES, "started", after, Evidence.MANUAL)


@record
class Introduction:
    """Who takes part, and what each of them does."""

    parties: Parties


@transition(actor=Actor.HARDWARE, manual='Firmware ABI (56860), "Attestation"')
def attestation_reset(parties: Parties, op: Introduction) -> Outcome:  # noqa: ARG001 - whatever was before is gone
    """Nobody has asked, signed or drawn anything; the relying party waits for a nonce that it will not draw."""
    given = op.parties
    requests = everywhere(Map[RequestNumber, Request], Map(nothing(Request)), "start.requests")
    signatures = everywhere(Map[SignatureNumber, Signature], Map(nothing(Signature)), "start.signatures")
    reference = replace(given.reference, report_data=0)
    after = assembled(
        Parties,
        given.chips,
        given.guests,
        requests,
        signatures,
        0,
        0,
        1,
        given.losses,
        given.care,
        given.rules,
        reference,
    )
    return Outcome(Event.COMPLETES, "started", after, Evidence.MANUAL)


@record
class Acquaintance:
    """The machine, and whose messages are followed."""

    platform: Platform
    keys: KeyId
    rules: Thrift


@transition(actor=Actor.HARDWARE, manual='Firmware ABI (56860), "Guest Messages"')
def messages_reset(exchange: Exchange, op: Acquaintance) -> Outcome:  # noqa: ARG001 - whatever was before is gone
    """Nobody has sealed or answered anything."""
    channels = everywhere(Map[Vmpck, Channel], Map(nothing(Channel)), "start.channels")
    ghost: Sent = nothing(Sent)
    guest = assembled(Correspondent, op.keys, channels, op.rules)
    after = assembled(Exchange, started(op.platform), guest, everywhere(Sent, ghost, "start.sent"))
    return Outcome(Event.COMPLETES, "started", after, Evidence.MANUAL)
