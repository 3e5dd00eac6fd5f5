"""ACTIVATE of an SEV or SEV-ES guest: an ASID, and the guest's key in its slot."""

from impl.firmware.asids import CcxState
from impl.firmware.guest_context import Activation
from impl.firmware.legacy.buffers import LegacyActivateBuffer
from impl.firmware.legacy.guest import LegacyGuest, LegacyGuestState
from impl.firmware.legacy.platform import guest_of
from impl.firmware.refusal import require
from impl.firmware.state import Firmware
from spec.vocabulary import Status


def activate(firmware: Firmware, _buffer_spa: int, buffer: LegacyActivateBuffer) -> str:
    """SEV API (55766), ACTIVATE: on every core complex."""
    # 1. and 2. The platform has guests, and this is one.
    guest, asid = guest_of(firmware, buffer.handle), buffer.asid
    machine, asids = firmware.machine, firmware.asids

    # 3. The ASID exists.
    require(1 <= asid <= machine.configuration.maximum_asid, Status.INVALID_ASID, "asid-range")

    # 4. No guest of any generation holds it.
    exclusive = machine.configuration.protections.asid_exclusive
    held = asids.any_in(asid, CcxState.IN_USE, CcxState.ALLOCATED)
    require(not held or not exclusive, Status.ASID_OWNED, "asid-free")

    # 5. The guest has none yet.
    require(guest.activation == Activation.INACTIVE, Status.ACTIVE, "inactive")

    # 6. The last guest's lines are flushed everywhere.
    require(not asids.any_in(asid, CcxState.DIRTY) or not exclusive, Status.DF_FLUSH_REQUIRED, "asid-flushed")

    # 7. Guests with encrypted registers use the lower ASIDs, the others the upper ones.
    lower = asid < machine.configuration.minimum_sev_asid
    require(lower == guest.is_es, Status.INVALID_ASID, "asid-generation")

    machine.engine.install_key(asid, guest.memory_key)
    guest.asid = asid
    guest.ccxs = set(firmware.environment.topology.ccxs)
    guest.activation = Activation.PENDING
    asids.put(asid, guest.ccxs, CcxState.ALLOCATED)
    if guest.state == LegacyGuestState.RUNNING:
        finish_activation(firmware, guest)
    return guest.activation.name.lower()


def finish_activation(firmware: Firmware, guest: LegacyGuest) -> None:
    """The guest's ASID may run."""
    firmware.asids.put(guest.asid, guest.ccxs, CcxState.IN_USE)
    firmware.machine.invalid_asids.discard(guest.asid)
    guest.activation = Activation.ACTIVE
