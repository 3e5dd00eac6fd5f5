import pytest

from impl.rmp.effective import effective, hypervisor_owned, state_at, state_of
from impl.rmp.layout import RmpEntry
from spec.vocabulary import MappingSize, PageSize, PageState
from tests.impl.scene import GUEST_ASID, SPA, Scene

HEAD = SPA >> 12


# Firmware ABI 56860, "Page States", and the entries that SNP firmware writes.
@pytest.mark.parametrize(
    ("entry", "state"),
    [
        (RmpEntry(), PageState.HYPERVISOR),
        (RmpEntry(immutable=True), PageState.HV_FIXED),
        (RmpEntry(True, immutable=True, lock=True), PageState.FIRMWARE),
        (RmpEntry(True, immutable=True, lock=True, subpage_count=7), PageState.FIRMWARE),
        (RmpEntry(True), PageState.RECLAIM),
        (RmpEntry(True, lock=True), PageState.INVALID),
        (RmpEntry(True, immutable=True, vmsa=True), PageState.CONTEXT),
        (RmpEntry(True, immutable=True, gfn=1 << 36 | 0x77), PageState.METADATA),
        (RmpEntry(True, immutable=True, gfn=1 << 36 | 0x77, vmsa=True), PageState.METADATA),
        (RmpEntry(True, immutable=True, gfn=1 << 36), PageState.INVALID),
        (RmpEntry(True, immutable=True, gfn=0x77), PageState.INVALID),
        (RmpEntry(True, immutable=True, gfn=0x20_0000_0001), PageState.FIRMWARE_IOMMU),
        (RmpEntry(True, immutable=True, gfn=0x20_0000_0001, vmsa=True), PageState.INVALID),
        (RmpEntry(True, immutable=True, gfn=0x20_0000_0002), PageState.INVALID),
        (RmpEntry(True, immutable=True, asid=5), PageState.PRE_GUEST),
        (RmpEntry(True, immutable=True, asid=5, validated=True), PageState.PRE_SWAP),
        (RmpEntry(True, asid=5), PageState.GUEST_INVALID),
        (RmpEntry(True, asid=5, lock=True), PageState.GUEST_INVALID),
        (RmpEntry(True, asid=5, validated=True, vmsa=True), PageState.GUEST_VALID),
        (RmpEntry(asid=5), PageState.INVALID),
        (RmpEntry(validated=True), PageState.INVALID),
        (RmpEntry(True, validated=True), PageState.INVALID),
    ],
)
def test_state_of_entry_matches(entry, state):
    assert state_of(entry) == state


def test_state_of_an_uncovered_page_is_default():
    assert state_at(Scene().machine.rmp, 1 << 39) == PageState.DEFAULT


def test_2m_entry_speaks_for_all_512_pages():
    table = Scene().machine.rmp
    table.store(HEAD, RmpEntry(True, PageSize.SIZE_2M, gfn=0x800, asid=GUEST_ASID, validated=True))
    last = effective(table, HEAD + 511)
    assert last is not None
    assert (last.gfn, last.validated, last.page_size) == (0x800 + 511, True, PageSize.SIZE_2M)


def test_2m_entry_without_owner_keeps_one_address():
    table = Scene().machine.rmp
    table.store(HEAD, RmpEntry(True, PageSize.SIZE_2M, immutable=True, lock=True))
    assert state_at(table, HEAD + 511) == PageState.FIRMWARE


def test_unassigned_2m_entry_speaks_for_nobody():
    table = Scene().machine.rmp
    table.store(HEAD, RmpEntry(page_size=PageSize.SIZE_2M))
    table.store(HEAD + 1, RmpEntry(True, asid=GUEST_ASID))
    assert state_at(table, HEAD + 1) == PageState.GUEST_INVALID


def test_hypervisor_owned_through_2m_needs_the_whole_region():
    table = Scene().machine.rmp
    table.store(HEAD + 300, RmpEntry(True, asid=GUEST_ASID))
    assert hypervisor_owned(table, HEAD)
    assert not hypervisor_owned(table, HEAD, MappingSize.MAP_2M)
    assert not hypervisor_owned(table, HEAD + 5, MappingSize.MAP_1G)
    assert hypervisor_owned(table, HEAD + 512, MappingSize.MAP_2M)
