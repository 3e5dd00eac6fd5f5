"""Exits of an SEV guest: the hypervisor has the registers in plaintext, and does what the instruction does.

It cannot read the guest's memory, page tables included. What it is told by hardware must do: EXITINFO1, the address of
the next instruction, and for a nested page fault the bytes at RIP and the faulting address (APM Vol. 2, "Decode
Assists", 15.8.4; "Next RIP", 15.7.1). So strings whose other side is memory, and operands on two pages, are refused by
name; kernels of SEV guests avoid both.
"""

from impl.decode.decoder import decode
from impl.decode.exits import MSR
from impl.decode.instruction import Instruction
from impl.decode.undecodable import Undecodable
from impl.hypervisor.emulated import Emulated
from impl.memory.engine import PAGE_BYTES
from impl.vc.access import Machine
from impl.vc.handler import handle_decoded
from impl.vc.memory import Place
from impl.vc.outcome import End, Outcome
from impl.vc.vcpu import RAX, Vcpu
from spec.ghcb.vocabulary import exits
from spec.ghcb.vocabulary.exits import SvmExit

CANONICAL = {
    SvmExit.RDTSC: "0f31",
    SvmExit.RDPMC: "0f33",
    SvmExit.CPUID: "0fa2",
    SvmExit.VMMCALL: "0f01d9",
    SvmExit.RDTSCP: "0f01f9",
    SvmExit.WBINVD: "0f09",
    SvmExit.MONITOR: "0f01c8",
    SvmExit.MWAIT: "0f01c9",
}
"""An instruction for each exit code, which then has no other operands than registers that it implies."""
MSR_ACCESS = {exits.MSR_READ: "0f32", exits.MSR_WRITE: "0f30"}


class CannotEmulate(Exception):
    """What only someone could do who reads the guest's memory."""


class AnotherPage(Exception):
    """A string goes on where the hypervisor knows no translation: the guest has to fault there again."""


class FaultingOperand:
    """The one operand whose guest-physical address a nested page fault tells."""

    def __init__(self, gpa: int) -> None:
        self._gpa = gpa
        self._page: int | None = None

    def place(self, linear: int, size: int, cpl: int, *, write: bool) -> Place:  # noqa: ARG002 -- hardware has checked
        """In the page of the fault: the first operand asked for is the one that faulted."""
        page, offset = divmod(linear, PAGE_BYTES)
        if self._page is None:
            if offset != self._gpa % PAGE_BYTES:
                raise CannotEmulate("the operand begins on another page than the one that faulted")
            self._page = page
        if page != self._page:
            raise AnotherPage
        if offset + size > PAGE_BYTES:
            raise CannotEmulate("the operand lies on two pages, and the fault tells the address of one")
        return Place(self._gpa - self._gpa % PAGE_BYTES + offset, mmio=True)

    def load(self, linear: int, size: int) -> int:
        """Never asked for: every place is MMIO."""
        raise CannotEmulate(f"{size} bytes at {linear:#x} are the guest's own")

    def store(self, linear: int, size: int, value: int) -> None:
        """The same."""
        raise CannotEmulate(f"{size} bytes at {linear:#x} are the guest's own ({value:#x})")

    def port_allowed(self, port: int, size: int) -> bool:  # noqa: ARG002 -- hardware has checked
        """Hardware looked before it intercepted."""
        return True


def emulate(
    emulated: Emulated, vcpu: Vcpu, exit_code: int, info1: int, info2: int, next_rip: int, code: bytes
) -> Outcome:
    """Do the instruction; RIP is then behind it, unless it faults or has to go on."""
    rip = vcpu.rip
    if exit_code == SvmExit.IOIO:
        port_access(emulated, vcpu, info1)
        outcome = Outcome(End.DONE)
    else:
        memory = FaultingOperand(info2)
        outcome = carried_out(Machine(vcpu, memory, emulated), instruction_of(exit_code, info1, code))
    vcpu.rip = next_rip if outcome.end is End.DONE else rip
    return outcome


def carried_out(machine: Machine, instruction: Instruction) -> Outcome:
    """By what a #VC handler does as well; a string stops at the end of the page."""
    if instruction.form.implicit and instruction.mnemonic.startswith(("movs", "cmps")):
        raise CannotEmulate(f"{instruction.mnemonic} has a second side, and its translation is the guest's own")
    try:
        return handle_decoded(machine, instruction)
    except AnotherPage:
        return Outcome(End.AGAIN)


def instruction_of(exit_code: int, info1: int, code: bytes) -> Instruction:
    """What was intercepted."""
    if exit_code == SvmExit.NPF:
        try:
            return decode(code)
        except Undecodable as undecodable:
            raise CannotEmulate(f"the bytes at RIP are no instruction: {undecodable.reason.name}") from None
    if exit_code == MSR:
        return decode(bytes.fromhex(MSR_ACCESS[info1]))
    if exit_code in (SvmExit.DR7_READ, SvmExit.DR7_WRITE):
        # Decode assist: EXITINFO1[3:0] is the general register.
        rex, modrm = 0x40 | info1 >> 3 & 1, 0xF8 | info1 & 7
        return decode(bytes([rex, 0x0F, 0x21 if exit_code == SvmExit.DR7_READ else 0x23, modrm]))
    if exit_code not in CANONICAL:
        raise CannotEmulate(f"exit code {exit_code:#x}")
    return decode(bytes.fromhex(CANONICAL[SvmExit(exit_code)]))


def port_access(emulated: Emulated, vcpu: Vcpu, info1: int) -> None:
    """IN and OUT as EXITINFO1 describes them."""
    if info1 & exits.IOIO_STRING:
        raise CannotEmulate("INS and OUTS access memory, which the hypervisor can neither translate nor read")
    port, size = info1 >> exits.IOIO_PORT_SHIFT & 0xFFFF, info1 >> exits.IOIO_SIZE_SHIFT & 7
    mask = (1 << 8 * size) - 1
    if info1 & exits.IOIO_IN:
        kept = 0 if size == 4 else vcpu.gpr[RAX] & ~mask
        vcpu.gpr[RAX] = kept | emulated.port_in(port, size) & mask
    else:
        emulated.port_out(port, size, vcpu.gpr[RAX] & mask)
