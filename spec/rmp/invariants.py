"""What holds of every RMP entry, always, against any hypervisor and any guest."""

from spec.logic import all_of, iff, implies, none_of
from spec.registry import invariant
from spec.rmp.authority import effective, head_of, is_2m, offset_of
from spec.rmp.counters import owned_pages
from spec.rmp.entry import RmpEntry
from spec.system.state import System
from spec.vocabulary import PAGES_PER_2M, Asid, Guarantor, PageSize, Pfn

HW = Guarantor.HARDWARE


def is_assigned(entry: RmpEntry) -> bool:
    """Counted by the sub-page count."""
    return entry.assigned


@invariant("RMP-RAW-1", guarantor=HW, manual="APM Vol. 2, 15.36.11")
def size_only_in_heads(system: System, page: Pfn) -> bool:
    """A raw entry says 2 MiB only at a 2 MiB-aligned page."""
    return implies(system.rmp[page].page_size == PageSize.SIZE_2M, offset_of(page) == 0)


@invariant("RMP-RAW-1-ASSIGNED", guarantor=HW, manual="APM Vol. 2, 15.36.11", needs=("K-S-UNASSIGNED",))
def unassigned_entries_are_small(system: System, page: Pfn) -> bool:
    """A raw entry says 2 MiB only if it is assigned."""
    entry = system.rmp[page]
    return implies(entry.page_size == PageSize.SIZE_2M, entry.assigned)


@invariant("RMP-RAW-2", guarantor=HW, manual="APM Vol. 2, 15.36.11")
def subentries_are_ownerless(system: System, page: Pfn) -> bool:
    """Inside a 2 MiB page the other raw entries are assigned, ownerless, mutable, unlocked and no VMSA."""
    entry = system.rmp[page]
    inside = all_of(is_2m(system.rmp[head_of(page)]), offset_of(page) != 0)
    return implies(inside, all_of(entry.assigned, entry.asid == 0, none_of(entry.immutable, entry.lock, entry.vmsa)))


@invariant("RMP-RAW-3", guarantor=HW, manual="APM Vol. 2, 15.36.11")
def region_of_a_2m_page_is_assigned(system: System, page: Pfn) -> bool:
    """Inside a 2 MiB page all 511 other raw entries are assigned."""
    head = head_of(page)
    others = system.rmp.count_in_range(head + 1, PAGES_PER_2M - 1, is_assigned)
    return implies(is_2m(system.rmp[head]), others == PAGES_PER_2M - 1)


@invariant("RMP-I1", guarantor=HW, manual="APM Vol. 2, 15.36.5")
def unassigned_carries_no_guest_data(system: System, page: Pfn) -> bool:
    """An unassigned page has no owner, is not validated and is no VMSA."""
    entry = effective(system.rmp, page)
    return implies(none_of(entry.assigned), all_of(entry.asid == 0, none_of(entry.validated, entry.vmsa)))


@invariant("RMP-I2", guarantor=HW, manual="APM Vol. 2, 15.36.3, Table 15-35")
def owner_implies_assigned(system: System, page: Pfn) -> bool:
    """A page with an owner is assigned."""
    entry = effective(system.rmp, page)
    return implies(entry.asid != 0, entry.assigned)


@invariant("RMP-I3", guarantor=HW, manual="APM Vol. 2, 15.36.6")
def validated_implies_owned(system: System, page: Pfn) -> bool:
    """A validated page is assigned to a guest."""
    entry = effective(system.rmp, page)
    return implies(entry.validated, all_of(entry.assigned, entry.asid != 0))


@invariant("RMP-I8", guarantor=HW, manual="APM Vol. 2, 15.36.11")
def guest_address_of_a_2m_page_is_aligned(system: System, page: Pfn) -> bool:
    """The guest-physical address of a guest's 2 MiB page is 2 MiB-aligned."""
    entry = system.rmp[page]
    return implies(all_of(is_2m(entry), entry.asid != 0), offset_of(entry.gfn) == 0)


