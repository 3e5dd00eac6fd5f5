"""KEY_SEL: which endorsement key signs a report, or roots a derived key (firmware ABI 56860, "MSG_REPORT_REQ")."""

from enum import IntEnum, unique

from impl.firmware.guest_context import GuestContext
from impl.firmware.state import Firmware
from spec.vocabulary import SigningKey


@unique
class KeySelection(IntEnum):
    """KEY_SEL; 3 is reserved."""

    VLEK_OR_VCEK = 0
    """The VLEK if there is one."""
    VCEK = 1
    VLEK = 2


def key_selected(firmware: Firmware, guest: GuestContext, selection: int) -> SigningKey | None:
    """The key that the guest gets, or None if there is none for it. No chip key is installed in a plain machine."""
    endorsement = firmware.environment.endorsement
    if endorsement is None or selection not in tuple(KeySelection):
        return None
    if endorsement.vlek is not None and selection != KeySelection.VCEK:
        return SigningKey.VLEK
    if selection == KeySelection.VLEK or guest.vcek_disabled:
        return None
    return SigningKey.VCEK
