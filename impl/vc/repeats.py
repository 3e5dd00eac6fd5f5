"""String instructions: one element after another, as REP counts them. APM Vol. 3, "Repeat Prefixes" (1.2.6).

An element is complete, with its pointers and its count, before the next begins; so whatever ends the instruction
early, the registers say what is left.
"""

from collections.abc import Callable

from impl.decode.instruction import Instruction, StringOperand
from impl.decode.registers import GENERAL
from impl.decode.semantics import Repeat
from impl.vc.outcome import AGAIN, DONE, Outcome
from impl.vc.vcpu import BY_NAME, DF, RCX, ZF, Vcpu

CHUNK = 2032
"""Bytes that one #VC moves at most: the size of the GHCB's shared buffer (GHCB, "GHCB Layout")."""


def repeated(vcpu: Vcpu, instruction: Instruction, size: int, repeat: Repeat, element: Callable[[], None]) -> Outcome:
    """Do one element, or as many as rCX says; rCX has the address size, and 0 means none."""
    if repeat is Repeat.ONCE:
        element()
        return DONE
    counter = GENERAL[instruction.form.address_size][RCX]
    left = vcpu.read(counter)
    for _ in range(min(left, CHUNK // size)):
        element()
        left -= 1
        vcpu.write(counter, left)
        equal = bool(vcpu.rflags & ZF)
        if (repeat is Repeat.WHILE_EQUAL and not equal) or (repeat is Repeat.WHILE_NOT_EQUAL and equal):
            return DONE
    return AGAIN if left else DONE


def step(vcpu: Vcpu, operand: StringOperand) -> None:
    """Move rSI or rDI by one element: down with DF, modulo the address size."""
    register = BY_NAME[operand.register]
    vcpu.write(register, vcpu.read(register) + (-operand.size if vcpu.rflags & DF else operand.size))
