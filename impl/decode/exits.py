"""Which instructions raise #VC in an SEV-ES or SEV-SNP guest, by class, and the exit code that the handler is given.

APM Vol. 2, "Types of Exits" (15.35.4) and Appendix C, "SVM Intercept Exit Codes".
"""

from collections.abc import Mapping
from enum import Enum, unique

from impl.decode.instruction import Instruction


@unique
class VcClass(Enum):
    """What a #VC is about. The value is the exit code, or a word where the class has none of its own."""

    CPUID = 0x72
    HLT = 0x78
    INVD = 0x76
    IOIO = 0x7B
    MONITOR = 0x8A
    MOV_CR = "CR"
    """One code for each register and direction: 00h to 1Fh."""
    MOV_DR = "DR"
    """One code for each register and direction: 20h to 3Fh; a careful hypervisor intercepts DR7 alone (27h and 37h)."""
    MWAIT = 0x8B
    RDMSR = "MSR read"
    """7Ch, with EXITINFO1 0."""
    RDPMC = 0x6F
    RDTSC = 0x6E
    RDTSCP = 0x87
    VMGEXIT = "VMGEXIT"
    """Leaves the guest by itself."""
    VMMCALL = 0x81
    WBINVD = 0x89
    WRMSR = "MSR write"
    """7Ch, with EXITINFO1 1."""
    XSETBV = 0x8D
    MMIO_MOV = "MOV"
    """A nested page fault (400h), if the memory operand is MMIO."""
    MMIO_STRING = "string"
    """The same for MOVS and STOS."""

    @property
    def exit_code(self) -> int | None:
        """The exit code, where the class has one."""
        if self in (VcClass.RDMSR, VcClass.WRMSR):
            return MSR
        return self.value if isinstance(self.value, int) else None


MSR = 0x7C

BY_MNEMONIC: Mapping[str, VcClass] = {
    "cpuid": VcClass.CPUID,
    "hlt": VcClass.HLT,
    "in": VcClass.IOIO,
    "out": VcClass.IOIO,
    "insb": VcClass.IOIO,
    "insw": VcClass.IOIO,
    "insd": VcClass.IOIO,
    "outsb": VcClass.IOIO,
    "outsw": VcClass.IOIO,
    "outsd": VcClass.IOIO,
    "invd": VcClass.INVD,
    "monitor": VcClass.MONITOR,
    "monitorx": VcClass.MONITOR,
    "mwait": VcClass.MWAIT,
    "mwaitx": VcClass.MWAIT,
    "rdmsr": VcClass.RDMSR,
    "rdpmc": VcClass.RDPMC,
    "rdtsc": VcClass.RDTSC,
    "rdtscp": VcClass.RDTSCP,
    "vmgexit": VcClass.VMGEXIT,
    "vmmcall": VcClass.VMMCALL,
    "wbinvd": VcClass.WBINVD,
    "wbnoinvd": VcClass.WBINVD,
    "wrmsr": VcClass.WRMSR,
    "xsetbv": VcClass.XSETBV,
}
MOVES = frozenset("mov movzx movsx movsxd movbe".split())
STRINGS = frozenset("movsb movsw movsd movsq stosb stosw stosd stosq".split())


def vc_class(instruction: Instruction) -> VcClass | None:
    """The class of the #VC that the instruction can raise; those of MMIO only if its memory operand is MMIO."""
    form = instruction.form
    if found := BY_MNEMONIC.get(form.mnemonic):
        return found
    if form.mnemonic in MOVES:
        operands = form.row.operands
        if "C" in operands:
            return VcClass.MOV_CR
        if "D" in operands:
            return VcClass.MOV_DR
        return VcClass.MMIO_MOV if instruction.memory is not None else None
    if form.mnemonic in STRINGS and form.implicit:  # MOVSD is a vector move as well
        return VcClass.MMIO_STRING
    return None
