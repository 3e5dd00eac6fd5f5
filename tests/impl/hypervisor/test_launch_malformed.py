"""Malformed images: which message, exactly. Images are built, so addresses are known."""

import struct
from collections.abc import Callable
from typing import Any

import pytest

from impl.hypervisor.errors import ImageError
from impl.hypervisor.files import MAX_IMAGE_SIZE
from impl.hypervisor.footer import parse_footer
from impl.hypervisor.metadata import MAX_SECTIONS
from impl.hypervisor.options import LaunchOptions
from impl.hypervisor.plan import plan_launch

Build = Callable[..., bytes]
RESET = "00f771de-1a7e-4fcb-890e-68c77e2fb44e"
METADATA = "dc886566-984a-4798-a75e-5585a7bf67cc"
ZERO_GUID = "00000000-0000-0000-0000-000000000000"
ONE = LaunchOptions(vcpus=1, signature=0x800F12)
AT = "firmware: SEV metadata at 0x800: "


def u32(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}I", *values)


def header(size: int = 16, count: int = 0, signature: bytes = b"ASEV", version: int = 1) -> bytes:
    return struct.pack("<4sIII", signature, size, version, count)


def raw_entry(size: int, guid: bytes = bytes(16)) -> bytes:
    return struct.pack("<H16s", size, guid)


SIZES = {
    "empty": (b"", "firmware: the image is empty"),
    "one byte": (b"x", "firmware: the image has 1 bytes, not a whole number of 4096-byte pages"),
    "cut": (bytes(8191), "firmware: the image has 8191 bytes, not a whole number of 4096-byte pages"),
    "huge": (bytes(MAX_IMAGE_SIZE + 4096), "firmware: the image is larger than 16 MiB"),
}


@pytest.mark.parametrize("name", SIZES)
def test_image_of_impossible_size_is_refused(name: str) -> None:
    image, message = SIZES[name]

    with pytest.raises(ImageError) as caught:
        plan_launch(image, ONE)

    assert str(caught.value) == message