@invariant("RMP-I9", guarantor=HW, manual="APM Vol. 2, 15.36.11")
def subpage_count_is_exact(system: System, page: Pfn) -> bool:
    """Of a region without a 2 MiB page, the head counts the assigned pages among the other 511."""
    head = head_of(page)
    entry = system.rmp[head]
    others = system.rmp.count_in_range(head + 1, PAGES_PER_2M - 1, is_assigned)
    return implies(none_of(is_2m(entry)), entry.subpage_count == others)


@invariant("RMP-I10", guarantor=HW, manual="APM Vol. 2, 15.36.5 (inferred)", needs=("K-CNT-UNIT",))
def asid_counter_is_exact(system: System, asid: Asid) -> bool:
    """A guest's counter is the number of pages that it owns."""
    return implies(asid != 0, system.asid_pages[asid] == owned_pages(system, asid))


@invariant("RMP-I13", guarantor=HW, manual="APM Vol. 2, 15.36.5", by=("rmpupdate", "psmash"))
def hypervisor_creates_no_validity(before: System, after: System, page: Pfn) -> bool:
    """After RMPUPDATE or PSMASH a page is validated only if it was, for the same guest at the same address."""
    old, new = effective(before.rmp, page), effective(after.rmp, page)
    return implies(new.validated, all_of(old.validated, new.asid == old.asid, new.gfn == old.gfn))


@invariant(
    "RMP-I11",
    guarantor=HW,
    manual="APM Vol. 2, 15.36.5",
    needs=("K-2M-IMM", "K-PSMASH-GUARD"),
    by=("rmpupdate", "psmash"),
)
def immutable_is_firmware_only(before: System, after: System, page: Pfn) -> bool:
    """No instruction changes the entry of an immutable page, its sub-page count aside."""
    old, new = effective(before.rmp, page), effective(after.rmp, page)
    return implies(old.immutable, unchanged(old, new))


def unchanged(old: RmpEntry, new: RmpEntry) -> bool:
    """Two effective entries agree in everything but the sub-page count."""
    return all_of(
        iff(old.assigned, new.assigned),
        old.page_size == new.page_size,
        iff(old.immutable, new.immutable),
        old.gfn == new.gfn,
        old.asid == new.asid,
        iff(old.vmsa, new.vmsa),
        iff(old.validated, new.validated),
        iff(old.lock, new.lock),
        same_masks(old, new),
    )


def same_masks(old: RmpEntry, new: RmpEntry) -> bool:
    """Two entries grant the same to every VMPL."""
    return all_of(
        old.masks.vmpl0 == new.masks.vmpl0,
        old.masks.vmpl1 == new.masks.vmpl1,
        old.masks.vmpl2 == new.masks.vmpl2,
        old.masks.vmpl3 == new.masks.vmpl3,
    )


@invariant("RMP-I16", guarantor=HW, manual="APM Vol. 2, 15.36.11", by=("psmash",))
def splitting_changes_only_sizes(before: System, after: System, page: Pfn) -> bool:
    """PSMASH leaves the flattened table as it was, but for the size."""
    old, new = effective(before.rmp, page), effective(after.rmp, page)
    return all_of(
        iff(old.assigned, new.assigned),
        iff(old.immutable, new.immutable),
        old.gfn == new.gfn,
        old.asid == new.asid,
        iff(old.vmsa, new.vmsa),
        iff(old.validated, new.validated),
        same_masks(old, new),
    )


INVARIANTS = (
    owner_implies_assigned,
    size_only_in_heads,
    unassigned_entries_are_small,
    subentries_are_ownerless,
    region_of_a_2m_page_is_assigned,
    unassigned_carries_no_guest_data,
    validated_implies_owned,
    guest_address_of_a_2m_page_is_aligned,
    subpage_count_is_exact,
    asid_counter_is_exact,
    hypervisor_creates_no_validity,
    immutable_is_firmware_only,
    splitting_changes_only_sizes,
)
