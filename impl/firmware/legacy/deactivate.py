"""DEACTIVATE and DECOMMISSION of an SEV or SEV-ES guest: its ASID becomes another's, its context is gone."""

from impl.firmware.asids import CcxState
from impl.firmware.guest_context import Activation
from impl.firmware.legacy.buffers import LegacyHandleBuffer
from impl.firmware.legacy.guest import LegacyGuest
from impl.firmware.legacy.platform import guest_of
from impl.firmware.refusal import require
from impl.firmware.state import Firmware
from spec.vocabulary import Status


def deactivate(firmware: Firmware, _buffer_spa: int, buffer: LegacyHandleBuffer) -> str:
    """SEV API (55766), DEACTIVATE. The key leaves its slot; where the guest ran, caches may hold its lines."""
    # 1. and 2. The platform has guests, and this is one.
    guest = guest_of(firmware, buffer.handle)

    # 3. The guest has an ASID.
    require(guest.activation != Activation.INACTIVE, Status.INACTIVE, "active")
    _let_go(firmware, guest)
    return "deactivated"


def decommission(firmware: Firmware, _buffer_spa: int, buffer: LegacyHandleBuffer) -> str:
    """SEV API (55766), DECOMMISSION. What DEACTIVATE does, if it was not done, and the handle is free."""
    # 1. and 2. The platform has guests, and this is one.
    guest = guest_of(firmware, buffer.handle)
    if guest.activation != Activation.INACTIVE:
        _let_go(firmware, guest)
    del firmware.legacy_guests[buffer.handle]
    return "decommissioned"


def _let_go(firmware: Firmware, guest: LegacyGuest) -> None:
    topology = firmware.environment.topology
    ran = firmware.asids.ccxs_in(guest.asid, CcxState.IN_USE) & guest.ccxs
    firmware.asids.put(guest.asid, guest.ccxs - ran, CcxState.CLEAN)
    firmware.asids.put(guest.asid, ran, CcxState.DIRTY)
    firmware.wbinvd_done -= {core for core in topology.cores if topology.ccx_of_core(core) in ran}
    firmware.machine.engine.drop_key(guest.asid)
    firmware.machine.invalid_asids.add(guest.asid)
    guest.asid, guest.activation = 0, Activation.INACTIVE
    guest.ccxs.clear()
