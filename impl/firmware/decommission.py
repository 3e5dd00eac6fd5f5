"""SNP_DECOMMISSION: a guest ends; its context page becomes a FIRMWARE page again."""

from dataclasses import replace

from impl.firmware.asids import CcxState
from impl.firmware.buffers import GuestContextBuffer
from impl.firmware.guest_context import Activation, GuestContext
from impl.firmware.refusal import require
from impl.firmware.state import Firmware
from spec.vocabulary import GuestState, Status


def decommission(firmware: Firmware, buffer: GuestContextBuffer) -> str:
    """Firmware ABI (56860), SNP_DECOMMISSION. The guest's pages and METADATA pages keep their entries.

    The memory key stays in its slot until the next ACTIVATE of the ASID, or SHUTDOWN_EX.
    """
    # 1. Reserved bits.
    require(not buffer.reserved_set, Status.INVALID_PARAM, "reserved-bits")

    # 2. The platform is initialised.
    firmware.require_initialised()

    # 3. The page is a guest context.
    page = firmware.page(buffer.gctx_paddr)
    guest = firmware.context(page)

    if guest.activation != Activation.INACTIVE:
        _deactivate(firmware, guest)
    if guest.state != GuestState.INIT:
        firmware.guest_count -= 1
    del firmware.contexts[page.pfn]
    firmware.write_entry(page, replace(page.entry, vmsa=False))
    return "decommissioned"


def _deactivate(firmware: Firmware, guest: GuestContext) -> None:
    """Core complexes on which the guest ran are dirty, the others go back to clean; VMRUN refuses the ASID."""
    ran = firmware.asids.ccxs_in(guest.asid, CcxState.IN_USE) & guest.ccxs
    never_ran = firmware.asids.ccxs_in(guest.asid, CcxState.ALLOCATED) & guest.ccxs
    firmware.asids.put(guest.asid, never_ran, CcxState.CLEAN)
    firmware.asids.put(guest.asid, ran, CcxState.DIRTY)
    firmware.machine.invalid_asids.add(guest.asid)
    if ran:
        topology = firmware.environment.topology
        firmware.wbinvd_done -= {core for core in topology.cores if topology.ccx_of_core(core) in ran}
