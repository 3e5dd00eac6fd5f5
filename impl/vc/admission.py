"""Which instructions each exit code admits. The exit code comes from the hypervisor; the instruction does not.

APM Vol. 2, "Types of Exits" (15.35.4) and Appendix C; GHCB (56421), "Standard VMGEXIT Events". Without this check a
forged #VC makes the handler write registers that the instruction at RIP does not name.
"""

from impl.decode.exits import VcClass, vc_class
from impl.decode.instruction import Instruction
from impl.decode.memory_direction import ADDRESS_ONLY
from impl.decode.registers import Register
from impl.vc.outcome import Refusal, Refused

CR_READ, CR_WRITE, DR_READ, DR_WRITE = 0x00, 0x10, 0x20, 0x30
"""Exit codes of MOV from and to a control or debug register, plus its number."""
DR7_READ, DR7_WRITE = DR_READ + 7, DR_WRITE + 7
"""The one debug register whose exits have an event."""
EXCEPTIONS = range(0x40, 0x60)
MMIO = 0x400
VMGEXIT = 0x403
NOT_VALIDATED = 0x404

AUTOMATIC = frozenset(
    # INTR, NMI, SMI, INIT, VINTR; PAUSE, HLT, SHUTDOWN; EFER and CR write traps; bus lock, idle HLT; VMGEXIT.
    [*range(0x60, 0x65), 0x77, 0x78, 0x7F, 0x8F, *range(0x90, 0xA0), 0xA5, 0xA6, VMGEXIT, 0x406]
)
"""Automatic exits: hardware saves the state, and no #VC is raised. #MC (52h) is one, too, among the exceptions."""


def require_emulated(exit_code: int) -> None:
    """Refuse the exit codes for which no instruction is looked at."""
    if exit_code == NOT_VALIDATED:
        raise Refused(Refusal.NOT_VALIDATED)
    if exit_code in EXCEPTIONS:
        raise Refused(Refusal.EXCEPTION_INTERCEPT)
    if exit_code in AUTOMATIC:
        raise Refused(Refusal.AUTOMATIC_EXIT)


def exit_code_of(instruction: Instruction) -> int | None:
    """The one exit code that admits the instruction, with its memory operand taken for MMIO; None if there is none."""
    kind = vc_class(instruction)
    if kind in (VcClass.MOV_CR, VcClass.MOV_DR):
        return moved_register(instruction, kind)
    if kind is VcClass.VMGEXIT:
        return VMGEXIT
    if kind is not None and kind.exit_code is not None:
        return kind.exit_code
    if instruction.memory is None or instruction.mnemonic in ADDRESS_ONLY:
        return None
    return MMIO


def moved_register(instruction: Instruction, kind: VcClass) -> int:
    """The exit code of MOV CRn or MOV DRn: by register number, REX.R included, and direction."""
    reads = instruction.form.row.operands[1] in ("C", "D")
    special = instruction.operands[1 if reads else 0]
    assert isinstance(special, Register), "MOV CRn and MOV DRn name their register"
    if kind is VcClass.MOV_CR:
        return (CR_READ if reads else CR_WRITE) + special.number
    return (DR_READ if reads else DR_WRITE) + special.number


def require_admitted(exit_code: int, instruction: Instruction) -> None:
    """Escape bytes, opcode, ModRM and mandatory prefixes are all in the decoded instruction: one question."""
    if exit_code_of(instruction) != exit_code:
        raise Refused(Refusal.MISMATCH)
