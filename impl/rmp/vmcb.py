"""The VMCB's control area, as far as it is used here. APM Vol. 2, Table B-1, "VMCB Layout, Control Area"."""

from dataclasses import dataclass

from impl.memory.engine import PAGE_BYTES
from impl.memory.physical import PhysicalMemory

INTERCEPTS = 0x000
"""Six words of 32 bits: control registers, debug registers, exceptions, and exits 60h to BFh."""
IOPM_BASE = 0x040
MSRPM_BASE = 0x048
"""SPAs of the permission maps of ports and MSRs."""
ASID = 0x058
TLB_CONTROL = 0x05C
INTERRUPT_CONTROL = 0x060
EXITCODE = 0x070
EXITINFO1 = 0x078
EXITINFO2 = 0x080
NESTED_CONTROL = 0x090
GHCB_GPA = 0x0A0
"""What the guest's GHCB MSR holds."""
EVENTINJ = 0x0A8
NESTED_CR3 = 0x0B0
NEXT_RIP = 0x0C8
FETCHED = 0x0D0
"""Decode assist: how many bytes were fetched at RIP, one byte, then the bytes, fifteen."""
AVIC_BACKING_PAGE = 0x0E0
VMSA_POINTER = 0x108
ALLOWED_SEV_FEATURES = 0x138
GUEST_SEV_FEATURES = 0x140

SAVE_AREA = 0x400
"""The state save area, laid out as a VMSA; of an SEV-ES or SNP guest it is not used."""

AVIC_ENABLE = 1 << 31
SEV_ES_ENABLE = 1 << 2
SSS_CHECK_ENABLE = 1 << 4
ALLOWED_ENABLE = 1 << 63
_PAGE_FRAME = 0x000F_FFFF_FFFF_F000
_ASID_BYTES, _WORD_BYTES = 4, 8


@dataclass(frozen=True)
class Vmcb:
    """The fields that VMRUN judges."""

    asid: int
    flush_tlb: bool
    """TLB_CONTROL asks for a flush: of everything, of this ASID, or of its non-global entries."""
    sev_es: bool
    sss_check: bool
    avic: bool
    avic_backing_page: int
    """SPA"""
    eventinj: int
    nested_cr3: int
    vmsa: int
    """SPA"""
    allowed_sev_features: int


def load_vmcb(memory: PhysicalMemory, spa: int) -> Vmcb:
    """Read the VMCB; it is the hypervisor's memory, so plaintext."""
    page = memory.read_raw(spa, PAGE_BYTES)

    def word(offset: int) -> int:
        return int.from_bytes(page[offset : offset + _WORD_BYTES], "little")

    return Vmcb(
        asid=int.from_bytes(page[ASID : ASID + _ASID_BYTES], "little"),
        flush_tlb=page[TLB_CONTROL] != 0,
        sev_es=bool(word(NESTED_CONTROL) & SEV_ES_ENABLE),
        sss_check=bool(word(NESTED_CONTROL) & SSS_CHECK_ENABLE),
        avic=bool(word(INTERRUPT_CONTROL) & AVIC_ENABLE),
        avic_backing_page=word(AVIC_BACKING_PAGE) & _PAGE_FRAME,
        eventinj=word(EVENTINJ),
        nested_cr3=word(NESTED_CR3),
        vmsa=word(VMSA_POINTER) & _PAGE_FRAME,
        allowed_sev_features=word(ALLOWED_SEV_FEATURES),
    )


def load_word(memory: PhysicalMemory, vmcb: int, offset: int) -> int:
    """One 8-byte field of the VMCB at SPA `vmcb`."""
    return int.from_bytes(memory.read_raw(vmcb + offset, _WORD_BYTES), "little")


def store_word(memory: PhysicalMemory, vmcb: int, offset: int, value: int) -> None:
    """Replace one 8-byte field of the VMCB at SPA `vmcb`."""
    memory.write_raw(vmcb + offset, value.to_bytes(_WORD_BYTES, "little"))
