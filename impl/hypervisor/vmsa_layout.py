"""The VMSA of an SEV-ES or SNP guest as a table of fields (APM Vol. 2, Table B-4, "VMSA Layout, State Save Area").

Offsets and sizes in bytes, little-endian. Fields that are left at zero at launch and are longer than 8 bytes (the x87,
XMM and YMM registers from 420h on, the intercept vectors at 900h) are not listed.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from impl.hypervisor.pages import PAGE_SIZE

SEGMENTS = ("es", "cs", "ss", "ds", "fs", "gs", "gdtr", "ldtr", "idtr", "tr")
"""From offset 0, 16 bytes each."""

_WIDE = {  # 8 bytes each
    "pl0_ssp": 0x0A0, "pl1_ssp": 0x0A8, "pl2_ssp": 0x0B0, "pl3_ssp": 0x0B8, "u_cet": 0x0C0,
    "efer": 0x0D0, "xss": 0x140, "cr4": 0x148, "cr3": 0x150, "cr0": 0x158,
    "dr7": 0x160, "dr6": 0x168, "rflags": 0x170, "rip": 0x178,
    "dr0": 0x180, "dr1": 0x188, "dr2": 0x190, "dr3": 0x198,
    "dr0_addr_mask": 0x1A0, "dr1_addr_mask": 0x1A8, "dr2_addr_mask": 0x1B0, "dr3_addr_mask": 0x1B8,
    "rsp": 0x1D8, "s_cet": 0x1E0, "ssp": 0x1E8, "isst_addr": 0x1F0, "rax": 0x1F8,
    "star": 0x200, "lstar": 0x208, "cstar": 0x210, "sfmask": 0x218, "kernel_gs_base": 0x220,
    "sysenter_cs": 0x228, "sysenter_esp": 0x230, "sysenter_eip": 0x238, "cr2": 0x240,
    "g_pat": 0x268, "dbgctl": 0x270, "br_from": 0x278, "br_to": 0x280,
    "last_excp_from": 0x288, "last_excp_to": 0x290,
    "guest_tsc_scale": 0x2F0, "guest_tsc_offset": 0x2F8, "reg_prot_nonce": 0x300,
    "rcx": 0x308, "rdx": 0x310, "rbx": 0x318, "secure_avic_ctl": 0x320,
    "rbp": 0x328, "rsi": 0x330, "rdi": 0x338,
    "r8": 0x340, "r9": 0x348, "r10": 0x350, "r11": 0x358, "r12": 0x360, "r13": 0x368, "r14": 0x370, "r15": 0x378,
    "guest_exitinfo1": 0x390, "guest_exitinfo2": 0x398, "guest_exitintinfo": 0x3A0, "guest_nrip": 0x3A8,
    "sev_features": 0x3B0, "vintr_ctrl": 0x3B8, "guest_exitcode": 0x3C0, "virtual_tom": 0x3C8,
    "tlb_id": 0x3D0, "pcpu_id": 0x3D8, "eventinj": 0x3E0, "xcr0": 0x3E8,
    "x87_dp": 0x400, "x87_rip": 0x418,
}  # fmt: skip
_NARROW = {  # offset, bytes
    "vmpl": (0x0CA, 1), "cpl": (0x0CB, 1), "pkru": (0x2E8, 4), "tsc_aux": (0x2EC, 4),
    "mxcsr": (0x408, 4), "x87_ftw": (0x40C, 2), "x87_fsw": (0x40E, 2), "x87_fcw": (0x410, 2),
    "x87_fop": (0x412, 2), "x87_ds": (0x414, 2), "x87_cs": (0x416, 2),
}  # fmt: skip
_SEGMENT = {"selector": (0, 2), "attributes": (2, 2), "limit": (4, 4), "base": (8, 8)}


@dataclass(frozen=True)
class Field:
    """Where a field lies in the page. Bytes."""

    offset: int
    size: int


FIELDS: Mapping[str, Field] = (
    {
        f"{segment}.{part}": Field(16 * index + offset, size)
        for index, segment in enumerate(SEGMENTS)
        for part, (offset, size) in _SEGMENT.items()
    }
    | {name: Field(offset, 8) for name, offset in _WIDE.items()}
    | {name: Field(offset, size) for name, (offset, size) in _NARROW.items()}
)
"""Every listed field by name; a part of a segment register as `cs.base`."""


def pack(values: Mapping[str, int]) -> bytes:
    """A VMSA page with these fields; all else is zero. A value that does not fit its field is an OverflowError."""
    page = bytearray(PAGE_SIZE)
    for name, value in values.items():
        field = FIELDS[name]
        page[field.offset : field.offset + field.size] = value.to_bytes(field.size, "little")
    return bytes(page)


def read_field(page: bytes, name: str) -> int:
    """The value of one field of a VMSA page."""
    field = FIELDS[name]
    return int.from_bytes(page[field.offset : field.offset + field.size], "little")
