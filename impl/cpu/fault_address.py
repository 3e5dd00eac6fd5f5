"""Where exactly an access faulted, when all that is known is the page.

EXITINFO2 of a nested page fault and CR2 name the first byte that could not be accessed (APM Vol. 2, 8.2.15, 15.25.6).
"""

from collections.abc import Iterator

from impl.decode.instruction import Instruction, StringOperand
from impl.memory.engine import PAGE_BYTES
from impl.vc.access import effective_address, linear_address
from impl.vc.outcome import Fault, Refused
from impl.vc.vcpu import BY_NAME, RSP, Vcpu

STACK_BYTES = 64
"""Below and above RSP; no instruction that Unicorn runs touches more of the stack."""


def fault_address(vcpu: Vcpu, instruction: Instruction, page: int) -> int:
    """The first byte in the page that the instruction's operands cover; the beginning of the page if none does."""
    for start, size in operands(vcpu, instruction):
        if start < page + PAGE_BYTES and page < start + size:
            return max(start, page)
    return page


def operands(vcpu: Vcpu, instruction: Instruction) -> Iterator[tuple[int, int]]:
    """First linear address and size of what the instruction accesses, the stack last."""
    width = instruction.form.address_size
    try:
        for operand in instruction.operands:
            if isinstance(operand, StringOperand):
                offset = vcpu.read(BY_NAME[operand.register])
                yield linear_address(vcpu, operand.segment, offset, operand.size, width), operand.size
        if memory := instruction.memory:
            offset = effective_address(vcpu, instruction, memory)
            yield linear_address(vcpu, memory.segment, offset, max(memory.size, 1), width), max(memory.size, 1)
    except (Fault, Refused):
        return
    yield vcpu.gpr[RSP] - STACK_BYTES, 2 * STACK_BYTES
