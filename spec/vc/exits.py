"""Exit codes as a #VC handler sees them: which are automatic, which are exceptions, which instruction raises which.

APM Vol. 2, "Types of Exits" (15.35.4) and Appendix C; GHCB (56421), "Standard VMGEXIT Events". Automatic exits save
all registers in the encrypted VMSA and leave the guest; only the others raise #VC.
"""

from spec.ghcb.vocabulary.exits import ExitCode, SvmExit
from spec.knobs import Knobs
from spec.logic import all_of, any_of, ite, none_of
from spec.vc.instruction import Instruction, Kind
from spec.vocabulary import VC_PAGE_NOT_VALIDATED_NOT_RESTARTABLE

MACHINE_CHECK = 0x52
AUTOMATIC_RANGES = (
    (0x60, 0x64),  # INTR, NMI, SMI, INIT, VINTR
    (0x77, 0x78),  # PAUSE, HLT
    (0x7F, 0x7F),  # SHUTDOWN
    (0x8F, 0x9F),  # EFER and CR write traps
    (0xA5, 0xA6),  # bus lock, idle HLT
    (SvmExit.VMGEXIT, SvmExit.VMGEXIT),
    (VC_PAGE_NOT_VALIDATED_NOT_RESTARTABLE, VC_PAGE_NOT_VALIDATED_NOT_RESTARTABLE),
)
NO_EXIT: ExitCode = (1 << 64) - 1
"""Of an instruction that raises no #VC; as an exit code VMEXIT_INVALID, which is automatic."""
HANDLED = (
    SvmExit.DR7_READ,
    SvmExit.DR7_WRITE,
    SvmExit.RDTSC,
    SvmExit.RDPMC,
    SvmExit.CPUID,
    SvmExit.INVD,
    SvmExit.IOIO,
    SvmExit.MSR,
    SvmExit.VMMCALL,
    SvmExit.RDTSCP,
    SvmExit.WBINVD,
    SvmExit.MONITOR,
    SvmExit.MWAIT,
    SvmExit.NPF,
)
"""The codes that a handler does something for. XSETBV and RDPRU have no event."""

EXIT_CODES = (
    (Kind.CPUID, SvmExit.CPUID),
    (Kind.RDTSC, SvmExit.RDTSC),
    (Kind.RDTSCP, SvmExit.RDTSCP),
    (Kind.RDPMC, SvmExit.RDPMC),
    (Kind.RDMSR, SvmExit.MSR),
    (Kind.WRMSR, SvmExit.MSR),
    (Kind.IN, SvmExit.IOIO),
    (Kind.OUT, SvmExit.IOIO),
    (Kind.VMMCALL, SvmExit.VMMCALL),
    (Kind.WBINVD, SvmExit.WBINVD),
    (Kind.INVD, SvmExit.INVD),
    (Kind.MONITOR, SvmExit.MONITOR),
    (Kind.MWAIT, SvmExit.MWAIT),
    (Kind.DR7_READ, SvmExit.DR7_READ),
    (Kind.DR7_WRITE, SvmExit.DR7_WRITE),
    (Kind.LOAD, SvmExit.NPF),
    (Kind.STORE, SvmExit.NPF),
)
"""The one exit code that admits each kind of instruction."""


def is_exception(code: ExitCode) -> bool:
    """40h to 5Fh: an intercepted exception. #MC is automatic."""
    return all_of(code >= SvmExit.FIRST_EXCEPTION, code <= SvmExit.LAST_EXCEPTION, code != MACHINE_CHECK)


def is_automatic(code: ExitCode) -> bool:
    """The exit leaves the guest by itself; #VC with such a code was not raised by an instruction."""
    ranges = (all_of(code >= first, code <= last) for first, last in AUTOMATIC_RANGES)
    return any_of(code == MACHINE_CHECK, code >= NO_EXIT - 3, *ranges)


def is_handled(code: ExitCode, knobs: Knobs) -> bool:
    """Whether a handler does anything for a code."""
    conditional = all_of(code == SvmExit.MWAIT_CONDITIONAL, knobs.vc_mwait_conditional)
    return any_of(conditional, *(code == known for known in HANDLED))


def exit_code_of(instruction: Instruction) -> ExitCode:
    """The exit code that admits an instruction, with its memory operand taken for MMIO."""
    found = NO_EXIT
    for kind, code in EXIT_CODES:
        found = ite(instruction.kind == kind, code, found)
    return found


def admits(code: ExitCode, instruction: Instruction, knobs: Knobs) -> bool:
    """Whether an exit code is one that the instruction can raise (rule S5): escape bytes, opcode, ModRM, prefixes."""
    conditional = all_of(code == SvmExit.MWAIT_CONDITIONAL, knobs.vc_mwait_conditional, instruction.kind == Kind.MWAIT)
    raises = exit_code_of(instruction)
    return any_of(conditional, all_of(code == raises, none_of(raises == NO_EXIT)))
