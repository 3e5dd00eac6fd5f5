"""A guest at memory: what its loads and stores reach, fresh or through a cached translation, and under which key.

Guest page tables are the guest's, nested ones the hypervisor's: a fresh translation may be anything. So may the ASID
and the kind of guest, which the hypervisor writes into the VMCB.
"""

from typing import NamedTuple

from spec.guest.world import asid_of
from spec.logic import all_of, any_of, first_of, is_subset, ite, none_of
from spec.memory.asking import checked, is_guest, is_private, key_for
from spec.memory.block import Block, Word, opened
from spec.memory.state import Scene, content, storing
from spec.memory.tlb import TlbEntry, TlbSlot, Vcpu, covers, frame_reached, page_reached
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.rmp.access_kind import MemoryAccess, is_write, required
from spec.rmp.authority import page_of
from spec.vocabulary import Actor, AgentCode, Event, Evidence, Gfn, Limit, Pfn

ENGINE = "APM Vol. 2, 15.34.4 to 15.34.6; 15.36.10"


@record
class GuestAccess:
    """One access of a guest, and whether it goes by a translation that the processor has cached."""

    vcpu: Vcpu
    access: MemoryAccess
    """Its translation is the one that a walk would give now."""
    cached: bool
    slot: TlbSlot


class Place(NamedTuple):
    """Where an access arrives, if it does."""

    cached: bool
    gfn: Gfn
    page: Pfn


def is_usable(scene: Scene, op: GuestAccess, entry: TlbEntry) -> bool:
    """The processor may go by the entry. That it belongs to the virtual processor is tracked since SNP only (R13)."""
    access = op.access
    return all_of(
        entry.present,
        entry.asid == access.asid,
        ite(access.agent == AgentCode.SNP_GUEST, entry.snp, none_of(entry.snp)),
        any_of(entry.vcpu == op.vcpu, none_of(scene.rules.translations_tracked)),
        any_of(entry.vmpl == access.vmpl, none_of(scene.rules.translations_tracked)),
        covers(entry, access.translation.gva),
        ite(is_private(access), entry.private, none_of(entry.private)),
        is_subset(required(scene.world.system, access), of=entry.mask),
    )


def place_of(scene: Scene, op: GuestAccess) -> Place:
    """By a cached translation, if the processor has one that it may use; else where a walk leads."""
    entry, walked = scene.memory.tlb[op.slot], op.access.translation
    cached = all_of(op.cached, is_usable(scene, op, entry))
    return Place(
        cached,
        ite(cached, frame_reached(entry, walked.gva), walked.gfn),
        ite(cached, page_reached(entry, walked.gva), page_of(walked.spa)),
    )


def answered(scene: Scene, op: GuestAccess, place: Place) -> Outcome:
    """The RMP's answer; through a cached translation it is not asked any more."""
    if place.cached:
        return Outcome(Event.COMPLETES, "cached", scene, Evidence.MANUAL)
    return checked(scene, op.access)


def loaded(scene: Scene, op: GuestAccess, page: Pfn) -> int:
    """What the guest gets from a page."""
    return opened(key_for(scene, op.access), page, content(scene, page), scene.rules)


def with_register(scene: Scene, vcpu: Vcpu, value: Word, clean: bool) -> Scene:
    """The scene with a guest's register set, to a public value or to any."""
    memory = replace(scene.memory, registers=scene.memory.registers.set(vcpu, value))
    written = replace(scene.written, clean=scene.written.clean.set(vcpu, clean))
    return replace(scene, memory=memory, written=written)


def is_public(scene: Scene, op: GuestAccess) -> bool:
    """The guest takes what it loads for public: it comes from a shared page, or from where it put a public value."""
    gfn, written = op.access.translation.gfn, scene.written
    known = all_of(written.since_accepted[gfn], none_of(written.vmsa[gfn]), scene.world.guest.uses[gfn])
    kept = all_of(written.public[gfn], known)
    return any_of(none_of(is_private(op.access)), kept)


@transition(actor=Actor.GUEST, manual=ENGINE)
def guest_reads(scene: Scene, op: GuestAccess) -> Outcome:
    """A guest loads, fetches or walks: the register gets what the page holds, under the key of the ASID if C=1."""
    # 1. It is a guest's read.
    if cause := first_of(("agent", none_of(is_guest(op.access))), ("kind", is_write(op.access))):
        return Outcome(Limit.NOT_MODELLED, cause, scene, Evidence.INFERRED)

    # 2. The RMP lets it pass, or did when the translation was cached.
    place = place_of(scene, op)
    answer = answered(scene, op, place)
    if answer.result != Event.COMPLETES:
        return answer
    value = loaded(scene, op, place.page)
    return answer._replace(system=with_register(scene, op.vcpu, value, is_public(scene, op)), output=value)


def remembered(scene: Scene, op: GuestAccess, gfn: Gfn, value: Word) -> Scene:
    """The ghost state after the guest that is followed wrote at one of its private addresses, at whatever level."""
    access = op.access
    of_kind = any_of(access.agent == AgentCode.SNP_GUEST, scene.memory.legacy_keys[access.asid] != 0)
    own = all_of(is_private(access), of_kind, access.asid != 0, access.asid == asid_of(scene.world))
    old = scene.written
    since = old.since_accepted.set(gfn, any_of(own, old.since_accepted[gfn]))
    return replace(
        scene, written=replace(old, since_accepted=since, last=old.last.set(gfn, ite(own, value, old.last[gfn])))
    )


@transition(actor=Actor.GUEST, manual=ENGINE)
def guest_writes(scene: Scene, op: GuestAccess) -> Outcome:
    """A guest stores its register: encrypted for this place if C=1, plainly if C=0."""
    # 1. It is a guest's write.
    if cause := first_of(("agent", none_of(is_guest(op.access))), ("kind", none_of(is_write(op.access)))):
        return Outcome(Limit.NOT_MODELLED, cause, scene, Evidence.INFERRED)

    # 2. The RMP lets it pass, or did when the translation was cached.
    place = place_of(scene, op)
    answer = answered(scene, op, place)
    if answer.result != Event.COMPLETES:
        return answer
    value, key = scene.memory.registers[op.vcpu], key_for(scene, op.access)
    block = Block(key, ite(key == 0, 0, place.page), value)
    after = storing(scene, place.page, block)
    after = remembered(after, op, op.access.translation.gfn, value)
    return answer._replace(system=after)


@record
class Computation:
    """What a guest computes, or draws at random."""

    vcpu: Vcpu
    value: Word
    public: bool
    """The guest does not mind to show it."""


@transition(actor=Actor.GUEST, manual="APM Vol. 2, 15.35")
def guest_computes(scene: Scene, op: Computation) -> Outcome:
    """A guest puts a value of its own into its register. Nobody else sees it."""
    return Outcome(Event.COMPLETES, "computed", with_register(scene, op.vcpu, op.value, op.public), Evidence.MANUAL)


TRANSITIONS = (guest_reads, guest_writes, guest_computes)
