"""What cached translations lead to: the RMP's rules hold through them as long as what has to drop them does."""

from spec.guest.copies import is_running, is_valid_at
from spec.guest.invariants import UNIQUE
from spec.logic import all_of, any_of, implies, is_subset, ite, none_of
from spec.memory.asking import is_private
from spec.memory.caching import rights
from spec.memory.guest import GuestAccess, place_of
from spec.memory.premises import MASKS
from spec.memory.state import Scene
from spec.memory.tlb import TlbSlot, frame_of_page, leads_to
from spec.memory.told import is_own_cached, is_own_private
from spec.registry import Outcome, invariant
from spec.rmp.access_kind import is_walk, required
from spec.rmp.authority import effective
from spec.rmp.coverage import REGION_SHIFT
from spec.vocabulary import AccessCode, AgentCode, Event, Guarantor, Permission, Pfn

HW, GUEST = Guarantor.HARDWARE, Guarantor.GUEST
CHECKS = "APM Vol. 2, 15.36.10"
FLUSHING = "APM Vol. 2, 15.36.5 to 15.36.7"
ACCESSES = ("guest_reads", "guest_writes")
NEEDS = ("K-S-UNASSIGNED",)
WALKS = ("R5", "R7", "R13")
"""What a walk checks and RMPUPDATE drops."""
VALID = (*UNIQUE, "D7", "R6", *WALKS)
GIVEN = (*MASKS, "D7", "D5", "R6", *WALKS)


def has_snp(scene: Scene) -> bool:
    """SNP is enabled: there are checks."""
    return scene.world.system.platform.features.snp_enabled


@invariant("RMP-I37-OWNER", guarantor=HW, manual=FLUSHING, needs=("K-S-UNASSIGNED",), premises=WALKS)
def cached_private_translations_are_the_owners(scene: Scene, slot: TlbSlot, page: Pfn) -> bool:
    """A cached private translation leads to mutable pages that are still its guest's, at their addresses."""
    entry = scene.memory.tlb[slot]
    found = effective(scene.world.system.rmp, page)
    own = all_of(found.asid == entry.asid, found.asid != 0, none_of(found.immutable))
    spoken = all_of(entry.present, entry.snp, entry.private, has_snp(scene), leads_to(entry, page))
    return implies(spoken, all_of(own, found.gfn == frame_of_page(entry, page)))


@invariant("RMP-I37-SHARED", guarantor=HW, manual=FLUSHING, needs=("K-S-UNASSIGNED",), premises=("R4", "R13"))
def cached_shared_translations_write_the_hypervisors_pages(scene: Scene, slot: TlbSlot, page: Pfn) -> bool:
    """Any other cached translation that may be written through leads to pages that nobody owns."""
    entry = scene.memory.tlb[slot]
    shared = all_of(entry.present, none_of(all_of(entry.snp, entry.private)), entry.mask & Permission.WRITE != 0)
    covered = scene.world.system.covered[page >> REGION_SHIFT]
    taken = all_of(covered, effective(scene.world.system.rmp, page).assigned)
    return implies(all_of(shared, has_snp(scene), leads_to(entry, page)), none_of(taken))


@invariant("RMP-I37-VALID", guarantor=GUEST, manual=FLUSHING, needs=NEEDS, premises=VALID)
def cached_translations_lead_to_valid_pages(scene: Scene, slot: TlbSlot, page: Pfn) -> bool:
    """A cached private translation of a careful guest leads to valid pages (rule D7)."""
    entry = scene.memory.tlb[slot]
    own = all_of(is_own_cached(scene, entry), has_snp(scene), is_running(scene.world), leads_to(entry, page))
    return implies(own, is_valid_at(scene.world, page, frame_of_page(entry, page)))


@invariant("RMP-I23", guarantor=GUEST, manual=CHECKS, needs=NEEDS, by=ACCESSES, premises=VALID)
def private_accesses_reach_valid_pages(before: Scene, op: GuestAccess, outcome: Outcome) -> bool:
    """A private access of a careful guest completes only at a page that it has validated, also if cached."""
    place = place_of(before, op)
    own = all_of(is_own_private(before, op), has_snp(before), is_running(before.world))
    found = effective(before.world.system.rmp, place.page)
    return implies(all_of(own, outcome.result == Event.COMPLETES), all_of(found.validated, none_of(found.immutable)))


