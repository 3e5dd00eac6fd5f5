"""Launch of COCONUT-SVSM by QEMU: where its image lies and how its CPUs start.

The firmware image ends at 4 GiB, its variable store lies below it, the SVSM image below that. The SVSM carries a
footer table and SEV metadata of its own; it, not the firmware, is what the VMM prepares memory for and starts, at
VMPL0. The firmware's own metadata is the SVSM's business, after launch.
"""

from dataclasses import dataclass

from impl.hypervisor.errors import ImageError
from impl.hypervisor.footer import Footer
from impl.hypervisor.metadata import FOUR_GIB
from impl.hypervisor.vmsa import KVM_RESET, segment
from impl.hypervisor.vmsa_layout import pack

SVSM_FEATURES = 0x1
"""SEV_FEATURES of every SVSM VMSA: SNP_ACTIVE alone, whatever the guest below is to have."""

PROTECTED_MODE = {
    **segment("es", 0x10, 0xC93, 0xFFFF_FFFF),
    **segment("cs", 0x08, 0xC9B, 0xFFFF_FFFF),
    **segment("ss", 0x10, 0xC93, 0xFFFF_FFFF),
    **segment("ds", 0x10, 0xC93, 0xFFFF_FFFF),
    **segment("fs", 0x10, 0xC93, 0xFFFF_FFFF),
    "cr0": 0x11,  # PE, ET
    "mxcsr": 0x1F80,
}
"""Flat 32-bit segments. MXCSR at its reset value beside an x87 control word of zero is what sev-snp-measure 0.0.13
measures, followed here so that digests agree. No KVM is known to do that: before KVM_SEV_INIT2 it left both at zero,
since then it sets both (1F80h, 37Fh)."""


@dataclass(frozen=True)
class SvsmPlacement:
    """Where an SVSM image lies. `gpa` and `entry` are byte addresses below 4 GiB."""

    gpa: int
    entry: int


def place_svsm(svsm_size: int, footer: Footer, firmware_size: int, vars_size: int) -> SvsmPlacement:
    """`footer` is that of the SVSM image. Sizes in bytes."""
    gpa = FOUR_GIB - firmware_size - vars_size - svsm_size
    offset = footer.svsm_entry_offset()
    if offset >= svsm_size:
        raise ImageError(f"{footer.role}: footer table: SVSM info: entry point {offset:#x} is outside the image")
    return SvsmPlacement(gpa, gpa + offset)


def svsm_vmsa(entry: int, signature: int) -> bytes:
    """The VMSA of every CPU, boot and application processors alike: VMPL0, protected mode, at the SVSM's entry."""
    return pack(
        {
            **KVM_RESET,
            **PROTECTED_MODE,
            "rip": entry,
            "rdx": signature,
            "sev_features": SVSM_FEATURES,
        }
    )
