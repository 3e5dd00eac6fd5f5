"""The VMSA table, the page class, and what a start state holds."""

import ctypes

import pytest
from sevsnpmeasure.vmsa import SevEsSaveArea, VmcbSeg

from impl.hypervisor.pages import LaunchPage
from impl.hypervisor.vmsa import Vmm, reset_vmsa
from impl.hypervisor.vmsa_layout import FIELDS, SEGMENTS, pack, read_field
from spec.vocabulary import LaunchPageType

ORACLE_NAMES = {
    "pl0_ssp": "vmpl0_ssp", "pl1_ssp": "vmpl1_ssp", "pl2_ssp": "vmpl2_ssp", "pl3_ssp": "vmpl3_ssp",
    "dbgctl": "dbgctrl", "guest_exitinfo1": "guest_exit_info_1", "guest_exitinfo2": "guest_exit_info_2",
    "guest_exitintinfo": "guest_exit_int_info", "guest_exitcode": "guest_exit_code", "eventinj": "event_inj",
    "attributes": "attrib",
}  # fmt: skip
NEWER = {"guest_tsc_scale", "guest_tsc_offset", "reg_prot_nonce", "secure_avic_ctl"}
"""Fields that the oracle has as reserved bytes."""


def test_fields_do_not_overlap_and_lie_in_the_page() -> None:
    taken = [byte for field in FIELDS.values() for byte in range(field.offset, field.offset + field.size)]

    assert len(taken) == len(set(taken))
    assert max(taken) < 0x1000


@pytest.mark.parametrize("name", sorted(set(FIELDS) - NEWER))
def test_field_lies_where_the_oracle_has_it(name: str) -> None:
    register, _, part = name.partition(".")
    field = getattr(SevEsSaveArea, ORACLE_NAMES.get(register, register))
    offset, size = field.offset, field.size
    if part:
        piece = getattr(VmcbSeg, ORACLE_NAMES.get(part, part))
        offset, size = offset + piece.offset, piece.size

    assert (FIELDS[name].offset, FIELDS[name].size) == (offset, size)


def test_all_fields_of_the_oracle_are_listed() -> None:
    listed = {ORACLE_NAMES.get(name, name) for name in FIELDS} | set(SEGMENTS)
    known = {str(name) for name, *_ in SevEsSaveArea._fields_}

    unlisted = known - listed

    assert {name for name in unlisted if not name.startswith("reserved")} == {
        "fpreg_x87", "fpreg_xmm", "fpreg_ymm", "manual_padding",
    }  # fmt: skip
    assert ctypes.sizeof(SevEsSaveArea) == 4096


def test_packed_field_reads_back() -> None:
    values = {name: (index + 1) & ((1 << 8 * field.size) - 1) for index, (name, field) in enumerate(FIELDS.items())}

    page = pack(values)

    assert {name: read_field(page, name) for name in FIELDS} == values


def test_value_wider_than_its_field_is_refused() -> None:
    with pytest.raises(OverflowError):
        pack({"cpl": 256})


@pytest.mark.parametrize("vmm", Vmm)
def test_start_address_is_split_into_base_and_rip(vmm: Vmm) -> None:
    page = reset_vmsa(vmm, 0x0080_B004, 0xA20F12, 0x21)

    assert read_field(page, "cs.base") + read_field(page, "rip") == 0x0080_B004
    assert read_field(page, "sev_features") == 0x21
    assert read_field(page, "vmpl") == 0


@pytest.mark.parametrize(
    ("gpa", "content", "mask", "message"),
    [
        (0x1000, bytes(4095), 0, "content: 4095 bytes; a launch page has 4096"),
        (0x1001, bytes(4096), 0, "gpa: 0x1001 is not the address of a page below 2^52"),
        (1 << 52, bytes(4096), 0, "gpa: 0x10000000000000 is not the address of a page below 2^52"),
        (0x1000, bytes(4096), 256, "permissions: 0x100 is not an 8-bit mask"),
    ],
)
def test_launch_page_that_cannot_be_is_refused(gpa: int, content: bytes, mask: int, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is compared
        LaunchPage(gpa, LaunchPageType.NORMAL, content, vmpl2_perms=mask)

    assert str(caught.value) == message
