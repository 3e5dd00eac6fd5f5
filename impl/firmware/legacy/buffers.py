"""Command buffers of the legacy launch (SEV API 55766). Firmware looks at no reserved bit but INIT's."""

from dataclasses import dataclass
from typing import ClassVar

from impl.firmware.layout import Layout, bits, raw, u32, u64


@dataclass(frozen=True, kw_only=True)
class LegacyInitBuffer(Layout):
    """INIT."""

    LENGTH: ClassVar[int] = 0x14
    es: int = bits(0x00, 0, 1)
    """SEV-ES guests shall be possible."""
    tmr_paddr: int = u64(0x08)
    tmr_length: int = u32(0x10)


@dataclass(frozen=True, kw_only=True)
class LegacyActivateBuffer(Layout):
    """ACTIVATE."""

    LENGTH: ClassVar[int] = 0x08
    handle: int = u32(0x00)
    asid: int = u32(0x04)


@dataclass(frozen=True, kw_only=True)
class LegacyLaunchStartBuffer(Layout):
    """LAUNCH_START. The handle given is that of a guest whose memory key is to be shared; the answer is the new one."""

    LENGTH: ClassVar[int] = 0x24
    handle: int = u32(0x00)
    policy: int = u32(0x04)
    dh_cert_paddr: int = u64(0x08)
    dh_cert_len: int = u32(0x10)
    session_paddr: int = u64(0x18)
    session_len: int = u32(0x20)


@dataclass(frozen=True, kw_only=True)
class LegacyLaunchUpdateBuffer(Layout):
    """LAUNCH_UPDATE_DATA and LAUNCH_UPDATE_VMSA."""

    LENGTH: ClassVar[int] = 0x14
    handle: int = u32(0x00)
    paddr: int = u64(0x08)
    length: int = u32(0x10)


@dataclass(frozen=True, kw_only=True)
class LegacyLaunchMeasureBuffer(Layout):
    """LAUNCH_MEASURE."""

    LENGTH: ClassVar[int] = 0x14
    handle: int = u32(0x00)
    measure_paddr: int = u64(0x08)
    measure_len: int = u32(0x10)


@dataclass(frozen=True, kw_only=True)
class LegacyHandleBuffer(Layout):
    """DEACTIVATE and DECOMMISSION."""

    LENGTH: ClassVar[int] = 0x04
    handle: int = u32(0x00)


@dataclass(frozen=True, kw_only=True)
class LegacyLaunchFinishBuffer(Layout):
    """LAUNCH_FINISH."""

    LENGTH: ClassVar[int] = 0x04
    handle: int = u32(0x00)


@dataclass(frozen=True, kw_only=True)
class Measurement(Layout):
    """What LAUNCH_MEASURE writes for the guest's owner."""

    LENGTH: ClassVar[int] = 0x30
    measure: bytes = raw(0x00, 32)
    """HMAC-SHA-256."""
    mnonce: bytes = raw(0x20, 16)
