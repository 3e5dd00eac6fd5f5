"""RMP ranges: alignment, and how far each covers, by `spec/rmp/layout.py`."""

from collections.abc import Callable

from sevspec.blank import blank
from sevspec.observations.recorded import Observation, expect
from spec.record import replace
from spec.rmp.layout import (
    BOOKKEEPING_SIZE,
    SEGMENT_TABLE_SIZE,
    SHIFT_1G,
    SHIFT_1M,
    RmpLayout,
    SegmentEntry,
    has_rmp_entry,
)
from spec.rmp.layout_rules import firmware_refuses, processor_refuses
from spec.rmp.layout_self import is_rmp_page
from spec.vocabulary import PAGE_SHIFT

PAGE = 1 << PAGE_SHIFT


def judge(observation: Observation) -> str:
    """A contiguous RMP: firmware takes it, and its last covered byte is where it was worked out."""
    layout = replace(blank(RmpLayout), base=observation.number("base"), end=observation.number("end"))
    expect("processor", processor_refuses(layout, observation.platform.knobs), None)
    expect("firmware", firmware_refuses(layout), None)
    expect("size", layout.end + 1 - layout.base, observation.number("size"))
    last = observation.number("covered_end")
    covered = (has_rmp_entry(layout, last & ~(PAGE - 1)), has_rmp_entry(layout, last + 1))
    expect("last page covered, next not", covered, (True, False))
    expect("covers itself", has_rmp_entry(layout, layout.end), last >= layout.end)
    if "TOP_MEM2" in observation.raw:
        expect("covers all memory", has_rmp_entry(layout, observation.number("TOP_MEM2") - PAGE), True)
    return f"firmware accepts it; it covers {(last + 1) / (1 << SHIFT_1G):.3f} GiB, itself included"


def nothing_reserved(observation: Observation) -> str:
    """hw-063: shorter than the bookkeeping area."""
    layout = replace(blank(RmpLayout), base=observation.number("base"), end=observation.number("end"))
    expect("page 0 covered", has_rmp_entry(layout, 0), False)
    return "no page is covered"


def segmented(observation: Observation) -> str:
    """hw-052: three segments of 128 GiB; the others are absent."""
    base, end = bounds(observation.raw["base_table"])
    shift = int(observation.raw["segment_size"].split()[0], 16).bit_length() - 1
    layout = replace(
        blank(RmpLayout), base=base, segmented=True, segment_shift=shift, min_shift=36, max_shift=42,
        cached_segments=16, cached_only=True,
    )  # fmt: skip
    expect("bookkeeping and table", end + 1 - base, BOOKKEEPING_SIZE + SEGMENT_TABLE_SIZE)
    table = layout.table
    for number in (0, 8, 9):
        first, last = bounds(observation.raw[f"seg{number}"]["covers"])
        rmp_first, rmp_last = bounds(observation.raw[f"seg{number}"]["rmp"])
        expect(f"number of segment {number}", first >> shift, number)
        entry = replace(blank(SegmentEntry), covered=(last + 1 - first) >> SHIFT_1G, base=rmp_first >> SHIFT_1M)
        table = table.set(number, entry)
        layout = replace(layout, table=table)
        covered = [has_rmp_entry(layout, spa) for spa in (first, last & ~(PAGE - 1), last + 1)]
        expect(f"cover of segment {number}", covered, [True, True, False])
        inside = [is_rmp_page(layout, spa) for spa in (rmp_first, rmp_last, rmp_last + 1)]
        expect(f"RMP of segment {number}", inside, [True, True, False])
    expect("processor", processor_refuses(layout, observation.platform.knobs), None)
    expect("segment 1", has_rmp_entry(layout, 1 << shift), False)
    return "4 MiB of entries for each GiB, no bookkeeping inside segments, exponents in bytes"


def bounds(text: str) -> tuple[int, int]:
    """The two addresses of `0x…-0x…`."""
    first, last = text.split("-")
    return int(first, 16), int(last, 16)


BY_ID: dict[str, Callable[[Observation], str]] = {"hw-052": segmented, "hw-063": nothing_reserved}
