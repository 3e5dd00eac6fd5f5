"""Images and options that do not fit together, and requests that no image can honour: which message, exactly."""

import struct
from collections.abc import Callable
from typing import Any

import pytest

from impl.hypervisor.errors import ImageError, OptionError
from impl.hypervisor.files import MAX_IMAGE_SIZE
from impl.hypervisor.kernel_hashes import KernelHashes, hash_kernel
from impl.hypervisor.options import LaunchMode, LaunchOptions
from impl.hypervisor.plan import plan_launch
from impl.hypervisor.vmsa import Vmm

Build = Callable[..., bytes]
RESET = "00f771de-1a7e-4fcb-890e-68c77e2fb44e"
HASHES = "7255371f-3a3b-4b04-927b-1da6efa8d454"
SVSM = "a789a612-0597-4c4b-a49f-cbb1fe9d1ddd"
ONE = LaunchOptions(vcpus=1, signature=0x800F12)


def u32(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}I", *values)


HASH_TABLES = {
    "at zero": (u32(0, 0x400), "SEV hash table at 0x0, 1024 bytes: no room for kernel hashes"),
    "too small": (u32(0x804C00, 175), "SEV hash table at 0x804c00, 175 bytes: no room for kernel hashes"),
    "below": (u32(0x803FFF, 176), "SEV hash table at 0x803fff is not inside KERNEL_HASHES at 0x804000..0x804fff"),
    "across": (u32(0x804F51, 176), "SEV hash table at 0x804f51 is not inside KERNEL_HASHES at 0x804000..0x804fff"),
}


@pytest.mark.parametrize("name", HASH_TABLES)
def test_hash_table_outside_its_page_is_refused(name: str, build_image: Build) -> None:
    data, message = HASH_TABLES[name]
    options = LaunchOptions(vcpus=1, signature=0, kernel=hash_kernel(b"kernel"))

    with pytest.raises(ImageError) as caught:
        plan_launch(build_image(change={HASHES: data}), options)

    assert str(caught.value) == f"firmware: footer table: {message}"


def test_kernel_with_two_hash_pages_is_refused(build_image: Build) -> None:
    image = build_image(sections=[(0x804000, 0x1000, 0x10), (0x805000, 0x1000, 0x10)])

    with pytest.raises(ImageError, match=r"^firmware: SEV metadata: 2 KERNEL_HASHES sections; a kernel needs one$"):
        plan_launch(image, LaunchOptions(vcpus=1, signature=0, kernel=KernelHashes(bytes(32), bytes(32), bytes(32))))


SVSM_IMAGES: dict[str, tuple[dict[str, Any], str]] = {
    "entry outside": (
        {"change": {SVSM: u32(0x1000)}},
        "SVSM: footer table: SVSM info: entry point 0x1000 is outside the image",
    ),
    "section over the SVSM": (
        {"sections": [(0xFFFF_D000, 0x1000, 1)]},
        "SVSM: SEV metadata: SEC_MEM at 0xffffd000..0xffffdfff overlaps the SVSM image at 0xffffd000..0xffffdfff",
    ),
    "section over the variable store": (
        {"sections": [(0xFFFF_E000, 0x1000, 1)]},
        "SVSM: SEV metadata: SEC_MEM at 0xffffe000..0xffffefff overlaps the firmware image at 0xffffe000..0xffffffff",
    ),
}


@pytest.mark.parametrize("name", SVSM_IMAGES)
def test_malformed_svsm_is_refused(name: str, build_image: Build) -> None:
    change, message = SVSM_IMAGES[name]
    options = LaunchOptions(LaunchMode.SNP_SVSM, 1, 0, svsm=build_image(**change), vars_size=0x1000)

    with pytest.raises(ImageError) as caught:
        plan_launch(build_image(), options)

    assert str(caught.value) == message


