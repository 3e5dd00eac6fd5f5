"""The registers with which a virtual CPU starts, as each VMM sets them up, packed into a VMSA page.

The base is the processor's state after INIT (APM Vol. 2, Table 14-1) plus what KVM forces: EFER.SVME and CR4.MCE.
The VMMs' differences are those that sev-snp-measure 0.0.13 records.
"""

from collections.abc import Mapping
from enum import Enum, unique

from impl.hypervisor.errors import ImageError
from impl.hypervisor.footer import Footer
from impl.hypervisor.vmsa_layout import pack

VMSA_GPA = 0xFFFF_FFFF_F000
"""Where KVM records every launch VMSA: page-aligned, all ones below bit 48. A convention, not a firmware rule."""
BSP_RESET_EIP = 0xFFFF_FFF0
"""The architectural reset vector."""


@unique
class Vmm(Enum):
    """Hypervisors whose launches are known. The values are the names of the command line."""

    QEMU = "QEMU"
    EC2 = "ec2"
    GCE = "gce"


def segment(name: str, selector: int, attributes: int, limit: int = 0xFFFF, base: int = 0) -> dict[str, int]:
    """The four fields of a segment register. Attributes as in the VMCB: descriptor bits 47:40 and 55:52."""
    return {
        f"{name}.selector": selector,
        f"{name}.attributes": attributes,
        f"{name}.limit": limit,
        f"{name}.base": base,
    }


KVM_RESET: Mapping[str, int] = {
    **segment("gs", 0, 0x93),
    **segment("gdtr", 0, 0),
    **segment("ldtr", 0, 0x82),
    **segment("idtr", 0, 0),
    **segment("tr", 0, 0x8B),
    "efer": 0x1000,  # SVME
    "cr4": 0x40,  # MCE
    "dr7": 0x400,
    "dr6": 0xFFFF_0FF0,
    "rflags": 0x2,
    "g_pat": 0x0007_0406_0007_0406,
    "xcr0": 0x1,
}
"""What all starts have in common."""

REAL_MODE: Mapping[str, int] = {
    **segment("es", 0, 0x93),
    **segment("ss", 0, 0x93),
    **segment("ds", 0, 0x93),
    **segment("fs", 0, 0x93),
    "cr0": 0x10,  # ET
}

BY_VMM: Mapping[Vmm, Mapping[str, int]] = {
    Vmm.QEMU: {"mxcsr": 0x1F80, "x87_fcw": 0x37F},
    Vmm.EC2: {"ss.attributes": 0x92, "tr.attributes": 0x83, "rdx": 0x600},
    Vmm.GCE: {"g_pat": 0x0007_0106, "rdx": 0x600},
}
"""What one VMM sets besides or instead. EC2 and GCE leave the FPU control words at zero, and RDX at 600h, which KVM
uses for a vCPU without CPUID."""


def reset_vmsa(vmm: Vmm, eip: int, signature: int, features: int) -> bytes:
    """The VMSA of a CPU that starts in real mode at the linear address `eip`, below 4 GiB.

    Only QEMU puts the CPUID signature into RDX. `features` is SEV_FEATURES.
    """
    code = 0x9A if vmm is Vmm.EC2 and eip == BSP_RESET_EIP else 0x9B
    return pack(
        {
            **KVM_RESET,
            **REAL_MODE,
            **segment("cs", 0xF000, code, base=eip & 0xFFFF_0000),
            "rip": eip & 0xFFFF,
            "rdx": signature,
            "sev_features": features,
            **BY_VMM[vmm],
        }
    )


def start_vmsas(footer: Footer, vmm: Vmm, vcpus: int, signature: int, features: int) -> list[bytes]:
    """The VMSA of each vCPU. The boot processor starts at the reset vector, the others where the image says."""
    ap_eip = footer.ap_reset_eip()
    if ap_eip == 0 and vcpus > 1:
        raise ImageError(f"{footer.role}: footer table: SEV-ES reset block: address 0, but {vcpus} vCPUs need one")
    starts = [BSP_RESET_EIP] + [ap_eip] * (vcpus - 1)
    vmsas = {eip: reset_vmsa(vmm, eip, signature, features) for eip in starts}
    return [vmsas[eip] for eip in starts]