BUILT: dict[str, tuple[dict[str, Any], str]] = {
    "footer entry larger than the table": (
        {"extra": raw_entry(19)},
        f"firmware: footer table: entry {ZERO_GUID}: size 19 at 0xf60 is not in 18..18",
    ),
    "footer entry cut": ({"extra": b"abc"}, "firmware: footer table: 3 bytes at 0xf6f are too few for an entry"),
    "footer entry twice": (
        {"extra": u32(0) + raw_entry(22, bytes.fromhex("de71f7007e1acb4f890e68c77e2fb44e"))},
        f"firmware: footer table: second entry {RESET} at 0xf60",
    ),
    "no metadata entry": (
        {"change": {METADATA: None}},
        f"firmware: footer table: no SEV metadata entry ({METADATA})",
    ),
    "metadata entry of two bytes": (
        {"change": {METADATA: b"ab"}},
        "firmware: footer table: SEV metadata entry has 2 bytes of data, not 4",
    ),
    "reset block of eight bytes": (
        {"change": {RESET: bytes(8)}},
        "firmware: footer table: SEV-ES reset block entry has 8 bytes of data, not 4",
    ),
    "metadata before the image": (
        {"change": {METADATA: u32(0x1001)}},
        "firmware: SEV metadata: 0x1001 bytes before the end is not inside the image",
    ),
    "metadata at the end": (
        {"change": {METADATA: u32(15)}},
        "firmware: SEV metadata: 0xf bytes before the end is not inside the image",
    ),
    "metadata at nothing": (
        {"change": {METADATA: u32(0)}},
        "firmware: SEV metadata: 0x0 bytes before the end is not inside the image",
    ),
    "no sections": ({"sections": ()}, AT + "0 sections; 1 to 64 are supported"),
    "2^32 - 1 sections": (
        {"header": header(4, 0xFFFF_FFFF)},
        AT + "4294967295 sections; 1 to 64 are supported",
    ),
    "a section too many": (
        {"sections": [(0x1000 * index, 0x1000, 1) for index in range(MAX_SECTIONS + 1)]},
        AT + "65 sections; 1 to 64 are supported",
    ),
    "size that hides a section": (
        {"header": header(16 + 12, 2)},
        AT + "size 28 does not fit 2 sections, which take 40 bytes",
    ),
    "metadata cut by the end": (
        {"sections": (), "change": {METADATA: u32(0x14)}},
        "firmware: SEV metadata at 0xfec: signature ecedeeef is not 41534556 ('ASEV')",
    ),
    "base between pages": (
        {"sections": [(0x1800, 0x1000, 1)]},
        AT + "section 0 (SEC_MEM): base 0x1800 or size 0x1000 is not page-aligned",
    ),
    "empty section": ({"sections": [(0x1000, 0, 4)]}, AT + "section 0 (SVSM_CAA): size is 0"),
    "section beyond 4 GiB": (
        {"sections": [(0xFFFF_F000, 0x2000, 1)]},
        AT + "section 0 (SEC_MEM): base 0xfffff000 plus size 0x2000 is above 4 GiB",
    ),
    "secrets of two pages": (
        {"sections": [(0, 0x1000, 1), (0x1000, 0x2000, 2)]},
        AT + "section 1 (SECRETS): size 0x2000 is not one page",
    ),
    "CPUID of two pages": ({"sections": [(0, 0x2000, 3)]}, AT + "section 0 (CPUID): size 0x2000 is not one page"),
    "hashes of two pages": (
        {"sections": [(0, 0x2000, 0x10)]},
        AT + "section 0 (KERNEL_HASHES): size 0x2000 is not one page",
    ),
    "unknown type": ({"sections": [(0, 0x1000, 0xFFFF_FFFF)]}, AT + "section 0: type 0xffffffff is unknown"),
    "almost 4 GiB": (
        {"sections": [(0, 0xFFFF_F000, 1)]},
        AT + "the sections have 1048575 pages; at most 16384 are supported",
    ),
    "64 MiB and a page": (
        {"sections": [(0, 0x400_0000, 1), (0x400_0000, 0x1000, 1)]},
        AT + "the sections have 16385 pages; at most 16384 are supported",
    ),
    "overlap": (
        {"sections": [(0x5000, 0x1000, 2), (0x1000, 0x5000, 1)]},
        AT + "SEC_MEM at 0x1000..0x5fff overlaps SECRETS at 0x5000..0x5fff",
    ),
    "the same section twice": (
        {"sections": [(0x1000, 0x1000, 3)] * 2},
        AT + "CPUID at 0x1000..0x1fff overlaps CPUID at 0x1000..0x1fff",
    ),
    "section over the image": (
        {"sections": [(0xFFFF_E000, 0x2000, 1)]},
        "firmware: SEV metadata: SEC_MEM at 0xffffe000..0xffffffff overlaps the firmware image "
        "at 0xfffff000..0xffffffff",
    ),
}


@pytest.mark.parametrize("name", BUILT)
def test_malformed_image_is_refused(name: str, build_image: Build) -> None:
    change, message = BUILT[name]

    with pytest.raises(ImageError) as caught:
        plan_launch(build_image(**change), ONE)

    assert str(caught.value) == message


def test_footer_size_is_checked_against_the_image(build_image: Build) -> None:
    for size, message in (
        (0xFFFF, "firmware: footer table: size 65535 at 0xfce is not in 18..4064"),
        (17, "firmware: footer table: size 17 at 0xfce is not in 18..4064"),
    ):
        image = bytearray(build_image())
        image[0xFCE:0xFD0] = struct.pack("<H", size)

        with pytest.raises(ImageError) as caught:
            plan_launch(bytes(image), ONE)

        assert str(caught.value) == message


def test_metadata_that_reaches_beyond_the_image_is_refused(build_image: Build) -> None:
    image = build_image(change={METADATA: u32(0x20)})
    image = image[:-32] + header(16 + 2 * 12, 2) + bytes(16)

    with pytest.raises(ImageError) as caught:
        plan_launch(image, ONE)

    assert str(caught.value) == "firmware: SEV metadata at 0xfe0: 40 bytes reach beyond the end of the image"


@pytest.mark.parametrize("size", [0, 31, 32, 49])
def test_footer_of_an_image_too_short_for_one_is_refused(size: int) -> None:
    with pytest.raises(ImageError) as caught:
        parse_footer(bytes(size), "firmware")

    assert str(caught.value) == f"firmware: the image has {size} bytes, too few for a footer table"
