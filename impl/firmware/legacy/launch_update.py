"""LAUNCH_UPDATE_DATA and LAUNCH_UPDATE_VMSA: memory is measured and encrypted in place.

What is measured is the content alone. Where it lies, and at which guest-physical address the guest will find it, is no
part of the digest, nor is which of the two commands brought it; SNP's digest has all of these.
"""

from impl.firmware.guest_context import Activation
from impl.firmware.legacy.buffers import LegacyLaunchUpdateBuffer
from impl.firmware.legacy.guest import LegacyGuestState
from impl.firmware.legacy.platform import guest_in
from impl.firmware.refusal import require
from impl.firmware.state import Firmware
from impl.memory.engine import BLOCK_BYTES, PAGE_BYTES
from impl.rmp.save_area import record_checksum
from spec.vocabulary import Status


def launch_update_data(firmware: Firmware, _buffer_spa: int, buffer: LegacyLaunchUpdateBuffer) -> str:
    """SEV API (55766), LAUNCH_UPDATE_DATA."""
    return _launch_update(firmware, buffer, vmsa=False)


def launch_update_vmsa(firmware: Firmware, _buffer_spa: int, buffer: LegacyLaunchUpdateBuffer) -> str:
    """SEV API (55766), LAUNCH_UPDATE_VMSA. The checksum is kept, with which VMRUN knows the page."""
    # 0. A VMSA is a page.
    require(buffer.length == PAGE_BYTES, Status.INVALID_LENGTH, "vmsa-length")
    loaded = _launch_update(firmware, buffer, vmsa=True)
    record_checksum(firmware.machine, buffer.paddr)
    return loaded


def _launch_update(firmware: Firmware, buffer: LegacyLaunchUpdateBuffer, *, vmsa: bool) -> str:
    # 1. to 3. The platform has guests, this is one, and it is being launched.
    guest = guest_in(firmware, buffer.handle, LegacyGuestState.LUPDATE)

    # 4. A VMSA is for a guest whose registers are encrypted.
    require(guest.is_es or not vmsa, Status.UNSUPPORTED, "policy-es")

    # 5. The guest has an ASID.
    require(guest.activation != Activation.INACTIVE, Status.INACTIVE, "active")

    # 6. and 7. Whole blocks of the cipher.
    require(buffer.paddr % BLOCK_BYTES == 0, Status.INVALID_ADDRESS, "alignment")
    require(buffer.length > 0 and buffer.length % BLOCK_BYTES == 0, Status.INVALID_LENGTH, "length")

    for offset in range(0, buffer.length, PAGE_BYTES):
        address, length = buffer.paddr + offset, min(PAGE_BYTES, buffer.length - offset)
        plaintext = firmware.read(address, length)
        guest.measured.update(plaintext)
        firmware.write(address, plaintext, guest.asid)
    return "loaded"
