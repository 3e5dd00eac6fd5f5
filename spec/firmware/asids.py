"""ASIDs and the caches of core complexes (CCX): which ASID is dirty, clean, allocated or in use on which of them.

Dirty --DF_FLUSH after WBINVD--> clean --ACTIVATE--> allocated --LAUNCH_FINISH--> in use --DECOMMISSION--> dirty;
allocated --DECOMMISSION--> clean. So no cache line of one guest can be taken for another guest's with the same ASID.
"""

from collections.abc import Callable
from typing import Annotated

from spec.firmware.state import MAX_CCX, CcxAsid, CcxSlot, Firmware
from spec.logic import all_in_range, all_of, any_in_range, any_of, ite, none_of, select
from spec.maps import Map
from spec.record import replace
from spec.system.state import System
from spec.vocabulary import Asid, Bits

CcxMask = Annotated[int, Bits(16)]
"""A set of core complexes: one bit each."""
EVERY_CCX = 0xFFFF
CCX_SHIFT = 4
ALL_ASIDS = 1 << 10
CcxStates = Map[CcxSlot, Annotated[int, Bits(2)]]


def slots_of(asid: Asid) -> int:
    """The first of the `MAX_CCX` slots of an ASID."""
    return asid << CCX_SHIFT


def ccx_of(slot: CcxSlot) -> int:
    """The core complex of a slot."""
    return slot & (MAX_CCX - 1)


def is_listed(ccxs: CcxMask, slot: CcxSlot) -> bool:
    """Whether the set has the slot's core complex."""
    return select(ccx_of(slot), tuple(ccxs >> ccx & 1 == 1 for ccx in range(MAX_CCX)))


def is_present(firmware: Firmware, slot: CcxSlot) -> bool:
    """Whether the machine has the slot's core complex."""
    return ccx_of(slot) < firmware.ccx_count


def is_somewhere(firmware: Firmware, asid: Asid, ccxs: CcxMask, *states: int) -> bool:
    """The ASID is in one of these states on one of these core complexes."""

    def found(slot: CcxSlot) -> bool:
        there = all_of(is_listed(ccxs, slot), is_present(firmware, slot))
        return all_of(there, any_of(*(firmware.ccx_asids[slot] == state for state in states)))

    return any_in_range(slots_of(asid), MAX_CCX, found)


def is_dirty(firmware: Firmware, asid: Asid, ccxs: CcxMask) -> bool:
    """Cache lines of an earlier guest with this ASID may remain on one of these core complexes."""
    return is_somewhere(firmware, asid, ccxs, CcxAsid.DIRTY)


def is_taken(firmware: Firmware, asid: Asid) -> bool:
    """A guest has the ASID: it is allocated or in use on some core complex."""
    return is_somewhere(firmware, asid, EVERY_CCX, CcxAsid.ALLOCATED, CcxAsid.IN_USE)


def all_asids_clean(system: System) -> bool:
    """Every ASID is clean on every core complex that is present."""
    firmware = system.firmware
    return all_in_range(
        0,
        slots_of(system.platform.max_asid + 1),
        lambda slot: any_of(none_of(is_present(firmware, slot)), firmware.ccx_asids[slot] == CcxAsid.CLEAN),
    )


def moved(firmware: Firmware, asid: Asid, new: Callable[[CcxSlot, int], int]) -> CcxStates:
    """The states after those of one ASID have changed; `new` has a slot and its old state."""
    old = firmware.ccx_asids
    return old.set_range(slots_of(asid), MAX_CCX, lambda slot: new(slot, old[slot]))


def allocated(firmware: Firmware, asid: Asid, ccxs: CcxMask, *, running: bool) -> Firmware:
    """SNP_ACTIVATE on these core complexes. A guest that runs has its ASID in use on all that it was ever given."""

    def state(slot: CcxSlot, old: int) -> int:
        given = all_of(is_listed(ccxs, slot), is_present(firmware, slot))
        pending = ite(all_of(given, old != CcxAsid.IN_USE), CcxAsid.ALLOCATED, old)
        return ite(all_of(running, any_of(given, old == CcxAsid.ALLOCATED)), CcxAsid.IN_USE, pending)

    return replace(
        firmware,
        ccx_asids=moved(firmware, asid, state),
        asid_runnable=firmware.asid_runnable.set(asid, any_of(running, firmware.asid_runnable[asid])),
    )


def started(firmware: Firmware, asid: Asid) -> Firmware:
    """SNP_LAUNCH_FINISH: what was allocated is in use, and VMRUN accepts the ASID."""
    states = moved(firmware, asid, lambda _, old: ite(old == CcxAsid.ALLOCATED, CcxAsid.IN_USE, old))
    return replace(firmware, ccx_asids=states, asid_runnable=firmware.asid_runnable.set(asid, True))


def released(firmware: Firmware, asid: Asid) -> Firmware:
    """SNP_DECOMMISSION: where the ASID was in use it is dirty, and WBINVD is due; where not, it is clean."""
    old = firmware.ccx_asids
    first = slots_of(asid)

    def state(_: CcxSlot, before: int) -> int:
        return ite(before == CcxAsid.IN_USE, CcxAsid.DIRTY, ite(before == CcxAsid.ALLOCATED, CcxAsid.CLEAN, before))

    return replace(
        firmware,
        ccx_asids=moved(firmware, asid, state),
        ccx_flushed=firmware.ccx_flushed.set_range(
            0, MAX_CCX, lambda ccx: all_of(firmware.ccx_flushed[ccx], old[first | ccx] != CcxAsid.IN_USE)
        ),
        asid_runnable=firmware.asid_runnable.set(asid, False),
    )
