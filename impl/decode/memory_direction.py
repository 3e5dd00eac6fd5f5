"""Whether an instruction reads, writes or modifies its memory operand. APM Vol. 3, instruction reference.

The first operand is the destination, so memory elsewhere is read. Of an instruction whose first operand is memory,
its name says whether that is written alone; the names here are the exceptions.
"""

from enum import Enum, unique
from functools import cache

from impl.decode.forms import Form
from impl.decode.notation import EITHER, IMPLIED_MEMORY, MEMORY_ONLY, parsed
from impl.decode.rows import Row


@unique
class Direction(Enum):
    """What happens to the port or the memory operand."""

    NONE = "none"
    READ = "read"
    WRITE = "write"
    READ_WRITE = "read and write"


ADDRESS_ONLY = frozenset(
    "lea nop ud1 reservednop invlpg prefetch prefetchw prefetchwt1 prefetchnta prefetcht0 prefetcht1 prefetcht2 "
    "prefetchit0 prefetchit1 clflush clflushopt clwb cldemote vgatherpf0dps vgatherpf0dpd vgatherpf0qps "
    "vgatherpf0qpd vgatherpf1dps vgatherpf1dpd vgatherpf1qps vgatherpf1qpd vscatterpf0dps vscatterpf0dpd "
    "vscatterpf0qps vscatterpf0qpd vscatterpf1dps vscatterpf1dpd vscatterpf1qps vscatterpf1qpd".split()
)
"""The operand is an address; no data is read or written."""

MODIFIED = frozenset(
    "add or adc sbb and sub xor inc dec not neg rol ror rcl rcr shl shr sal sar shld shrd bts btr btc xchg xadd "
    "cmpxchg cmpxchg8b cmpxchg16b xsave xsave64 xsaveopt xsaveopt64 arpl aadd aand aor axor rstorssp clrssbsy "
    "cmpoxadd cmpnoxadd cmpbxadd cmpnbxadd cmpzxadd cmpnzxadd cmpbexadd cmpnbexadd cmpsxadd cmpnsxadd cmppxadd "
    "cmpnpxadd cmplxadd cmpnlxadd cmplexadd cmpnlexadd".split()
)
"""The first operand is read and written."""

ONLY_READ = frozenset(
    "cmp test bt push call jmp mul imul div idiv lldt ltr verr verw lmsw lkgs lgdt lidt vmptrld vmclear vmxon "
    "ldmxcsr vldmxcsr fxrstor fxrstor64 xrstor xrstor64 xrstors xrstors64 ptwrite ldtilecfg fadd fmul fcom fcomp "
    "fsub fsubr fdiv fdivr fld fldenv fldcw fiadd fimul ficom ficomp fisub fisubr fidiv fidivr fild fbld frstor "
    "cmpsw cmpsd cmpsq aesencwide128kl aesdecwide128kl aesencwide256kl aesdecwide256kl xlatb".split()
)
"""The first operand is read and not written."""


STRINGS = {
    "movs": Direction.READ_WRITE,
    "stos": Direction.WRITE,
    "lods": Direction.READ,
    "cmps": Direction.READ,
    "scas": Direction.READ,
    "ins": Direction.WRITE,
    "outs": Direction.READ,
}
"""By the mnemonic without the letter of the size. MOVS reads one operand and writes the other."""


@cache
def memory_first(row: Row) -> bool:
    """Whether the first operand is the one that is or can be memory."""
    first = parsed(row.operands[0]) if row.operands else None
    return first is not None and (bool(first.memory_type) or first.method in MEMORY_ONLY | EITHER | IMPLIED_MEMORY)


def direction_of(form: Form) -> Direction:
    """Of the memory operand of a form."""
    if form.mnemonic in ADDRESS_ONLY:
        return Direction.NONE
    if form.implicit in ("X", "Y"):
        return STRINGS[form.mnemonic[:-1]]
    if not memory_first(form.row):
        return Direction.READ
    if form.mnemonic in MODIFIED:
        return Direction.READ_WRITE
    return Direction.READ if form.mnemonic in ONLY_READ else Direction.WRITE
