"""The page state of an entry (firmware ABI 56860, "Page States"; order of evaluation as firmware has it)."""

from spec.logic import all_of, none_of
from spec.maps import Map
from spec.rmp.authority import effective
from spec.rmp.entry import RmpEntry
from spec.vocabulary import IOMMU_TAG, METADATA_TAG, TAG_SHIFT, PageState, Pfn


def tag_of(entry: RmpEntry) -> int:
    """Firmware's discriminator in gfn bits [38:36] of its own entries."""
    return entry.gfn >> TAG_SHIFT


def untagged(entry: RmpEntry) -> int:
    """The gfn field without the discriminator."""
    return entry.gfn & ((1 << TAG_SHIFT) - 1)


def is_hypervisor(entry: RmpEntry) -> bool:
    """HYPERVISOR."""
    return none_of(entry.assigned, entry.validated, entry.asid != 0, entry.immutable)


def is_hv_fixed(entry: RmpEntry) -> bool:
    """HV_FIXED."""
    return all_of(entry.immutable, none_of(entry.assigned, entry.validated, entry.asid != 0))


def is_asp_owned(entry: RmpEntry) -> bool:
    """Assigned, ownerless, immutable and not validated: the firmware's, in whatever use."""
    return all_of(entry.assigned, entry.asid == 0, entry.immutable, none_of(entry.validated))


def is_firmware(entry: RmpEntry) -> bool:
    """FIRMWARE: nothing in the gfn field, no VMSA attribute."""
    return all_of(is_asp_owned(entry), entry.gfn == 0, none_of(entry.vmsa))


def is_reclaim(entry: RmpEntry) -> bool:
    """RECLAIM."""
    return all_of(entry.assigned, entry.asid == 0, none_of(entry.validated, entry.immutable, entry.lock))


def is_context(entry: RmpEntry) -> bool:
    """CONTEXT: the VMSA attribute on a firmware page."""
    return all_of(is_asp_owned(entry), entry.gfn == 0, entry.vmsa)


def is_metadata(entry: RmpEntry) -> bool:
    """METADATA: the tag, and the frame of a guest context."""
    return all_of(is_asp_owned(entry), tag_of(entry) == METADATA_TAG, untagged(entry) != 0)


def is_pre_guest(entry: RmpEntry) -> bool:
    """PRE_GUEST."""
    return all_of(entry.assigned, entry.asid != 0, entry.immutable, none_of(entry.validated))


def is_pre_swap(entry: RmpEntry) -> bool:
    """PRE_SWAP."""
    return all_of(entry.assigned, entry.asid != 0, entry.immutable, entry.validated)


def is_guest_invalid(entry: RmpEntry) -> bool:
    """GUEST_INVALID."""
    return all_of(entry.assigned, entry.asid != 0, none_of(entry.immutable, entry.validated))


def is_guest_valid(entry: RmpEntry) -> bool:
    """GUEST_VALID."""
    return all_of(entry.assigned, entry.asid != 0, entry.validated, none_of(entry.immutable))


def is_firmware_iommu(entry: RmpEntry) -> bool:
    """FIRMWARE_IOMMU: observed with tag 2 and low part 1."""
    return all_of(is_asp_owned(entry), tag_of(entry) == IOMMU_TAG, untagged(entry) == 1, none_of(entry.vmsa))


PREDICATES = (
    (PageState.HYPERVISOR, is_hypervisor),
    (PageState.HV_FIXED, is_hv_fixed),
    (PageState.FIRMWARE, is_firmware),
    (PageState.RECLAIM, is_reclaim),
    (PageState.CONTEXT, is_context),
    (PageState.METADATA, is_metadata),
    (PageState.PRE_GUEST, is_pre_guest),
    (PageState.PRE_SWAP, is_pre_swap),
    (PageState.GUEST_INVALID, is_guest_invalid),
    (PageState.GUEST_VALID, is_guest_valid),
    (PageState.FIRMWARE_IOMMU, is_firmware_iommu),
)
"""In the order in which firmware tests them; the first that holds is the state."""


def page_state(entry: RmpEntry) -> PageState:
    """The state of an entry. DEFAULT (no entry) is not a question of the entry; see `state_of`."""
    for state, holds in PREDICATES:
        if holds(entry):
            return state
    return PageState.INVALID


def state_of(rmp: Map[Pfn, RmpEntry], page: Pfn, covered: bool) -> PageState:
    """The state of a page, by the entry that speaks for it."""
    if none_of(covered):
        return PageState.DEFAULT
    return page_state(effective(rmp, page))
