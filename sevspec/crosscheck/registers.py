"""Processors, address registers and operand bytes."""

import struct

from impl.machine import Cpu as MachineCpu
from impl.memory.paging import C_BIT
from sevspec.crosscheck.bench import Bench
from sevspec.crosscheck.concretisation import Inexpressible
from spec.rmp.cpu import Cpu
from spec.rmp.rmpupdate_operand import RmpUpdate


def processor(cpu: Cpu) -> MachineCpu:
    """The processor that executes."""
    return MachineCpu(cpu.asid, cpu.vmpl, cpu.cpl, cpu.snp_active, reflect_vc=cpu.reflect_vc)


def operand_address(bench: Bench, spa: int) -> int:
    """RAX of a host instruction. The specification speaks of the address without its C-bit."""
    if spa & C_BIT:
        raise Inexpressible("bit 51 of a host instruction's address is the C-bit")
    return spa | C_BIT if bench.c_bits else spa


def operand_bytes(op: RmpUpdate) -> bytes:
    """The 16-byte operand of RMPUPDATE."""
    reserved = 1 if op.reserved else 0
    return struct.pack(
        "<QBBBBI",
        op.gpa,
        op.assigned,
        op.page_size | op.region_status << 1,
        op.immutable,
        reserved,
        op.asid,
    )
