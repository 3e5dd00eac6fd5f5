"""Two runs of a small scene that differ in one secret: what an observer is told where a premise of T2 is dropped.

Both runs take the same steps. The search ends where somebody else than the guest sees a difference: another result,
another plain value in memory, another register of a guest that is not the one that keeps the secret.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple

from proofs.lifting import in_scene
from proofs.search import Found, Move, Taken, replayed, search
from proofs.small_memory import (
    HOST_PAGE,
    ONE,
    TWO,
    VCPU,
    G,
    H,
    X,
    Y,
    Z,
    after,
    assigns,
    careful,
    computes,
    ended,
    everything,
    fixed,
    reaching,
    reads,
    runs_from,
    start,
    writes,
)
from proofs.small_world import ASID, CONTEXT_PAGE, at, translated
from proofs.templates import nothing
from spec.firmware.dbg import DebugCopy, dbg_decrypt
from spec.guest.careful import PageStep, careful_accept
from spec.guest.careful_masks import MaskStep, careful_adjust
from spec.memory.block import Block
from spec.memory.guest import Computation, GuestAccess, guest_computes, guest_reads, guest_writes
from spec.memory.host import HostRead, host_reads
from spec.memory.observers import blocks_look_alike
from spec.memory.premises import Premise
from spec.memory.state import Scene
from spec.record import replace
from spec.registry import Outcome
from spec.rmp.cpu import HOST_CPU
from spec.rmp.rmpupdate import RmpUpdate, rmpupdate
from spec.vocabulary import PAGE_SHIFT, AccessCode, AgentCode, Event

Steps = tuple[Move[Scene], ...]
OTHER_ASID, OTHER_VCPU = 2, 0x92


class Pair(NamedTuple):
    """Two runs."""

    one: Scene
    other: Scene


def in_both(move: Move[Scene]) -> Move[Pair]:
    """The step in both runs; the outputs stand side by side."""

    @wraps(move.take)
    def take(pair: Pair, op: Any) -> Outcome:
        first, second = move.take(pair.one, op), move.take(pair.other, move.operands(pair.other))
        same = first.system is pair.one and second.system is pair.other
        return first._replace(system=pair if same else Pair(first.system, second.system), output=(first, second))

    return Move(take, lambda pair: move.operands(pair.one))


def is_told_apart(before: Pair, taken: Taken) -> bool:
    """Somebody who is not the guest sees which run it is."""
    first, second = taken.outcome.output
    if (first.result, first.check) != (second.result, second.check):
        return True
    if first.result is Event.NPF:
        return bool(first.output != second.output)
    if isinstance(first.output, Block):
        return not blocks_look_alike(before.one, first.output, second.output)
    if not isinstance(taken.op, GuestAccess) or first.output is None:
        return False
    access = taken.op.access
    own = access.agent == AgentCode.SNP_GUEST and access.asid == ASID
    return not own and bool(first.output != second.output)


# --- what may happen ---


def host_reads_page(page: int) -> Move[Scene]:
    """The host reads a page."""
    return fixed(host_reads, HostRead(page << PAGE_SHIFT, 0, 0))


def shares(page: int) -> Move[Scene]:
    """The guest stores its register through a shared mapping, if it takes it for public."""
    access = reaching(AccessCode.WRITE, G, page, private=False)
    op = GuestAccess(VCPU, access, False, 0)
    return Move(guest_writes, lambda scene: op if scene.written.clean[VCPU] else None)


def other_guest_reads(page: int, asid: int) -> Move[Scene]:
    """A legacy guest reads, under an ASID that the hypervisor chose."""
    access = replace(reaching(AccessCode.READ, G, page), agent=int(AgentCode.NON_SNP_GUEST), asid=asid)
    return fixed(guest_reads, GuestAccess(OTHER_VCPU, access, False, 0))


def adjusts(level: int, *, vmsa: bool = False) -> Move[Scene]:
    """The guest closes a page to a level, or makes it a VMSA."""
    page = PageStep(translated(H, Y), 0)
    return fixed(in_scene(careful_adjust), MaskStep(page, level, 0, vmsa))


FIRMWARE_PAGE = fixed(
    in_scene(rmpupdate),
    replace(nothing(RmpUpdate), cpu=HOST_CPU, spa=HOST_PAGE << PAGE_SHIFT, assigned=True, immutable=True),
)
DECRYPT = fixed(in_scene(dbg_decrypt), DebugCopy(at(CONTEXT_PAGE), at(X), at(HOST_PAGE)))
RUN, EXIT = runs_from(Y)


def keeps(value: int) -> Steps:
    """The guest keeps a secret in a page."""
    return assigns(X, G), careful(careful_accept, X), computes(value), writes(X)


def keeps_beside_public(value: int) -> Steps:
    """The guest keeps a public value at one address and a secret at another."""
    public = fixed(guest_computes, Computation(VCPU, ONE, public=True))
    own = (assigns(X, G), careful(careful_accept, X), public, writes(X))
    return (*own, assigns(Y, H), careful(careful_accept, Y, H), computes(value), writes(Y, H))


def keeps_in_register(value: int) -> Steps:
    """A virtual processor of the guest runs with a secret in its register."""
    made = (assigns(Y, H), careful(careful_accept, Y, H), *(adjusts(level) for level in (1, 2, 3)))
    return (*made, adjusts(1, vmsa=True), RUN, fixed(guest_computes, Computation(Y, value, public=False)))


CASES: dict[str, tuple[Callable[[int], Steps], Steps]] = {
    "R1": (keeps_in_register, (EXIT, host_reads_page(Y))),
    "R5": (keeps_beside_public, (reads(G, Y), shares(Z), host_reads_page(Z))),
    "R17": (keeps, (FIRMWARE_PAGE, DECRYPT, host_reads_page(HOST_PAGE))),
    "R23": (keeps, (other_guest_reads(X, OTHER_ASID), host_reads_page(X))),
    "R25": (keeps, (other_guest_reads(X, ASID), host_reads_page(X))),
}
"""For each premise where the secret is, and who may do what then."""


def reads_by_its_secret(page: int) -> Move[Scene]:
    """The guest reads at one of two addresses, as its secret says; the hypervisor maps both to one page."""

    def operands(scene: Scene) -> GuestAccess:
        frame = G if scene.memory.registers[VCPU] == TWO else H
        return GuestAccess(VCPU, reaching(AccessCode.READ, frame, page), False, 0)

    return Move(guest_reads, operands)


SHOWN = GuestAccess(VCPU, reaching(AccessCode.WRITE, G, Z, private=False), False, 0)
CASES |= {
    "shared pages": (keeps, (fixed(guest_writes, SHOWN), host_reads_page(Z))),
    "access pattern": (keeps, (reads_by_its_secret(Z),)),
}
LEAKS = ("shared pages", "access pattern", "R23")
"""What T2 leaves open by name: what the guest shows itself, where it reads, and equal ciphertexts."""


def public_at_g(scene: Scene) -> Scene:
    """The guest keeps public values at one of its addresses."""
    return replace(scene, written=replace(scene.written, public=scene.written.public.set(G, True)))


def begins(premise: Premise | None, case: str) -> Pair:
    """Two runs in which the guest keeps one secret or another."""
    keep, _ = CASES[case]
    one, other = (after(public_at_g(start(premise)), keep(secret)) for secret in (ONE + 1, TWO))
    return Pair(one, other)


def looked_for(premise: Premise | None, case: str) -> Found[Pair]:
    """What tells the runs apart, if anything does."""
    pair = begins(premise, case)
    moves = [in_both(move) for move in CASES[case][1]]
    return search(
        pair,
        moves,
        lambda both: tuple(map(everything, both)),
        lambda _: False,
        lambda both: ended(both.one),
        is_bad_step=is_told_apart,
    )


def against_confidentiality(premise: Premise) -> Found[Pair]:
    """A shortest trace after which the runs are told apart, replayed; LookupError if there is none."""
    found = looked_for(premise, premise.name)
    if not found.trace:
        raise LookupError(f"no trace against T2 without {premise.name}")
    *first, last = found.trace
    before = replayed(begins(premise, premise.name), first)
    if not is_told_apart(before, Taken(last.take, last.op, last.take(before, last.op))):
        raise AssertionError(f"T2 without {premise.name}: the replay does not confirm it")
    return found
