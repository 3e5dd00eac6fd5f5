"""Whose a page is, as instructions and accesses ask it (APM Vol. 2, 15.36.10, "RMP and VMPL Access Checks").

RMP-Covered, Hypervisor-Owned, Guest-Owned, Mutable, Reverse-Map; and whether VMRUN holds the page.
"""

from typing import NamedTuple

from spec.logic import all_of, any_in_range, any_of, ite, none_of
from spec.rmp.authority import GFN_MAX, head_of, is_2m, offset_of, page_of
from spec.rmp.coverage import is_covered
from spec.rmp.entry import RmpEntry
from spec.rmp.translation import Translation, is_large
from spec.system.state import System
from spec.vocabulary import PAGES_PER_2M, Address, Asid, Gfn, PageSize, Pfn


class Speaking(NamedTuple):
    """The raw entry that speaks for a page: where it stands, and what it says of this very page."""

    at: Pfn
    entry: RmpEntry
    large: bool
    gfn: Gfn
    """Counted up from the head's inside a 2 MiB page with an owner."""


def seen_as_2m(system: System, head: RmpEntry) -> bool:
    """Whether an access goes by this entry of a 2 MiB-aligned page in its whole region.

    RMPUPDATE stores size 4 KiB where it unassigns. If instead it stores the size as given, an unassigned entry of
    2 MiB size counts too, whatever has become of the region's other pages since (knob K-S-UNASSIGNED).
    """
    as_given = none_of(system.platform.knobs.unassigned_is_4k)
    return any_of(is_2m(head), all_of(as_given, head.page_size == PageSize.SIZE_2M))


def speaking(system: System, page: Pfn) -> Speaking:
    """`effective` as accesses see it, without the flattened entry: for rules that go on to change what they found."""
    rmp = system.rmp
    head_page = head_of(page)
    head = rmp[head_page]
    large = seen_as_2m(system, head)
    entry = ite(large, head, rmp[page])
    counted = ite(all_of(large, head.asid != 0), offset_of(page), 0)
    return Speaking(ite(large, head_page, page), entry, large, (entry.gfn + counted) & GFN_MAX)


def is_held(system: System, page: Pfn, large: bool) -> bool:
    """VMRUN holds the page, or the head whose entry a 2 MiB mapping is checked with. Observed on hardware."""
    return any_of(system.in_use[page], all_of(large, system.in_use[head_of(page)]))


def owner_causes(system: System, spa: Address, entry: RmpEntry, asid: Asid) -> tuple[tuple[str, bool], ...]:
    """Why the page at `spa` is not a mutable page of this guest, by the entry that speaks for it."""
    return (
        ("covered", none_of(is_covered(system, spa))),
        ("assigned", none_of(entry.assigned)),
        ("owner-asid", any_of(entry.asid != asid, asid == 0)),
        ("immutable", entry.immutable),
    )


def guest_page_causes(
    system: System, translation: Translation, found: Speaking, asid: Asid
) -> tuple[tuple[str, bool], ...]:
    """Why the page is not this guest's at this address. One outcome, a nested page fault; each cause keeps its name.

    No source fixes an order among them, and none is observable.
    """
    return (
        *owner_causes(system, translation.spa, found.entry, asid),
        ("reverse-map", found.gfn != translation.gfn),
        ("in-use", is_held(system, page_of(translation.spa), is_large(translation))),
    )


def is_taken(system: System, spa: Address, large: bool) -> bool:
    """The page, or through a large mapping any page of its region, is a guest's or the firmware's.

    Its opposite is the Hypervisor-Owned check, which uncovered pages always pass.
    """
    page = page_of(spa)
    others = ite(large, PAGES_PER_2M, 0)
    return all_of(
        system.platform.features.snp_enabled,
        is_covered(system, spa),
        any_of(
            speaking(system, page).entry.assigned,
            any_in_range(head_of(page), others, lambda p: system.rmp[p].assigned),
        ),
    )
