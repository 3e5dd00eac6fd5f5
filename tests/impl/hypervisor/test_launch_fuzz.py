"""Any bytes give a plan or one line; any well-formed image and options give the oracle's digest."""

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sevsnpmeasure import guest
from sevsnpmeasure.sev_mode import SevMode
from sevsnpmeasure.vmm_types import VMMType

from impl.hypervisor.errors import ImageError
from impl.hypervisor.kernel_hashes import hash_kernel_files
from impl.hypervisor.options import LaunchMode, LaunchOptions
from impl.hypervisor.pages import PAGE_SIZE
from impl.hypervisor.plan import plan_launch
from impl.hypervisor.vmsa import Vmm

IMAGES = ("ovmf_AmdSev_suffix.bin", "ovmf_OvmfX64_suffix.bin")
METADATA = "dc886566-984a-4798-a75e-5585a7bf67cc"
HASHES = "7255371f-3a3b-4b04-927b-1da6efa8d454"
u32 = st.one_of(st.integers(0, 64), st.integers(0, (1 << 32) - 1), st.sampled_from([0x1000, 1 << 31, (1 << 32) - 4096]))


def launch_or_one_line(image: bytes, svsm: bytes, kernel: bool, find: Callable[[str], Path]) -> None:
    hashes = hash_kernel_files(find("tiny-kernel.bin"), None, None) if kernel else None
    for options in (
        LaunchOptions(vcpus=2, signature=0, kernel=hashes),
        LaunchOptions(LaunchMode.SNP_OVMF_HASH),
        LaunchOptions(LaunchMode.SNP_SVSM, 2, 0, svsm=svsm, vars_size=PAGE_SIZE),
    ):
        message, gpas = "firmware: ", []
        try:
            gpas = [page.gpa for page in plan_launch(image, options).pages if page.page_type != 2]
        except ImageError as error:
            message = str(error)

        assert message.isprintable()
        assert message.startswith(("firmware: ", "SVSM: "))
        assert len(gpas) == len(set(gpas)), "a page is launched twice"


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=9000), kernel=st.booleans())
def test_any_bytes_give_one_line(data: bytes, kernel: bool, find_image: Callable[[str], Path]) -> None:
    launch_or_one_line(data, data, kernel, find_image)


@settings(max_examples=600, deadline=None)
@given(
    name=st.sampled_from(IMAGES),
    edits=st.lists(st.tuples(st.integers(1, 1500), st.binary(min_size=1, max_size=4)), max_size=6),
    keep=st.sampled_from([0, 0, 0, 0, 1, 49, 50, 4095]),
    kernel=st.booleans(),
)
def test_damaged_image_gives_a_plan_or_one_line(
    name: str, edits: list[tuple[int, bytes]], keep: int, kernel: bool, find_image: Callable[[str], Path]
) -> None:
    image = bytearray(find_image(name).read_bytes())
    for back, data in edits:
        start = len(image) - back
        image[start : start + len(data)] = data
    damaged = bytes(image[-keep:])

    launch_or_one_line(damaged, damaged, kernel, find_image)


@settings(max_examples=600, deadline=None)
@given(
    sections=st.lists(st.tuples(u32, u32, st.sampled_from([1, 2, 3, 4, 16, 5])), max_size=5),
    header=st.one_of(st.none(), st.binary(min_size=16, max_size=16)),
    offset=st.one_of(st.just(0x800), u32),
    extra=st.binary(max_size=40),
    area=st.tuples(u32, u32),
)
def test_strange_image_gives_a_plan_or_one_line(
    sections: list[tuple[int, int, int]],
    header: bytes | None,
    offset: int,
    extra: bytes,
    area: tuple[int, int],
    build_image: Callable[..., bytes],
    find_image: Callable[[str], Path],
) -> None:
    change = {METADATA: offset.to_bytes(4, "little"), HASHES: b"".join(value.to_bytes(4, "little") for value in area)}
    image = build_image(sections=sections, header=header, extra=extra, change=change)

    launch_or_one_line(image, image, True, find_image)


@st.composite
def layouts(draw: st.DrawFn) -> list[tuple[int, int, int]]:
    """Sections without overlap, in any order; at most one page for kernel hashes."""
    kinds = draw(st.lists(st.sampled_from([1, 2, 3, 4, 16]), min_size=1, max_size=8))
    sections, gpa, hashes = [], 0, False
    for kind in kinds:
        if kind == 16 and hashes:
            continue
        hashes |= kind == 16
        gpa += draw(st.integers(0, 4)) * PAGE_SIZE
        size = PAGE_SIZE * (draw(st.integers(1, 5)) if kind in (1, 4) else 1)
        sections.append((gpa, size, kind))
        gpa += size
    return list(draw(st.permutations(sections)))


@settings(max_examples=200, deadline=None)
@given(
    sections=layouts(),
    pages=st.integers(1, 3),
    table=st.integers(0, PAGE_SIZE - 176),
    vmm=st.sampled_from(Vmm),
    vcpus=st.integers(1, 5),
    signature=st.integers(0, (1 << 32) - 1),
    features=st.integers(0, (1 << 64) - 1),
    append=st.one_of(st.none(), st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)),
    with_kernel=st.booleans(),
    svsm=st.booleans(),
)
def test_any_well_formed_launch_has_the_digest_of_the_oracle(
    sections: list[tuple[int, int, int]],
    pages: int,
    table: int,
    vmm: Vmm,
    vcpus: int,
    signature: int,
    features: int,
    append: str | None,
    with_kernel: bool,
    svsm: bool,
    build_image: Callable[..., bytes],
    find_image: Callable[[str], Path],
    launch_digest: Callable[..., str],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    base = next((gpa for gpa, _, kind in sections if kind == 16), None)
    area = (base or 0) + table
    change = {HASHES: area.to_bytes(4, "little") + (1024).to_bytes(4, "little")}
    path = tmp_path_factory.getbasetemp() / "well-formed.fd"
    path.write_bytes(build_image(sections=sections, size=pages * PAGE_SIZE, change=change))
    kernel = find_image("tiny-kernel.bin") if with_kernel and base is not None and area and not svsm else None
    vmm = Vmm.QEMU if svsm else vmm
    options = LaunchOptions(
        LaunchMode.SNP_SVSM if svsm else LaunchMode.SNP,
        vcpus,
        signature,
        features,
        vmm,
        kernel=hash_kernel_files(kernel, None, append if kernel else None),
        svsm=path.read_bytes() if svsm else None,
        vars_size=3 * PAGE_SIZE if svsm else None,
    )

    plan = plan_launch(path.read_bytes(), options)

    expected = guest.calc_launch_digest(
        SevMode.SEV_SNP_SVSM if svsm else SevMode.SEV_SNP, vcpus, signature, str(path), kernel and str(kernel), None,
        append, features, "", VMMType[vmm.value], False, str(path), 3 * PAGE_SIZE,
    )  # fmt: skip
    assert launch_digest(plan.pages, plan.initial_digest) == expected.hex()
    order = [page.gpa for page in plan.pages if page.page_type not in (1, 2)]
    assert len(order) == len(set(order))
    assert all(a.page_type != 2 or b.page_type == 2 for a, b in itertools.pairwise(plan.pages))
