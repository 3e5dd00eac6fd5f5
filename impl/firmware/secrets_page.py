"""The secrets page of LAUNCH_UPDATE (firmware ABI 56860, "Secrets Page Format", version 3)."""

from dataclasses import dataclass
from typing import ClassVar

from impl.firmware.guest_context import GuestContext
from impl.firmware.layout import Layout, bits, raw, u32
from impl.firmware.vmsa_page import tweak_bitmap

SECRETS_VERSION = 3


@dataclass(frozen=True, kw_only=True)
class SecretsPage(Layout):
    """Areas that guest software uses for itself (A0h and 140h) are zero at launch."""

    LENGTH: ClassVar[int] = 0x1000
    version: int = u32(0x00)
    imi_en: int = bits(0x04, 0, 1)
    fms: int = u32(0x08)
    """Family, model and stepping as CPUID 1 EAX gives them."""
    gosvw: bytes = raw(0x10, 16)
    vmpck0: bytes = raw(0x20, 32)
    vmpck1: bytes = raw(0x40, 32)
    vmpck2: bytes = raw(0x60, 32)
    vmpck3: bytes = raw(0x80, 32)
    vmsa_tweak_bitmap: bytes = raw(0x100, 64)
    tsc_factor: int = u32(0x160)


def secrets_page(guest: GuestContext, family_model_stepping: int, tsc_factor: int) -> bytes:
    """The page for one guest."""
    vmpck0, vmpck1, vmpck2, vmpck3 = guest.vmpcks
    return SecretsPage(
        version=SECRETS_VERSION,
        imi_en=guest.imi_en,
        fms=family_model_stepping,
        gosvw=guest.gosvw,
        vmpck0=vmpck0,
        vmpck1=vmpck1,
        vmpck2=vmpck2,
        vmpck3=vmpck3,
        vmsa_tweak_bitmap=tweak_bitmap(),
        tsc_factor=tsc_factor,
    ).pack()
