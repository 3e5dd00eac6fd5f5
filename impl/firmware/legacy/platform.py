"""INIT of legacy SEV, and the checks that its guest commands begin with."""

from dataclasses import replace

from impl.firmware.buffers import NoBuffer
from impl.firmware.df_flush import df_flush
from impl.firmware.legacy.buffers import LegacyInitBuffer
from impl.firmware.legacy.guest import LegacyGuest, LegacyGuestState
from impl.firmware.memory_map import Span
from impl.firmware.refusal import require
from impl.firmware.state import Firmware
from impl.registers import SYSCFG_MEMORY_ENCRYPTION, Msr
from spec.vocabulary import Status

TMR_BYTES = 1 << 20


def init(firmware: Firmware, _buffer_spa: int, buffer: LegacyInitBuffer) -> str:
    """SEV API (55766), INIT. Platform state UNINIT becomes INIT; every ASID is dirty."""
    # 1. SEV does not run yet.
    require(not firmware.sev_initialised, Status.INVALID_PLATFORM_STATE, "platform-state")

    # 2. Memory is encrypted.
    encrypts = firmware.machine.registers[Msr.SYSCFG] & SYSCFG_MEMORY_ENCRYPTION
    require(firmware.environment.dram_encryption and bool(encrypts), Status.HARDWARE_PLATFORM, "memory-encryption")

    # 3. Reserved bits.
    require(not buffer.reserved_set, Status.INVALID_CONFIG, "reserved-bits")

    # 4. Where processors check an RMP, there is one.
    built = firmware.rmp_tcb is not None
    require(built or not firmware.machine.snp_enabled, Status.INVALID_PLATFORM_STATE, "rmp-initialised")

    firmware.wbinvd_done.clear()
    firmware.reset_asids()
    if buffer.es:
        _reserve_trusted_region(firmware, buffer)
    firmware.sev_initialised = True
    firmware.sev_es_initialised = bool(buffer.es)
    return "initialised"


def flush(firmware: Firmware, _buffer_spa: int, buffer: NoBuffer) -> str:
    """SEV API (55766), DF_FLUSH: the same for all generations."""
    return df_flush(firmware, buffer)


def guest_of(firmware: Firmware, handle: int) -> LegacyGuest:
    """The guest that a command names."""
    # The platform state is WORKING as long as there are guests.
    require(bool(firmware.legacy_guests), Status.INVALID_PLATFORM_STATE, "platform-state")
    require(handle in firmware.legacy_guests, Status.INVALID_GUEST, "handle")
    return firmware.legacy_guests[handle]


def guest_in(firmware: Firmware, handle: int, state: LegacyGuestState) -> LegacyGuest:
    """The guest, which must be in a state."""
    guest = guest_of(firmware, handle)
    require(guest.state == state, Status.INVALID_GUEST_STATE, "guest-state")
    return guest


def _reserve_trusted_region(firmware: Firmware, buffer: LegacyInitBuffer) -> None:
    """The memory where firmware keeps the checksums of registers; software may not access it any more."""
    # 5. It is 1 MiB, aligned to that (2 MiB with an RMP, where these commands are not built).
    require(buffer.tmr_paddr % TMR_BYTES == 0, Status.INVALID_ADDRESS, "tmr-alignment")
    require(buffer.tmr_length == TMR_BYTES, Status.INVALID_LENGTH, "tmr-length")

    # 6. It lies in DRAM that nobody else has.
    firmware.require_accessible(buffer.tmr_paddr, TMR_BYTES)
    memory_map = firmware.environment.memory_map
    region = Span(buffer.tmr_paddr, buffer.tmr_paddr + TMR_BYTES - 1)
    reserved = replace(memory_map, tmrs=(*memory_map.tmrs, region))
    firmware.environment = replace(firmware.environment, memory_map=reserved)
