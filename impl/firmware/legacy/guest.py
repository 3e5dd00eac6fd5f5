"""What firmware remembers of one SEV or SEV-ES guest (SEV API 55766, "Guest Context" and "Guest Policy")."""

from dataclasses import dataclass, field
from enum import IntEnum, IntFlag, unique
from hashlib import sha256
from typing import TYPE_CHECKING

from impl.firmware.guest_context import Activation

if TYPE_CHECKING:
    from hashlib import _Hash

DIGEST_BYTES = 32
INTEGRITY_KEY_BYTES = 16


class LegacyPolicy(IntFlag):
    """Guest policy; bits [23:16] and [31:24] hold the lowest API version."""

    NODBG = 1 << 0
    NOKS = 1 << 1
    """No other guest may share the memory key."""
    ES = 1 << 2
    NOSEND = 1 << 3
    DOMAIN = 1 << 4
    SEV = 1 << 5


@unique
class LegacyGuestState(IntEnum):
    """GSTATE, as far as a launch goes."""

    LUPDATE = 1
    LSECRET = 2
    RUNNING = 3


@dataclass
class LegacyGuest:
    """One guest, by its handle."""

    policy: int
    memory_key: bytes
    """The key that ACTIVATE installs for the guest's ASID."""
    state: LegacyGuestState = LegacyGuestState.LUPDATE
    asid: int = 0
    activation: Activation = Activation.INACTIVE
    ccxs: set[int] = field(default_factory=set)
    measured: "_Hash" = field(default_factory=sha256)
    """Over everything launched so far."""
    launch_digest: bytes = bytes(DIGEST_BYTES)
    """LD, from LAUNCH_MEASURE on."""
    integrity_key: bytes = bytes(INTEGRITY_KEY_BYTES)
    """TIK, which a session with the owner would set."""

    @property
    def is_es(self) -> bool:
        """Whether the guest's registers are encrypted."""
        return bool(self.policy & LegacyPolicy.ES)
