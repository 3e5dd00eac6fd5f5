"""Swapping out and in: what travels in the entry, what the seal protects, and what each knob changes."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from impl.firmware.command_ids import CommandId
from impl.firmware.page_buffers import MetadataEntry
from impl.machine import GENOA
from spec.knobs import DEFAULT_KNOBS
from spec.vocabulary import PageState, Status
from tests.impl.firmware.host import ASID, GCTX, GPA, METADATA, OTHER_SPA, PAGE, REGION, SPA, TARGET, UNCOVERED, Host
from tests.impl.firmware.test_traces import make_pre_swap, swap_in, swap_out

METADATA_GFN = 1 << 36 | GCTX >> 12
SECRET = b"private " * 512


@pytest.fixture
def host() -> Host:
    ready = Host().initialise()
    ready.run_guest()
    return ready


def swappable(host: Host) -> None:
    """A METADATA page, a donated page for ciphertext, and a validated guest page made immutable."""
    host.add_metadata()
    host.donate(TARGET)
    make_pre_swap(host, SPA)
    host.change_entry(SPA, perms=(31, 3, 1, 0))
    host.machine.memory.write(SPA, SECRET, ASID)


def metadata_entry(host: Host) -> bytes:
    return host.machine.memory.read_raw(METADATA, 64)


def test_swapped_page_comes_back_with_address_masks_and_validity(host):
    swappable(host)
    host.ok(CommandId.PAGE_SWAP_OUT, swap_out(software_data=0x1234))
    assert (host.state(SPA), host.state(TARGET)) == (PageState.PRE_GUEST, PageState.FIRMWARE)
    assert host.machine.memory.read_raw(TARGET, PAGE) != SECRET
    raw = metadata_entry(host)
    assert (raw[:16], raw[0x28:0x30]) == ((0x1234).to_bytes(8, "little") + bytes(8), bytes((31, 3, 1, 0, 0, 0, 0, 0)))
    assert int.from_bytes(raw[0x20:0x28], "little") == 0b00011 | GPA
    host.prepare(OTHER_SPA, gpa=0x1000)
    host.ok(CommandId.PAGE_SWAP_IN, swap_in(dst=OTHER_SPA))
    entry = host.entry(OTHER_SPA)
    assert host.state(OTHER_SPA) == PageState.PRE_SWAP
    assert (entry.gfn, entry.perms, entry.vmsa) == (GPA >> 12, (31, 3, 1, 0), False)
    assert host.plain(OTHER_SPA) == SECRET
    assert metadata_entry(host)[0x20] & 1 == 0


def test_swap_seal_is_aes_256_gcm_with_the_count_as_iv(host):
    swappable(host)
    guest = host.firmware.contexts[GCTX >> 12]
    guest.offline_iv_count = 0x0102
    host.ok(CommandId.PAGE_SWAP_OUT, swap_out())
    sealed = host.machine.memory.read_raw(TARGET, PAGE) + metadata_entry(host)[0x10:0x20]
    assert AESGCM(guest.offline_key).decrypt(bytes((2, 1)).ljust(12, b"\0"), sealed, None) == SECRET
    assert guest.offline_iv_count == 0x0103


def test_swap_in_of_changed_ciphertext_changes_nothing(host):
    swappable(host)
    host.ok(CommandId.PAGE_SWAP_OUT, swap_out())
    host.machine.memory.write_raw(TARGET + 99, b"\0\0")
    before = host.entry(SPA), host.machine.memory.read_raw(SPA, PAGE), metadata_entry(host)
    host.refused(Status.BAD_MEASUREMENT, "auth-tag", CommandId.PAGE_SWAP_IN, swap_in())
    assert (host.entry(SPA), host.machine.memory.read_raw(SPA, PAGE), metadata_entry(host)) == before


def test_swap_in_place_works_for_data_pages_only(host):
    swappable(host)
    host.ok(CommandId.PAGE_SWAP_OUT, swap_out())
    host.machine.memory.write_raw(SPA, host.machine.memory.read_raw(TARGET, PAGE))
    host.ok(CommandId.PAGE_SWAP_IN, replace(swap_in(swap_in_place=1), src_paddr=SPA))
    assert (host.state(SPA), host.plain(SPA)) == (PageState.PRE_SWAP, SECRET)
    host.ok(CommandId.PAGE_SWAP_OUT, swap_out(2))
    host.refused(Status.INVALID_PARAM, "swap-in-place", CommandId.PAGE_SWAP_IN, swap_in(2, swap_in_place=1))


def test_swap_through_the_root_entry_needs_no_metadata_page(host):
    swappable(host)
    host.ok(CommandId.PAGE_SWAP_OUT, replace(swap_out(root_mdata_en=1), mdata_paddr=0x7))
    guest = host.firmware.contexts[GCTX >> 12]
    assert (guest.root_entry.valid, guest.root_entry.gfn) == (1, GPA >> 12)
    host.ok(CommandId.PAGE_SWAP_IN, replace(swap_in(root_mdata_en=1), mdata_paddr=0x7))
    assert guest.root_entry.valid == 0


def test_metadata_page_can_be_swapped_itself(host):
    swappable(host)
    host.ok(CommandId.PAGE_SWAP_OUT, swap_out())
    host.donate(OTHER_SPA)
    out = replace(swap_out(1, METADATA, root_mdata_en=1), dst_paddr=OTHER_SPA)
    host.ok(CommandId.PAGE_SWAP_OUT, out)
    guest = host.firmware.contexts[GCTX >> 12]
    assert (host.state(METADATA), guest.root_entry.gfn, guest.root_entry.vmpl_perms) == (
        PageState.FIRMWARE, (1 << 52) - 1, bytes(8),
    )  # fmt: skip
    host.machine.memory.write_raw(METADATA, bytes(PAGE))
    back = replace(swap_in(1, METADATA, root_mdata_en=1), src_paddr=OTHER_SPA)
    host.ok(CommandId.PAGE_SWAP_IN, back)
    assert (host.state(METADATA), host.entry(METADATA).gfn) == (PageState.METADATA, METADATA_GFN)
    host.ok(CommandId.PAGE_SWAP_IN, swap_in())
    assert host.plain(SPA) == SECRET


def test_data_page_swapped_out_as_vmsa_comes_back_as_one_unless_the_type_is_checked():
    """Knob K-SWAP-TYPE."""
    for checked in (False, True):
        knobs = DEFAULT_KNOBS.__class__(swap_type_checked=checked)
        host = Host(replace(GENOA, knobs=knobs)).initialise()
        host.run_guest()
        swappable(host)
        if checked:
            host.refused(Status.INVALID_PAGE_STATE, "page-type-vmsa", CommandId.PAGE_SWAP_OUT, swap_out(2))
        else:
            host.ok(CommandId.PAGE_SWAP_OUT, swap_out(2))
            host.ok(CommandId.PAGE_SWAP_IN, swap_in(2))
            assert host.entry(SPA).vmsa


def test_swap_out_may_write_to_an_uncovered_page_and_swap_in_may_read_it(host):
    swappable(host)
    host.ok(CommandId.PAGE_SWAP_OUT, replace(swap_out(), dst_paddr=UNCOVERED))
    host.ok(CommandId.PAGE_SWAP_IN, replace(swap_in(), src_paddr=UNCOVERED))
    assert host.plain(SPA) == SECRET


def test_swap_in_of_an_impossible_entry_is_an_entry_error(host):
    swappable(host)
    host.machine.memory.write_raw(METADATA, MetadataEntry(valid=1, vmsa=1, metadata=1).pack())
    host.refused(Status.INVALID_MDATA_ENTRY, "mdata-type", CommandId.PAGE_SWAP_IN, swap_in())


def test_swap_of_a_2m_page(host):
    host.add_metadata()
    host.donate(OTHER_SPA, size=1)
    host.prepare(SPA, size=1)
    host.machine.memory.write(SPA + REGION - PAGE, SECRET, ASID)
    host.ok(CommandId.PAGE_SWAP_OUT, replace(swap_out(page_size=1), dst_paddr=OTHER_SPA))
    host.machine.memory.write_raw(SPA, bytes(REGION))
    host.ok(CommandId.PAGE_SWAP_IN, replace(swap_in(page_size=1), src_paddr=OTHER_SPA))
    assert (host.state(SPA), host.plain(SPA + REGION - PAGE)) == (PageState.PRE_GUEST, SECRET)


def test_swap_in_checks_the_size_in_the_entry(host):
    swappable(host)
    host.machine.memory.write_raw(METADATA, MetadataEntry(valid=1, page_size=1).pack())
    host.refused(Status.INVALID_PAGE_SIZE, "mdata-page-size", CommandId.PAGE_SWAP_IN, swap_in())


def test_swap_in_of_a_2m_vmsa_is_a_size_error(host):
    host.add_metadata()
    host.donate(OTHER_SPA, size=1)
    host.prepare(SPA, size=1)
    host.machine.memory.write_raw(METADATA, MetadataEntry(valid=1, vmsa=1, page_size=1).pack())
    buffer = replace(swap_in(2, page_size=1), src_paddr=OTHER_SPA)
    host.refused(Status.INVALID_PAGE_SIZE, "vmsa-page-size", CommandId.PAGE_SWAP_IN, buffer)


def test_swap_out_as_metadata_needs_a_metadata_page_of_this_guest(host):
    swappable(host)
    refused = (CommandId.PAGE_SWAP_OUT, swap_out(1, root_mdata_en=1))
    host.refused(Status.INVALID_PAGE_STATE, "source-state", *refused)
    host.change_entry(METADATA, gfn=METADATA_GFN + 1)
    other = swap_out(1, METADATA, root_mdata_en=1)
    host.refused(Status.INVALID_PAGE_OWNER, "owner-context", CommandId.PAGE_SWAP_OUT, other)
    host.change_entry(TARGET, vmsa=True)
    host.refused(Status.INVALID_PAGE_STATE, "target-state", CommandId.PAGE_SWAP_OUT, other)


def test_swap_in_of_metadata_needs_a_donated_page(host):
    swappable(host)
    host.firmware.contexts[GCTX >> 12].root_entry = MetadataEntry(valid=1, metadata=1)
    buffer = swap_in(1, root_mdata_en=1)
    host.refused(Status.INVALID_PAGE_STATE, "target-state", CommandId.PAGE_SWAP_IN, buffer)
    in_place = swap_in(1, root_mdata_en=1, swap_in_place=1)
    host.refused(Status.INVALID_PARAM, "swap-in-place", CommandId.PAGE_SWAP_IN, in_place)


def test_swap_out_of_an_uncovered_page_is_a_page_state_error(host):
    swappable(host)
    host.refused(Status.INVALID_PAGE_STATE, "covered", CommandId.PAGE_SWAP_OUT, swap_out(src=UNCOVERED))


def test_swap_in_to_an_uncovered_page_is_a_page_state_error(host):
    swappable(host)
    host.ok(CommandId.PAGE_SWAP_OUT, swap_out())
    host.refused(Status.INVALID_PAGE_STATE, "covered", CommandId.PAGE_SWAP_IN, swap_in(dst=UNCOVERED))


def test_swap_between_pages_of_two_sizes_is_a_size_error(host):
    swappable(host)
    host.donate(OTHER_SPA, size=1)
    buffer = replace(swap_out(), dst_paddr=OTHER_SPA)
    host.refused(Status.INVALID_PAGE_SIZE, "page-size", CommandId.PAGE_SWAP_OUT, buffer)
    host.ok(CommandId.PAGE_SWAP_OUT, swap_out())
    back = replace(swap_in(), src_paddr=OTHER_SPA)
    host.refused(Status.INVALID_PAGE_SIZE, "page-size", CommandId.PAGE_SWAP_IN, back)
