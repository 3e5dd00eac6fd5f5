"""What LAUNCH_UPDATE does to a VMSA: how it is measured and how it is changed afterwards.

Firmware ABI (56860), SNP_LAUNCH_UPDATE, "PAGE_TYPE_VMSA"; offsets as in APM Vol. 2, Table B-4.
"""

from collections.abc import Callable

from spec.vocabulary import SevFeatures

TSC_SCALE, TSC_OFFSET, REG_PROT_NONCE = 0x2F0, 0x2F8, 0x300
SEV_FEATURES = 0x3B0
NO_CHECKSUM = 0x380
"""Sixteen bytes where SEV-ES keeps the address of a checksum; an SNP guest has none: zeros, then ones."""
_QUADWORD = 8
_TSC_FRACTION_BITS = 32
_TSC_INTEGER_MASK = 0xFF

_PROTECTED = (
    (0x178, 8), (0x1D8, 8), (0x1F8, 8),  # RIP, RSP, RAX
    (0x308, 24), (0x328, 88),  # RCX RDX RBX, RBP RSI RDI R8 to R15
    (0x420, 592),  # x87, XMM and YMM registers
    (0x980, 1600),  # mask registers, upper ZMM halves, ZMM16 to ZMM31
)  # fmt: skip
"""Registers that VmsaRegProt disguises: offset, length in bytes."""


def _tweaked_quadwords() -> list[int]:
    return [index for start, length in _PROTECTED for index in range(start // _QUADWORD, (start + length) // _QUADWORD)]


def tweak_bitmap() -> bytes:
    """VMSA_TWEAK_BITMAP of the secrets page: one bit per quadword that VmsaRegProt disguises."""
    return sum(1 << index for index in _tweaked_quadwords()).to_bytes(64, "little")


def as_measured(page: bytes) -> bytes:
    """The page with GUEST_TSC_SCALE and GUEST_TSC_OFFSET taken as zero."""
    return page[:TSC_SCALE] + bytes(REG_PROT_NONCE - TSC_SCALE) + page[REG_PROT_NONCE:]


def prepared(page: bytes, tsc_scale: int, random_bytes: Callable[[int], bytes]) -> bytes:
    """The page as the guest gets it."""
    vmsa = bytearray(page)
    features = int.from_bytes(page[SEV_FEATURES : SEV_FEATURES + _QUADWORD], "little")
    if features & SevFeatures.VMSA_REG_PROT:
        vmsa[REG_PROT_NONCE : REG_PROT_NONCE + _QUADWORD] = random_bytes(_QUADWORD)
        vmsa = bytearray(disguised(bytes(vmsa)))
    if features & SevFeatures.SECURE_TSC:
        vmsa[TSC_SCALE : TSC_SCALE + _QUADWORD] = tsc_scale.to_bytes(_QUADWORD, "little")
        vmsa[TSC_OFFSET : TSC_OFFSET + _QUADWORD] = bytes(_QUADWORD)
    vmsa[NO_CHECKSUM : NO_CHECKSUM + 2 * _QUADWORD] = bytes(_QUADWORD) + b"\xff" * _QUADWORD
    return bytes(vmsa)


def disguised(page: bytes) -> bytes:
    """The page with its protected registers XORed with the nonce; doing it twice changes nothing."""
    vmsa = bytearray(page)
    nonce = int.from_bytes(page[REG_PROT_NONCE : REG_PROT_NONCE + _QUADWORD], "little")
    for index in _tweaked_quadwords():
        place = slice(index * _QUADWORD, (index + 1) * _QUADWORD)
        vmsa[place] = (int.from_bytes(vmsa[place], "little") ^ nonce).to_bytes(_QUADWORD, "little")
    return bytes(vmsa)


def reg_prot_enabled(page: bytes) -> bool:
    """Whether the VMSA asks for VmsaRegProt."""
    features = int.from_bytes(page[SEV_FEATURES : SEV_FEATURES + _QUADWORD], "little")
    return bool(features & SevFeatures.VMSA_REG_PROT)


def tsc_scale_of(desired_khz: int, reference_khz: int) -> int:
    """GUEST_TSC_SCALE: the ratio as 8.32 fixed point, rounded up (APM Vol. 2, "TSC Ratio MSR")."""
    whole, rest = divmod(desired_khz, reference_khz)
    fraction = -(-(rest << _TSC_FRACTION_BITS) // reference_khz)
    return (whole & _TSC_INTEGER_MASK) << _TSC_FRACTION_BITS | fraction & (1 << _TSC_FRACTION_BITS) - 1
