"""What an instruction does to registers and memory, given what a device or the hypervisor has answered.

APM Vol. 3, each instruction; Vol. 1, 3.1.2: a result of 32 bits clears bits 63:32, one of 8 or 16 bits keeps the rest.
"""

from spec.logic import all_of, any_of, ite, none_of, select
from spec.maps import Map
from spec.vc.admit import source_of, uses_memory
from spec.vc.cpuid import cpuid_result
from spec.vc.instruction import (
    DR7,
    GENERAL,
    LOW_32,
    LOW_64,
    RAX,
    RBX,
    RCX,
    RDI,
    RDX,
    RIP,
    RSI,
    Bytes,
    Extension,
    Instruction,
    Kind,
    Qword,
    Word,
    is_one_of,
    is_string,
    mask_of,
    repeats,
)
from spec.vc.request import DATA, DR7_FIXED, DR7_WRITABLE
from spec.vc.state import Place, VcExchange, register
from spec.vocabulary import Address

RFLAGS: Qword = 0x170 // 8
"""Place of RFLAGS; it is no field of the GHCB, but of the save area of the VMSA."""
DIRECTION = 1 << 10
DOUBLE_RESULTS = (Kind.RDTSC, Kind.RDTSCP, Kind.RDPMC, Kind.RDMSR)
"""EDX:EAX."""


def merged(old: Word, new: Word, size: Bytes) -> Word:
    """A register after a result of so many bytes."""
    kept = old ^ (old & mask_of(size))
    return ite(size == 4, new & LOW_32, kept | new & mask_of(size))


def answer(exchange: VcExchange, qword: Qword) -> Word:
    """What this call has read of the reply."""
    return exchange.answers[Place(exchange.depth, qword)]


def extended(instruction: Instruction, value: Word, sign_of: Word) -> Word:
    """What was read, as wide as the register. The sign is that of the value, if the value is read once."""
    mask = mask_of(instruction.size)
    bit = ite(instruction.size == 1, sign_of >> 7 & 1, ite(instruction.size == 2, sign_of >> 15 & 1, sign_of >> 31 & 1))
    negative = all_of(instruction.extension == Extension.SIGN, bit == 1, none_of(instruction.size == 8))
    return value & mask | ite(negative, LOW_64 ^ mask, 0)


def loaded(exchange: VcExchange, instruction: Instruction, old: Word) -> Word:
    """The destination of a load."""
    # Without rule S9 the value is read from the shared page again, after its sign.
    copy = answer(exchange, DATA)
    value = ite(exchange.rules.reads_once, copy, exchange.page[DATA])
    low = merged(old, extended(instruction, value, copy), instruction.result_size)
    high = old ^ (old & 0xFF00) | (value & 0xFF) << 8
    return ite(instruction.high_byte, high, low)


def accumulator(exchange: VcExchange, instruction: Instruction, old: Word) -> Word:
    """RAX."""
    given = answer(exchange, RAX)
    value = ite(instruction.kind == Kind.CPUID, cpuid_result(exchange).eax, old)
    value = ite(is_one_of(instruction, *DOUBLE_RESULTS), given & LOW_32, value)
    value = ite(instruction.kind == Kind.VMMCALL, given, value)
    reads = all_of(instruction.kind == Kind.IN, none_of(is_string(instruction)))
    return ite(reads, merged(old, given, instruction.size), value)


def moves_rdi(instruction: Instruction) -> bool:
    """A string whose destination is at rDI."""
    return all_of(is_string(instruction), is_one_of(instruction, Kind.IN, Kind.LOAD, Kind.STORE))


def moves_rsi(instruction: Instruction) -> bool:
    """A string whose source is at rSI."""
    stores = all_of(instruction.kind == Kind.STORE, instruction.memory_source)
    return all_of(is_string(instruction), any_of(is_one_of(instruction, Kind.OUT, Kind.LOAD), stores))


