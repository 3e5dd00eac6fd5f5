"""LAUNCH_FINISH of an SEV or SEV-ES guest: it may run."""

from impl.firmware.guest_context import Activation
from impl.firmware.legacy.activate import finish_activation
from impl.firmware.legacy.buffers import LegacyLaunchFinishBuffer
from impl.firmware.legacy.guest import LegacyGuestState
from impl.firmware.legacy.platform import guest_in
from impl.firmware.state import Firmware


def launch_finish(firmware: Firmware, _buffer_spa: int, buffer: LegacyLaunchFinishBuffer) -> str:
    """SEV API (55766), LAUNCH_FINISH. LSECRET becomes RUNNING."""
    # 1. to 3. The platform has guests, this is one, and it was measured.
    guest = guest_in(firmware, buffer.handle, LegacyGuestState.LSECRET)

    if guest.activation == Activation.PENDING:
        finish_activation(firmware, guest)
    guest.state = LegacyGuestState.RUNNING
    return "running"
