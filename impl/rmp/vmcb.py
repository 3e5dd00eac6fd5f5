"""The VMCB's control area, as far as SNP asks for it. APM Vol. 2, Table B-1, "VMCB Layout, Control Area"."""

from dataclasses import dataclass

from impl.memory.engine import PAGE_BYTES
from impl.memory.physical import PhysicalMemory

ASID = 0x058
TLB_CONTROL = 0x05C
INTERRUPT_CONTROL = 0x060
EXITCODE = 0x070
EXITINFO1 = 0x078
EXITINFO2 = 0x080
NESTED_CONTROL = 0x090
EVENTINJ = 0x0A8
NESTED_CR3 = 0x0B0
AVIC_BACKING_PAGE = 0x0E0
VMSA_POINTER = 0x108
ALLOWED_SEV_FEATURES = 0x138
GUEST_SEV_FEATURES = 0x140

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


def store_word(memory: PhysicalMemory, vmcb: int, offset: int, value: int) -> None:
    """Replace one 8-byte field of the VMCB at SPA `vmcb`."""
    memory.write_raw(vmcb + offset, value.to_bytes(_WORD_BYTES, "little"))