def stepped(exchange: VcExchange, instruction: Instruction, old: Word) -> Word:
    """A pointer behind one element: up, or down if DF is set; of the address size."""
    down = register(exchange, RFLAGS) & DIRECTION != 0
    distance = ite(down, (1 << 64) - instruction.size, instruction.size)
    return merged(old, (old + distance) & LOW_64, instruction.address_size)


def counted(instruction: Instruction, old: Word) -> Word:
    """RCX after one element."""
    return merged(old, (old + LOW_64) & LOW_64, instruction.address_size)


def is_finished(exchange: VcExchange, instruction: Instruction) -> bool:
    """No element is left."""
    left = counted(instruction, register(exchange, RCX)) & mask_of(instruction.address_size)
    return any_of(none_of(repeats(instruction, exchange.platform.knobs)), left == 0)


def advanced(exchange: VcExchange, instruction: Instruction) -> Map[Place, Word]:
    """RIP is behind the instruction."""
    place = Place(exchange.depth, RIP)
    return exchange.registers.set(place, (exchange.registers[place] + instruction.length) & LOW_64)


def put(table: Map[Place, Word], place: Place, condition: bool, value: Word) -> Map[Place, Word]:
    """A register written where the condition holds."""
    return table.set(place, ite(condition, value, table[place]))


def executed(exchange: VcExchange, instruction: Instruction) -> Map[Place, Word]:
    """The registers after the instruction, or after one element of a repeated one; RIP where it was."""
    level, kind = exchange.depth, instruction.kind
    results, cpuid = cpuid_result(exchange), kind == Kind.CPUID
    rax, rbx, rcx, rdx = Place(level, RAX), Place(level, RBX), Place(level, RCX), Place(level, RDX)
    double = is_one_of(instruction, *DOUBLE_RESULTS)
    old = exchange.registers
    table = old.set(rax, accumulator(exchange, instruction, old[rax]))
    table = put(table, rbx, cpuid, results.ebx)
    table = put(table, rcx, cpuid, results.ecx)
    table = put(table, rcx, kind == Kind.RDTSCP, answer(exchange, RCX) & LOW_32)
    table = put(table, rcx, repeats(instruction, exchange.platform.knobs), counted(instruction, old[rcx]))
    table = put(table, rdx, cpuid, results.edx)
    table = put(table, rdx, double, answer(exchange, RDX) & LOW_32)
    rsi, rdi = Place(level, RSI), Place(level, RDI)
    table = put(table, rsi, moves_rsi(instruction), stepped(exchange, instruction, old[rsi]))
    table = put(table, rdi, moves_rdi(instruction), stepped(exchange, instruction, old[rdi]))
    debug = source_of(exchange, instruction) & DR7_WRITABLE | DR7_FIXED
    table = put(table, Place(level, DR7), kind == Kind.DR7_WRITE, debug)
    destination = Place(level, select(instruction.destination, GENERAL))
    loads = all_of(kind == Kind.LOAD, none_of(is_string(instruction)))
    table = put(table, destination, loads, loaded(exchange, instruction, old[destination]))
    return put(table, destination, kind == Kind.DR7_READ, old[Place(level, DR7)])


def memory_after(exchange: VcExchange, instruction: Instruction) -> Map[Address, Word]:
    """Ordinary memory after one element of INS, or of MOVS from MMIO."""
    old = exchange.memory[instruction.memory]
    value = answer(exchange, DATA) & mask_of(instruction.size)
    writes = all_of(uses_memory(instruction), is_one_of(instruction, Kind.IN, Kind.LOAD))
    return exchange.memory.set(instruction.memory, ite(writes, merged_memory(old, value, instruction.size), old))


def merged_memory(old: Word, new: Word, size: Bytes) -> Word:
    """Eight bytes of memory after so many of them were written."""
    return old ^ (old & mask_of(size)) | new & mask_of(size)
