"""The place of the RMP and what it covers, contiguous and segmented."""

import pytest

from spec.knobs import DEFAULT_KNOBS
from spec.maps import Map
from spec.record import replace
from spec.rmp.layout import RmpLayout, SegmentEntry, covered_regions, entry_address, has_rmp_entry, offset_in_segment
from spec.rmp.layout_rules import firmware_refuses, processor_refuses, walk_reports_reserved
from spec.rmp.layout_self import is_rmp_page

GIB = 1 << 30
NOTHING = SegmentEntry(covered=0, base=0, reserved=False)
CONTIGUOUS = RmpLayout(
    base=0x10_0000,
    end=0x110_3FFF,
    segmented=False,
    segment_shift=0,
    min_shift=36,
    max_shift=42,
    cached_segments=16,
    cached_only=True,
    table=Map(NOTHING),
)
"""The example of APM Vol. 2, 15.36.4: exactly 4 GiB."""
EMPTY: Map[int, SegmentEntry] = Map(NOTHING)
TABLE = EMPTY.set(0, SegmentEntry(covered=200, base=0x1000, reserved=False))
SEGMENTED = replace(
    CONTIGUOUS,
    segmented=True,
    segment_shift=37,
    table=TABLE.set(2, SegmentEntry(covered=3, base=0x2000, reserved=False)),
)
"""128 GiB segments as on Turin: the first covered whole, the second not at all, 3 GiB of the third."""


def test_contiguous_example_covers_exactly_4_gib():
    regions = covered_regions(CONTIGUOUS)
    assert all(regions[n] for n in range(2048))
    assert not any(regions[n] for n in (2048, 2049, 1 << 20))


def test_contiguous_entries_follow_the_counters():
    assert entry_address(CONTIGUOUS, 0) == 0x10_4000
    assert entry_address(CONTIGUOUS, 4 * GIB - 1) == 0x110_3FF0


def test_contiguous_rmp_is_its_own_memory():
    inside = [is_rmp_page(CONTIGUOUS, spa) for spa in (0xF_FFFF, 0x10_0000, 0x110_3FFF, 0x110_4000)]
    assert inside == [False, True, True, False]


@pytest.mark.parametrize(
    ("spa", "covered"),
    [
        (0, True),
        ((128 << 30) - 1, True),
        (128 << 30, False),
        (256 << 30, True),
        (259 * GIB - 1, True),
        (259 * GIB, False),
        (1 << 51, False),
    ],
)
def test_segmented_coverage_goes_by_segment(spa, covered):
    assert has_rmp_entry(SEGMENTED, spa) == covered
    assert covered_regions(SEGMENTED)[spa >> 21] == covered


def test_segments_beyond_the_cached_ones_count_only_if_allowed():
    table = SEGMENTED.table.set(16, SegmentEntry(covered=1, base=0x3000, reserved=False))
    layout = replace(SEGMENTED, table=table)
    assert not has_rmp_entry(layout, 16 << 37)
    assert has_rmp_entry(replace(layout, cached_only=False), 16 << 37)


def test_segmented_entries_start_at_their_own_base():
    assert entry_address(SEGMENTED, 0x1000) == (0x1000 << 20) + 16
    assert entry_address(SEGMENTED, (256 << 30) + 0x3000) == (0x2000 << 20) + 48


@pytest.mark.parametrize(
    ("spa", "inside"),
    [
        (0x10_0000, True),
        (0x10_4FFF, True),
        (0x10_5000, False),
        (0x1000 << 20, True),
        ((0x1000 << 20) + 128 * (4 << 20) - 1, True),
        ((0x1000 << 20) + 128 * (4 << 20), False),
        ((0x2000 << 20) + (12 << 20) - 1, True),
        ((0x2000 << 20) + (12 << 20), False),
    ],
)
def test_segmented_rmp_occupies_4_mib_for_each_gib(spa, inside):
    assert is_rmp_page(SEGMENTED, spa) == inside


@pytest.mark.parametrize(
    ("layout", "cause"),
    [
        (CONTIGUOUS, None),
        (replace(CONTIGUOUS, base=0x10_1000), "base-alignment"),
        (replace(CONTIGUOUS, end=0x110_4FFF), "end-alignment"),
        (SEGMENTED, None),
        (replace(SEGMENTED, base=0x10_2000), "base-alignment"),
        (replace(SEGMENTED, segment_shift=35), "segment-size"),
        (replace(SEGMENTED, segment_shift=43), "segment-size"),
        (replace(SEGMENTED, table=TABLE.set(1, replace(NOTHING, reserved=True))), "segment-table"),
        (replace(SEGMENTED, table=TABLE.set(16, replace(NOTHING, reserved=True))), None),
        (replace(CONTIGUOUS, base=0x10_2000), None),
        (replace(CONTIGUOUS, base=0x10_1000, end=0x110_4FFF), "base-alignment"),
        (replace(CONTIGUOUS, table=TABLE.set(1, replace(NOTHING, reserved=True))), None),
        (replace(SEGMENTED, end=0x110_4FFF), None),
        (replace(SEGMENTED, segment_shift=36), None),
        (replace(SEGMENTED, segment_shift=42), None),
        (replace(SEGMENTED, segment_shift=43, table=TABLE.set(1, replace(NOTHING, reserved=True))), "segment-size"),
    ],
)
def test_processor_refuses_misaligned_layouts(layout, cause):
    assert processor_refuses(layout, DEFAULT_KNOBS) == cause


def test_offset_in_a_segment_is_exact_to_the_byte():
    assert offset_in_segment(SEGMENTED, (1 << SEGMENTED.segment_shift) + 5) == 5


def test_segment_size_limits_are_in_mib_by_knob():
    knobs = replace(DEFAULT_KNOBS, segment_unit_bytes=False)
    layout = replace(SEGMENTED, min_shift=16, max_shift=22)
    assert processor_refuses(layout, DEFAULT_KNOBS) == "segment-size"
    assert processor_refuses(layout, knobs) is None


@pytest.mark.parametrize(
    ("layout", "cause"),
    [
        (CONTIGUOUS, "length"),
        (replace(CONTIGUOUS, base=0x10_2000), "base-alignment"),
        (replace(CONTIGUOUS, base=0x200_0000, end=0x10F_FFFF), "order"),
        (replace(CONTIGUOUS, base=0x4000_0000_0000, end=0x4000_00FF_FFFF), "self-coverage"),
        (replace(CONTIGUOUS, end=0x11F_FFFF), None),
        (SEGMENTED, None),
    ],
)
def test_firmware_wants_1_mib_and_self_coverage(layout, cause):
    assert firmware_refuses(layout) == cause


def test_reserved_segment_is_reported_by_the_walk_only_if_tables_are_not_all_cached():
    table = TABLE.set(1, replace(NOTHING, reserved=True))
    layout = replace(SEGMENTED, table=table, cached_only=False)
    assert processor_refuses(layout, DEFAULT_KNOBS) is None
    assert walk_reports_reserved(layout, 1 << 37)
    assert not walk_reports_reserved(layout, 0)
    assert not walk_reports_reserved(replace(layout, cached_only=True), 1 << 37)
    assert not walk_reports_reserved(replace(layout, segmented=False), 1 << 37)
