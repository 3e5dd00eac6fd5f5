"""Plans of SEV and SEV-ES guests: what is launched where, and that any bytes give a plan or one line."""

from collections.abc import Callable
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impl.hypervisor.errors import ImageError, OptionError
from impl.hypervisor.kernel_hashes import hash_kernel
from impl.hypervisor.legacy_plan import LegacyUpdate, plan_legacy_launch
from impl.hypervisor.options import LaunchMode, LaunchOptions
from impl.hypervisor.pages import PAGE_SIZE
from impl.hypervisor.plan import plan_launch
from impl.hypervisor.vmsa_layout import read_field
from tests.impl.hypervisor.conftest import HASHES, build

HASHED = hash_kernel(b"kernel")
ES = LaunchOptions(LaunchMode.SEV_ES, vcpus=2, signature=0x800F12, kernel=HASHED)


def spans(updates: tuple[LegacyUpdate, ...]) -> list[tuple[int, int]]:
    """Guest memory that is launched, by address."""
    return sorted((update.gpa, update.gpa + len(update.content)) for update in updates if update.gpa is not None)


def test_image_hashes_and_vmsas_are_launched_in_this_order():
    image = build(size=0x2000)
    plan = plan_legacy_launch(image, ES)
    assert [(update.region, update.gpa, len(update.content)) for update in plan.updates] == [
        ("firmware image", 0xFFFF_E000, 0x1000),
        ("firmware image", 0xFFFF_F000, 0x1000),
        ("kernel hashes", 0x80_4C00, 176),
        ("VMSA", None, 0x1000),
        ("VMSA", None, 0x1000),
    ]
    assert b"".join(update.content for update in plan.updates[:2]) == image
    assert sha256(b"kernel").digest() in plan.updates[2].content


def test_vmsas_start_at_the_reset_vector_and_where_the_image_says_without_features():
    boot, other = plan_legacy_launch(build(), ES).vmsas
    assert [read_field(boot, "cs.base") + read_field(boot, "rip"), read_field(boot, "sev_features")] == [0xFFFF_FFF0, 0]
    assert [read_field(other, "cs.base") + read_field(other, "rip"), read_field(other, "rdx")] == [0x80_B004, 0x800F12]


def test_hashes_across_two_pages_are_launched_in_two_parts():
    table = (0x80_4FF0).to_bytes(4, "little") + (0x400).to_bytes(4, "little")
    plan = plan_legacy_launch(build(change={HASHES: table}), LaunchOptions(LaunchMode.SEV, kernel=HASHED))
    parts = [update for update in plan.updates if update.region == "kernel hashes"]
    assert spans(tuple(parts)) == [(0x80_4FF0, 0x80_5000), (0x80_5000, 0x80_50A0)]
    assert b"".join(part.content for part in parts) == HASHED.table()


@pytest.mark.parametrize("mode", [LaunchMode.SEV, LaunchMode.SEV_ES])
def test_snp_plan_of_a_legacy_mode_is_a_programming_error(mode):
    with pytest.raises(ValueError, match=f"^mode {mode.value} has a plan of its own"):
        plan_launch(build(), LaunchOptions(mode, vcpus=1, signature=0))


@pytest.mark.parametrize("mode", [LaunchMode.SEV, LaunchMode.SEV_ES])
def test_digest_in_place_of_the_image_is_refused(mode):
    with pytest.raises(OptionError, match="^ovmf hash: it stands in for the firmware in mode snp only$"):
        plan_legacy_launch(build(), LaunchOptions(mode, vcpus=1, signature=0, ovmf_hash=bytes(48)))


def plan_or_one_line(image: bytes, options: LaunchOptions) -> None:
    try:
        launched = spans(plan_legacy_launch(image, options).updates)
    except ImageError as error:
        assert str(error).isprintable()
        assert str(error).startswith("firmware: ")
        return
    assert all(last <= first for (_, last), (first, _) in pairwise(launched))
    assert all(first % 16 == 0 and (last - first) % 16 == 0 for first, last in launched)
    assert all(first // PAGE_SIZE == (last - 1) // PAGE_SIZE for first, last in launched)


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=9000), options=st.sampled_from([LaunchOptions(LaunchMode.SEV), ES]))
def test_any_bytes_give_one_line_or_an_image(data, options):
    plan_or_one_line(data, options)


@settings(max_examples=400, deadline=None)
@given(
    edits=st.lists(st.tuples(st.integers(1, 1500), st.binary(min_size=1, max_size=4)), max_size=6),
    options=st.sampled_from([LaunchOptions(LaunchMode.SEV), LaunchOptions(LaunchMode.SEV, kernel=HASHED), ES]),
)
def test_damaged_image_gives_a_plan_or_one_line(edits, options, find_image: Callable[[str], Path]):
    image = bytearray(find_image("ovmf_AmdSev_suffix.bin").read_bytes())
    for before_end, content in edits:
        start = len(image) - before_end
        image[start : start + len(content)] = content
    plan_or_one_line(bytes(image[: len(image) // PAGE_SIZE * PAGE_SIZE]), options)
