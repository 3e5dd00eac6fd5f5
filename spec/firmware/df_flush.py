"""WBINVD and SNP_DF_FLUSH: caches are written back, and dirty ASIDs become clean."""

from typing import Annotated

from spec.firmware.asids import ccx_of, slots_of
from spec.firmware.state import MAX_CCX, CcxAsid, CcxSlot
from spec.logic import all_of, any_of, ite, none_of
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.system.state import System
from spec.vocabulary import Actor, Bits, Event, Evidence, Status


@record
class Wbinvd:
    """The core complex all of whose cores execute WBINVD."""

    ccx: Annotated[int, Bits(4)]


@record
class DfFlush:
    """SNP_DF_FLUSH has no command buffer."""


@transition(actor=Actor.HYPERVISOR, manual='APM Vol. 3, "WBINVD"; Vol. 2, 15.34.9')
def wbinvd(system: System, op: Wbinvd) -> Outcome:
    """The last core of a core complex executes WBINVD; firmware will find the flag of each of them set."""
    firmware = system.firmware
    flushed = replace(firmware, ccx_flushed=firmware.ccx_flushed.set(op.ccx, True))
    return Outcome(Event.COMPLETES, "written-back", replace(system, firmware=flushed), Evidence.MANUAL)


@transition(actor=Actor.FIRMWARE, manual='Firmware ABI (56860), "SNP_DF_FLUSH"')
def df_flush(system: System, op: DfFlush) -> Outcome:  # noqa: ARG001 - every transition has operands
    """Works in any platform state."""
    # 1. Where every core did WBINVD, dirty ASIDs become clean, even if the command then fails.
    firmware = system.firmware
    old = firmware.ccx_asids

    def state(slot: CcxSlot) -> int:
        return ite(all_of(old[slot] == CcxAsid.DIRTY, firmware.ccx_flushed[ccx_of(slot)]), CcxAsid.CLEAN, old[slot])

    states = old.set_range(0, slots_of(system.platform.max_asid + 1), state)
    flushed = replace(system, firmware=replace(firmware, ccx_asids=states))

    # 2. Every core must have done it.
    done = all_of(*(any_of(ccx >= firmware.ccx_count, firmware.ccx_flushed[ccx]) for ccx in range(MAX_CCX)))
    if none_of(done):
        return Outcome(Status.WBINVD_REQUIRED, "wbinvd", flushed, Evidence.FIRMWARE)
    return Outcome(Status.SUCCESS, "flushed", flushed, Evidence.FIRMWARE)
