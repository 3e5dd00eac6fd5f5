"""LAUNCH_START of an SEV or SEV-ES guest: it gets a handle, its policy and its memory key."""

from dataclasses import replace

from impl.firmware.legacy.buffers import LegacyLaunchStartBuffer
from impl.firmware.legacy.guest import LegacyGuest, LegacyPolicy
from impl.firmware.refusal import Refused, require
from impl.firmware.state import Firmware
from spec.vocabulary import Limit, Status

MAXIMUM_GUESTS = 1024


def launch_start(firmware: Firmware, buffer_spa: int, buffer: LegacyLaunchStartBuffer) -> str:
    """SEV API (55766), LAUNCH_START. The new guest is in the state LUPDATE."""
    # 1. The platform is initialised.
    require(firmware.sev_initialised, Status.INVALID_PLATFORM_STATE, "platform-state")

    # 2. A session with the owner is not built.
    if buffer.dh_cert_paddr != 0:
        raise Refused(Limit.NOT_MODELLED, "session")

    # 3. A key is shared by guests of one policy, if that allows it.
    shared = firmware.legacy_guests.get(buffer.handle)
    if buffer.handle != 0:
        require(shared is not None, Status.INVALID_GUEST, "shared-handle")
    if shared is not None:
        same = buffer.policy == shared.policy and not shared.policy & LegacyPolicy.NOKS
        require(same, Status.POLICY_FAILURE, "policy-key-sharing")

    # 4. There is a free handle.
    free = (handle for handle in range(1, MAXIMUM_GUESTS + 1) if handle not in firmware.legacy_guests)
    handle = next(free, None)
    if handle is None:
        raise Refused(Status.RESOURCE_LIMIT, "free-handle")

    # 5. SEV-ES was asked for at INIT.
    require(not buffer.policy & LegacyPolicy.ES or firmware.sev_es_initialised, Status.UNSUPPORTED, "policy-es")

    key = firmware.random_bytes(firmware.machine.engine.mode.key_bytes) if shared is None else shared.memory_key
    firmware.legacy_guests[handle] = LegacyGuest(buffer.policy, key)
    firmware.write(buffer_spa, replace(buffer, handle=handle).pack())
    return "launching"
