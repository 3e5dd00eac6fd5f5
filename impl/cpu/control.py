"""Registers of the processor that a guest accesses without an exit: the GHCB MSR, bases of FS and GS, CR3, the TLB."""

from collections.abc import Callable

from impl.cpu.entry import Entry
from impl.decode.instruction import Instruction
from impl.decode.registers import Register
from impl.memory.paging import ADDRESS_MASK
from impl.rmp import vmcb as control
from impl.rmp.vmcb import load_word, store_word
from impl.vc.vcpu import LOW_32, RAX, RCX, RDX
from spec.ghcb.vocabulary.msr import GHCB_MSR

BASES = {0xC000_0100: "fs", 0xC000_0101: "gs"}
"""FS.base and GS.base."""


def write_register(entry: Entry, instruction: Instruction) -> bool:
    """Carry the instruction out, if it is one of these; RIP stays."""
    work = BY_MNEMONIC.get(instruction.mnemonic)
    return work is not None and work(entry, instruction)


def rdmsr(entry: Entry, _: Instruction) -> bool:
    """EDX:EAX from the MSR that ECX names."""
    gpr, number = entry.vcpu.gpr, entry.vcpu.gpr[RCX] & LOW_32
    if number == GHCB_MSR and entry.encrypted:
        value = read_ghcb_msr(entry)
    elif number in BASES:
        value = entry.vcpu.segment_bases[BASES[number]]
    else:
        return False
    gpr[RAX], gpr[RDX] = value & LOW_32, value >> 32
    return True


def wrmsr(entry: Entry, _: Instruction) -> bool:
    """EDX:EAX to the MSR that ECX names."""
    gpr, number = entry.vcpu.gpr, entry.vcpu.gpr[RCX] & LOW_32
    value = (gpr[RDX] & LOW_32) << 32 | gpr[RAX] & LOW_32
    if number == GHCB_MSR and entry.encrypted:
        write_ghcb_msr(entry, value)
    elif number in BASES:
        entry.vcpu.segment_bases[BASES[number]] = value
    else:
        return False
    return True


def read_ghcb_msr(entry: Entry) -> int:
    """The value lies in the VMCB, so it is what the hypervisor says it is."""
    return load_word(entry.machine.memory, entry.vmcb, control.GHCB_GPA)


def write_ghcb_msr(entry: Entry, value: int) -> None:
    """The hypervisor sees it at once."""
    store_word(entry.machine.memory, entry.vmcb, control.GHCB_GPA, value)


def invlpg(entry: Entry, _: Instruction) -> bool:
    """The whole TLB is a superset of the page's entries."""
    entry.core.flush()
    return True


def wbinvd(_: Entry, __: Instruction) -> bool:
    """The cache is written back at every stop."""
    return True


def mov(entry: Entry, instruction: Instruction) -> bool:
    """MOV from CR3."""
    destination, source = instruction.operands
    if not isinstance(destination, Register) or not isinstance(source, Register) or source.name != "cr3":
        return False
    entry.vcpu.write(destination, entry.cpu.cr3 & ADDRESS_MASK)
    return True


BY_MNEMONIC: dict[str, Callable[[Entry, Instruction], bool]] = {
    "rdmsr": rdmsr,
    "wrmsr": wrmsr,
    "invlpg": invlpg,
    "mov": mov,
    "wbinvd": wbinvd,
    "wbnoinvd": wbinvd,
}