@invariant("RMP-I24", guarantor=GUEST, manual=CHECKS, needs=NEEDS, by=ACCESSES, premises=VALID)
def walks_and_fetches_reach_valid_pages(before: Scene, op: GuestAccess, outcome: Outcome) -> bool:
    """Page tables and code of a careful guest are in its validated pages, whatever the C-bits of its tables say."""
    access, place = op.access, place_of(before, op)
    forced = all_of(access.agent == AgentCode.SNP_GUEST, any_of(access.kind == AccessCode.FETCH, is_walk(access)))
    own = all_of(forced, is_own_private(before, op), has_snp(before), is_running(before.world))
    found = effective(before.world.system.rmp, place.page)
    valid = all_of(found.validated, found.asid == access.asid, found.gfn == place.gfn)
    return implies(all_of(own, outcome.result == Event.COMPLETES), valid)


@invariant("RMP-I26", guarantor=HW, manual=CHECKS, by=ACCESSES, premises=("R9",))
def levels_use_the_rights_of_the_walk(before: Scene, op: GuestAccess, outcome: Outcome) -> bool:
    """A private access completes only with the rights that its VMPL had when the translation was made."""
    system, access = before.world.system, op.access
    private = all_of(access.agent == AgentCode.SNP_GUEST, is_private(access), has_snp(before))
    had = ite(place_of(before, op).cached, before.memory.tlb[op.slot].mask, rights(system, access))
    performed = all_of(private, outcome.result == Event.COMPLETES)
    return implies(performed, is_subset(required(system, access), of=had))


@invariant("RMP-I26-FILL", guarantor=HW, manual=CHECKS, by=("processor_caches",))
def rights_are_cached_as_they_are(before: Scene, op: GuestAccess, after: Scene, outcome: Outcome) -> bool:
    """A translation is cached with no more than the mask that its VMPL has at that moment."""
    private = all_of(op.access.agent == AgentCode.SNP_GUEST, is_private(op.access), has_snp(before))
    entry = after.memory.tlb[op.slot]
    found = effective(before.world.system.rmp, entry.page)
    performed = all_of(private, outcome.result == Event.COMPLETES)
    return implies(performed, is_subset(entry.mask, of=found.masks.of(op.access.vmpl)))


@invariant("RMP-I37-RIGHTS", guarantor=GUEST, manual=FLUSHING, needs=NEEDS, premises=GIVEN)
def cached_rights_were_given(scene: Scene, slot: TlbSlot, page: Pfn) -> bool:
    """What a level below VMPL0 has cached, VMPL0 or the launch has given it and not taken back (rule D5)."""
    entry = scene.memory.tlb[slot]
    gfn = frame_of_page(entry, page)
    own = all_of(is_own_cached(scene, entry), has_snp(scene), is_running(scene.world), leads_to(entry, page))
    below = all_of(own, entry.vmpl != 0, scene.world.guest.uses[gfn])
    return implies(below, is_subset(entry.mask, of=scene.world.guest.given[gfn].most(entry.vmpl)))


@invariant("RMP-I37", guarantor=GUEST, manual=FLUSHING, needs=NEEDS, by=ACCESSES, premises=(*GIVEN, "R9"))
def revoked_rights_are_not_used(before: Scene, op: GuestAccess, outcome: Outcome) -> bool:
    """No access of a careful guest below VMPL0 uses a right that was taken back: by a cached translation or without."""
    place, access = place_of(before, op), op.access
    own = all_of(is_own_private(before, op), has_snp(before), is_running(before.world))
    spoken = all_of(own, access.vmpl != 0, before.world.guest.uses[place.gfn], outcome.result == Event.COMPLETES)
    given = before.world.guest.given[place.gfn].most(access.vmpl)
    return implies(spoken, is_subset(required(before.world.system, access), of=given))


INVARIANTS = (
    cached_private_translations_are_the_owners,
    cached_shared_translations_write_the_hypervisors_pages,
    cached_translations_lead_to_valid_pages,
    private_accesses_reach_valid_pages,
    walks_and_fetches_reach_valid_pages,
    levels_use_the_rights_of_the_walk,
    rights_are_cached_as_they_are,
    cached_rights_were_given,
    revoked_rights_are_not_used,
)