OPTIONS: dict[str, tuple[LaunchOptions, str]] = {
    "no count": (LaunchOptions(signature=0), "vcpus: mode snp needs a number of vCPUs"),
    "no vCPU": (LaunchOptions(vcpus=0, signature=0), "vcpus: 0 is not in 1..4096"),
    "too many": (LaunchOptions(vcpus=4097, signature=0), "vcpus: 4097 is not in 1..4096"),
    "no signature": (
        LaunchOptions(vcpus=1),
        "vCPU: QEMU puts the CPUID signature into the VMSA; give a vCPU type or signature",
    ),
    "wide signature": (
        LaunchOptions(vcpus=1, signature=1 << 32),
        "vCPU signature: 0x100000000 does not fit 32 bits",
    ),
    "negative features": (
        LaunchOptions(vcpus=1, signature=0, guest_features=-1),
        "guest features: -0x1 does not fit 64 bits",
    ),
    "no SVSM": (
        LaunchOptions(LaunchMode.SNP_SVSM, 1, 0, vars_size=0),
        "svsm: mode snp:svsm needs an SVSM image",
    ),
    "no variable store": (
        LaunchOptions(LaunchMode.SNP_SVSM, 1, 0, svsm=b"x"),
        "vars size: mode snp:svsm needs the size of the variable store",
    ),
    "odd variable store": (
        LaunchOptions(LaunchMode.SNP_SVSM, 1, 0, svsm=b"x", vars_size=100),
        "vars size: 100 is not a whole number of 4096-byte pages",
    ),
    "huge variable store": (
        LaunchOptions(LaunchMode.SNP_SVSM, 1, 0, svsm=b"x", vars_size=1 << 40),
        "vars size: 1099511627776 is not in 0..16777216",
    ),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_impossible_request_is_refused(name: str, build_image: Build) -> None:
    options, message = OPTIONS[name]

    with pytest.raises(OptionError) as caught:
        plan_launch(build_image(), options)

    assert str(caught.value) == message


def test_options_without_effect_are_named(build_image: Build) -> None:
    image = build_image()
    svsm = LaunchOptions(
        LaunchMode.SNP_SVSM, 1, 0, 0x21, kernel=hash_kernel(b"k"), svsm=build_image(), vars_size=0x1000
    )
    alone = LaunchOptions(LaunchMode.SNP_OVMF_HASH, vcpus=0, vmm=Vmm.GCE)

    assert plan_launch(image, ONE).ignored == ()
    assert plan_launch(image, svsm).ignored == ("guest_features", "kernel")
    assert plan_launch(image, svsm).guest_features == 1
    assert plan_launch(image, alone).ignored == ("vcpus", "vmm")


LARGEST = 0x400_0000
AT_THE_BOUND: dict[str, tuple[dict[str, Any], LaunchOptions]] = {
    "64 MiB of sections": ({"sections": [(0, LARGEST, 1)]}, ONE),
    "a section that ends where the image starts": ({"sections": [(0xFFFF_E000, 0x1000, 1)]}, ONE),
    "16 MiB": ({"size": MAX_IMAGE_SIZE}, ONE),
    "a hash table at the end of its page": (
        {"change": {HASHES: u32(0x805000 - 176, 176)}},
        LaunchOptions(vcpus=1, signature=0, kernel=hash_kernel(b"kernel")),
    ),
    "one vCPU without a start address for others": ({"change": {RESET: u32(0)}}, ONE),
}


@pytest.mark.parametrize("name", AT_THE_BOUND)
def test_launch_at_the_bound_is_planned(name: str, build_image: Build) -> None:
    change, options = AT_THE_BOUND[name]
    image = build_image(**change)

    plan = plan_launch(image, options)

    assert b"".join(page.content for page in plan.pages[: len(image) // 4096]) == image
    assert len(plan.vmsas) == 1


def test_second_vcpu_needs_a_start_address(build_image: Build) -> None:
    with pytest.raises(ImageError) as caught:
        plan_launch(build_image(change={RESET: u32(0)}), LaunchOptions(vcpus=2, signature=0))

    assert str(caught.value) == "firmware: footer table: SEV-ES reset block: address 0, but 2 vCPUs need one"
