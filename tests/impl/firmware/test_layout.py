"""The tables of fields: nothing overlaps, reserved bits are found, and real bytes land where the ABI says."""

import struct

import pytest

from impl.firmware import (
    buffers,
    cpuid_page,
    derived_key,
    guest_message,
    id_block,
    launch_buffers,
    launch_digest,
    message_handlers,
    page_buffers,
    secrets_page,
    status,
)
from impl.firmware.buffers import ActivateExBuffer, InitExBuffer
from impl.firmware.launch_buffers import LaunchFinishBuffer, LaunchStartBuffer, LaunchUpdateBuffer
from impl.firmware.layout import Layout, _places, parse
from impl.firmware.page_buffers import MetadataEntry, PageMoveBuffer, PageReclaimBuffer, PageSwapInBuffer

MODULES = (
    buffers, cpuid_page, derived_key, guest_message, id_block, launch_buffers, launch_digest, message_handlers,
    page_buffers, secrets_page, status,
)  # fmt: skip
LAYOUTS = sorted(
    {
        each
        for module in MODULES
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, Layout) and each is not Layout
    },
    key=lambda each: each.__name__,
)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda each: each.__name__)
def test_layout_fields_do_not_overlap_and_fit(layout):
    taken = 0
    for name, place in _places(layout):
        mask = (1 << place.width) - 1 << place.first_bit
        assert not taken & mask, name
        taken |= mask
    assert taken >> 8 * layout.LENGTH == 0


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda each: each.__name__)
def test_layout_packs_what_it_parses(layout):
    ones = b"\xff" * layout.LENGTH
    first = parse(layout, ones)
    covered = sum(place.covered.bit_count() for _, place in _places(layout))
    assert first.reserved_set == (covered < 8 * layout.LENGTH)
    assert not parse(layout, bytes(layout.LENGTH)).reserved_set
    assert len(first.pack()) == layout.LENGTH


def test_launch_update_buffer_has_its_fields_where_the_abi_says():
    raw = struct.pack("<QIIQBBBBI", 0x1000, 1 | 5 << 1 | 1 << 4, 0, 0x2000, 0, 1, 2, 3, 0)
    expected = LaunchUpdateBuffer(
        gctx_paddr=0x1000, page_size=1, page_type=5, imi_page=1, page_paddr=0x2000,
        vmpl1_perms=1, vmpl2_perms=2, vmpl3_perms=3,
    )  # fmt: skip
    assert parse(LaunchUpdateBuffer, raw) == expected
    assert expected.pack() == raw


def test_launch_start_buffer_has_its_fields_where_the_abi_says():
    raw = struct.pack("<QQQII16s", 0x1000, 0x30000, 0x2000, 3, 2_000_000, b"workarounds.....")
    assert parse(LaunchStartBuffer, raw) == LaunchStartBuffer(
        gctx_paddr=0x1000, policy=0x30000, ma_gctx_paddr=0x2000, ma_en=1, imi_en=1,
        desired_tsc_khz=2_000_000, gosvw=b"workarounds.....",
    )  # fmt: skip


def test_launch_finish_buffer_has_its_fields_where_the_abi_says():
    raw = struct.pack("<QQQQ32s", 0x1000, 0x2010, 0x3000, 7, b"h" * 32)
    assert parse(LaunchFinishBuffer, raw) == LaunchFinishBuffer(
        gctx_paddr=0x1000, id_block_paddr=0x2010, id_auth_paddr=0x3000, id_block_en=1, auth_key_en=1, vcek_dis=1,
        host_data=b"h" * 32,
    )  # fmt: skip


def test_swap_in_buffer_has_its_fields_where_the_abi_says():
    raw = struct.pack("<QQQQQQ", 0x1000, 0x2000, 0x3000, 0x4040, 0, 1 | 2 << 1 | 1 << 3 | 1 << 4)
    assert parse(PageSwapInBuffer, raw) == PageSwapInBuffer(
        gctx_paddr=0x1000, src_paddr=0x2000, dst_paddr=0x3000, mdata_paddr=0x4040, page_size=1, page_type=2,
        swap_in_place=1, root_mdata_en=1,
    )  # fmt: skip


def test_other_buffers_have_their_fields_where_the_abi_says():
    raw = struct.pack("<QIIQQ", 0x1000, 1, 0, 0x2000, 0x3000)
    assert parse(PageMoveBuffer, raw) == PageMoveBuffer(
        gctx_paddr=0x1000, page_size=1, src_paddr=0x2000, dst_paddr=0x3000
    )
    raw = struct.pack("<IIQIIQ", 0x20, 0, 0x1000, 7, 3, 0x2004)
    assert parse(ActivateExBuffer, raw) == ActivateExBuffer(
        length=0x20, gctx_paddr=0x1000, asid=7, numids=3, ids_paddr=0x2004
    )
    raw = struct.pack("<IIQ48x", 3, 0, 0x5000)
    assert parse(InitExBuffer, raw) == InitExBuffer(init_rmp=1, list_paddr_en=1, list_paddr=0x5000)
    assert parse(PageReclaimBuffer, struct.pack("<Q", 0x20_0001)).page_paddr == 0x20_0000


def test_metadata_entry_has_its_fields_where_the_abi_says():
    raw = struct.pack("<QQ16sQQ16x", 1, 2, b"t" * 16, 0b11011 | 5 << 12, 0xF)
    assert parse(MetadataEntry, raw) == MetadataEntry(
        software_data=1, iv=2, auth_tag=b"t" * 16, valid=1, page_validated=1, metadata=1, page_size=1, gfn=5,
        vmpl_perms=(0xF).to_bytes(8, "little"),
    )  # fmt: skip


def test_a_value_that_does_not_fit_is_an_error():
    with pytest.raises(OverflowError):
        LaunchUpdateBuffer(page_type=8).pack()
