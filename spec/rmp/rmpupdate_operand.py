"""The operand of RMPUPDATE: what may be wrong with it, and the entry that it asks for."""

from typing import Annotated

from spec.logic import all_of, any_of, first_of, ite, none_of
from spec.record import record
from spec.rmp.coverage import is_covered
from spec.rmp.cpu import Cpu
from spec.rmp.entry import PageSizeBit, RmpEntry
from spec.system.state import System
from spec.vmpl.permissions import reset_masks
from spec.vocabulary import INVALID_ASID, PAGE_SHIFT, Address, Bits, PageSize, SubpageCount

GPA_MASK = (1 << 51) - 1
"""GPA[50:0]: an entry stores no C-bit."""


@record
class RmpUpdate:
    """RAX and the 16-byte operand in memory (APM Vol. 3, "RMPUPDATE"; layout also in MSVC and Linux headers)."""

    cpu: Cpu
    spa: Address
    gpa: Address
    assigned: bool
    page_size: PageSizeBit
    region_status: bool
    """Bit 1 of the PAGE_SIZE byte, which RMPREAD returns."""
    immutable: bool
    reserved: bool
    """Some other reserved bit of the operand is set."""
    asid: Annotated[int, Bits(32)]
    contended: bool
    """Another processor holds the entry at this moment (knob K-OVERLAP-SPUR)."""
    overlap_contended: bool
    """Another processor is changing the region at this moment (knob K-OVERLAP-SPUR)."""


def wrong_operand(system: System, op: RmpUpdate) -> str | None:
    """What is wrong with the operands, whatever the entry says. The order is not documented (knob K-RMPUPD-ORDER)."""
    knobs = system.platform.knobs
    large = op.page_size == PageSize.SIZE_2M
    highest_asid = ite(knobs.rmpupdate_asid_by_maximum, system.platform.max_asid, INVALID_ASID - 1)
    return first_of(
        ("spa-alignment", op.spa & ite(large, 0x1FFFFF, 0xFFF) != 0),
        ("covered", none_of(is_covered(system, op.spa))),
        ("reserved-bits", any_of(op.reserved, all_of(op.region_status, knobs.region_status_bit_rejected))),
        ("unassigned-operand", all_of(any_of(op.immutable, op.asid != 0), none_of(op.assigned))),
        ("reclaim-operand", all_of(op.asid == 0, op.assigned, none_of(op.immutable, knobs.host_may_reclaim))),
        ("asid-range", op.asid > highest_asid),
        # For a 4 KiB page the low address bits are ignored: hardware accepted an all-ones address.
        ("gpa-alignment", all_of(large, op.gpa & 0x1FFFFF != 0)),
    )


def updated_entry(system: System, op: RmpUpdate, old: RmpEntry, subpage_count: SubpageCount) -> RmpEntry:
    """The entry of the page named by the request."""
    platform = system.platform
    knobs = platform.knobs
    stored_gfn = ((op.gpa & GPA_MASK) >> PAGE_SHIFT) & platform.gfn_mask
    gfn = ite(all_of(op.asid == 0, knobs.gpa0_for_asid0), 0, stored_gfn)
    # The same owner, address and size: Validated, VMSA and the masks stay (knob K-RMPUPD-SAME).
    kept = all_of(
        old.assigned,
        op.assigned,
        op.asid != 0,
        old.asid == op.asid,
        old.gfn == gfn,
        old.page_size == op.page_size,
        knobs.same_operands_keep_state,
    )
    return RmpEntry(
        assigned=op.assigned,
        page_size=ite(any_of(op.assigned, none_of(knobs.unassigned_is_4k)), op.page_size, PageSize.SIZE_4K),
        immutable=op.immutable,
        subpage_count=subpage_count,
        gfn=gfn,
        asid=op.asid,
        vmsa=all_of(kept, old.vmsa),
        validated=all_of(kept, old.validated),
        lock=all_of(op.immutable, knobs.lock_follows_immutable),
        masks=ite(kept, old.masks, reset_masks(platform)),
    )
