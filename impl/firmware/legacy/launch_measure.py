"""LAUNCH_MEASURE: the digest is final, and the guest's owner gets it under a key shared with firmware."""

import hmac
from dataclasses import replace

from impl.firmware.legacy.buffers import LegacyLaunchMeasureBuffer, Measurement
from impl.firmware.legacy.guest import LegacyGuest, LegacyGuestState
from impl.firmware.legacy.platform import guest_in
from impl.firmware.refusal import Refused
from impl.firmware.state import Firmware
from spec.vocabulary import Status

MEASURE_CONTEXT = 0x04
NONCE_BYTES = 16


def launch_measure(firmware: Firmware, buffer_spa: int, buffer: LegacyLaunchMeasureBuffer) -> str:
    """SEV API (55766), LAUNCH_MEASURE. LUPDATE becomes LSECRET."""
    # 1. to 3. The platform has guests, this is one, and it is being launched.
    guest = guest_in(firmware, buffer.handle, LegacyGuestState.LUPDATE)

    # 4. There is room for the measurement; if not, the buffer says how much is wanted.
    if buffer.measure_len < Measurement.LENGTH:
        firmware.write(buffer_spa, replace(buffer, measure_len=Measurement.LENGTH).pack())
        raise Refused(Status.INVALID_LENGTH, "measure-length")

    guest.launch_digest = guest.measured.digest()
    nonce = firmware.random_bytes(NONCE_BYTES)
    firmware.write(buffer.measure_paddr, Measurement(measure=measure(firmware, guest, nonce), mnonce=nonce).pack())
    guest.state = LegacyGuestState.LSECRET
    return "measured"


def measure(firmware: Firmware, guest: LegacyGuest, nonce: bytes) -> bytes:
    """HMAC-SHA-256 under TIK of 04h, API version, build, policy, LD and nonce."""
    version = firmware.environment.version
    message = bytes([MEASURE_CONTEXT, version.major, version.minor, version.build])
    message += guest.policy.to_bytes(4, "little") + guest.launch_digest + nonce
    return hmac.digest(guest.integrity_key, message, "sha256")
