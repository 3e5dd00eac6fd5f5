"""Which RMP layouts the processor and the firmware accept.

APM Vol. 2, 15.36.4 and 15.36.22; firmware ABI (56860), "SNP_INIT_EX".
"""

from spec.knobs import Knobs
from spec.logic import all_of, any_in_range, any_of, first_of, ite, none_of
from spec.rmp.layout import MAX_SEGMENTS, SHIFT_1M, RmpLayout, has_rmp_entry, segment_count
from spec.vocabulary import Address

ALIGN_8K = (1 << 13) - 1
ALIGN_1M = (1 << SHIFT_1M) - 1


def processor_refuses(layout: RmpLayout, knobs: Knobs) -> str | None:
    """What is architecturally wrong with a layout: a #GP when a register is written or SNP is enabled, or None."""
    # CPUID reports the limits as bytes, or as MiB (knob K-SEGUNIT).
    unit = ite(knobs.segment_unit_bytes, 0, SHIFT_1M)
    shift = layout.segment_shift
    odd_shift = any_of(shift < layout.min_shift + unit, shift > layout.max_shift + unit)
    return first_of(
        ("base-alignment", layout.base & ite(layout.segmented, ALIGN_1M, ALIGN_8K) != 0),
        ("end-alignment", all_of(none_of(layout.segmented), (layout.end + 1) & ALIGN_8K != 0)),
        ("segment-size", all_of(layout.segmented, odd_shift)),
        # Where all definitions are cached, they are read when SNP is enabled.
        ("segment-table", all_of(layout.segmented, layout.cached_only, has_reserved_segment(layout))),
    )


def has_reserved_segment(layout: RmpLayout) -> bool:
    """Some entry of the segment table that is used has a reserved bit set."""
    return any_in_range(0, segment_count(layout), lambda number: layout.table[number].reserved)


def firmware_refuses(layout: RmpLayout) -> str | None:
    """What SNP_INIT finds wrong with a layout that the processor accepts, or None.

    Which memory it lies in is the platform's question, not the layout's.
    """
    contiguous = none_of(layout.segmented)
    return first_of(
        ("base-alignment", layout.base & ALIGN_1M != 0),
        ("length", all_of(contiguous, (layout.end + 1) & ALIGN_1M != 0)),
        ("order", all_of(contiguous, layout.end < layout.base)),
        ("self-coverage", all_of(contiguous, none_of(has_rmp_entry(layout, layout.end)))),
    )


def walk_reports_reserved(layout: RmpLayout, spa: Address) -> bool:
    """An RMP check for this address ends in a page fault with RSV: its segment's entry has a reserved bit set."""
    segment = spa >> layout.segment_shift
    if any_of(none_of(layout.segmented), layout.cached_only, segment >= MAX_SEGMENTS):
        return False
    return layout.table[segment].reserved
