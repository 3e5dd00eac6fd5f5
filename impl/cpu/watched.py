"""Instructions that Unicorn does not run here: those that can leave the guest or raise #VC, and those that it misreads.

Of the instructions below Unicorn runs some as if nothing could intercept them, takes others for no operation, and does
not know the rest. All others are ordinary.
"""

from collections.abc import Callable

from impl.decode.exits import BY_MNEMONIC
from impl.decode.instruction import Instruction
from impl.decode.prefixes import FS_GS, LEGACY_SEGMENT, REX_R
from impl.decode.registers import CONTROL, DEBUG, SEGMENT

UNDEFINED = frozenset("ud0 ud1 ud2".split())
"""#UD by definition."""
SNP = frozenset("pvalidate rmpadjust rmpquery".split())
"""Carried out by the machine: a guest's instructions on the RMP."""
SYSTEM = frozenset(
    """
    clac clgi clts eretu erets int int1 int3 into invd invlpg invlpga invlpgb invpcid iret iretd iretq lar lgdt lidt
    lldt lmsw lsl ltr mcommit psmash rdpkru rdpru rmpread rmpupdate rsm sgdt sidt skinit sldt smsw stac stgi str
    syscall sysenter sysexit sysexitq sysret sysretq tlbsync uiret verr verw vmload vmrun vmsave wrpkru
    """.split()
)
"""APM Vol. 3, "System Instruction Reference", and what changes the flow of control through the kernel."""
FAR = frozenset("callf jmpf retf".split())
RANDOM = frozenset("rdrand rdseed".split())
"""What they give would differ from run to run."""


def is_ordinary(instruction: Instruction) -> bool:
    """Whether Unicorn runs the instruction, and as the manual says."""
    name = instruction.mnemonic
    if name in BY_MNEMONIC or name in SYSTEM or name in SNP or name in UNDEFINED or name in FAR or name in RANDOM:
        return False
    if any(operand in SPECIAL for operand in instruction.operands):
        return False
    return not any(misreads(instruction) for misreads in MISREAD)


SPECIAL = frozenset([*CONTROL, *DEBUG, *SEGMENT])
"""Registers whose values mean more than numbers."""


def cancels_segment(instruction: Instruction) -> bool:
    """Unicorn 2.1.4 lets ES, CS, SS or DS behind FS or GS cancel it, which in 64-bit mode it does not."""
    return bool(instruction.prefixes & FS_GS) and bool(instruction.prefixes & LEGACY_SEGMENT)


def refuses_rex_r(instruction: Instruction) -> bool:
    """Unicorn 2.1.4 takes REX.R with C6h and C7h for a part of the opcode."""
    return instruction.mnemonic == "mov" and bool(instruction.immediates) and bool(instruction.prefixes & REX_R)


MISREAD: tuple[Callable[[Instruction], bool], ...] = (cancels_segment, refuses_rex_r)
