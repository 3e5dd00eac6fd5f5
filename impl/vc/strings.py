"""MOVS, STOS, LODS, CMPS and SCAS with MMIO on either side. APM Vol. 3, the instructions' pages.

Each side is MMIO or ordinary memory as the guest's page tables say. A destination must be writable before the source
is read, because reading a device can change it.
"""

from collections.abc import Callable

from impl.decode.instruction import Instruction, StringOperand
from impl.decode.registers import BYTES, GENERAL, Register
from impl.decode.semantics import Semantics
from impl.vc.access import Machine, get, put, string_place
from impl.vc.arithmetic import arithmetic
from impl.vc.outcome import Outcome
from impl.vc.repeats import repeated, step
from impl.vc.vcpu import RAX

Element = Callable[[Machine, StringOperand, StringOperand | None], None]
"""One element: the first string operand, and the second where there is one."""


def string(machine: Machine, instruction: Instruction, work: Semantics) -> Outcome:
    """All elements that are due."""
    strings = [operand for operand in instruction.operands if isinstance(operand, StringOperand)]
    element = ELEMENTS[instruction.mnemonic[:4]]
    first, second = (*strings, None)[:2]
    assert first is not None, "a string instruction has a string"
    return repeated(machine.vcpu, instruction, work.size, work.repeat, lambda: element(machine, first, second))


def movs(machine: Machine, destination: StringOperand, source: StringOperand | None) -> None:
    """From rSI to ES:rDI."""
    assert source is not None, "MOVS has two strings"
    target = string_place(machine, destination, write=True)
    put(machine, target, source.size, get(machine, string_place(machine, source, write=False), source.size))
    step(machine.vcpu, destination)
    step(machine.vcpu, source)


def stos(machine: Machine, destination: StringOperand, _: StringOperand | None) -> None:
    """From rAX to ES:rDI."""
    place = string_place(machine, destination, write=True)
    put(machine, place, destination.size, machine.vcpu.read(accumulator(destination.size)))
    step(machine.vcpu, destination)


def lods(machine: Machine, source: StringOperand, _: StringOperand | None) -> None:
    """From rSI to rAX."""
    value = get(machine, string_place(machine, source, write=False), source.size)
    machine.vcpu.write(accumulator(source.size), value)
    step(machine.vcpu, source)


def cmps(machine: Machine, first: StringOperand, second: StringOperand | None) -> None:
    """The element at rSI less the one at ES:rDI, read in this order (docs/open-questions.md, Q-68)."""
    assert second is not None, "CMPS has two strings"
    places = [string_place(machine, operand, write=False) for operand in (first, second)]
    left, right = (get(machine, place, first.size) for place in places)
    compare(machine, left, right, first.size)
    step(machine.vcpu, first)
    step(machine.vcpu, second)


def scas(machine: Machine, operand: StringOperand, _: StringOperand | None) -> None:
    """RAX less the element at ES:rDI."""
    right = get(machine, string_place(machine, operand, write=False), operand.size)
    compare(machine, machine.vcpu.read(accumulator(operand.size)), right, operand.size)
    step(machine.vcpu, operand)


def compare(machine: Machine, left: int, right: int, size: int) -> None:
    """The flags of a subtraction."""
    _, machine.vcpu.rflags = arithmetic("cmp", left, right, size, machine.vcpu.rflags)


def accumulator(size: int) -> Register:
    """AL, AX, EAX or RAX."""
    return BYTES[RAX] if size == 1 else GENERAL[size][RAX]


ELEMENTS: dict[str, Element] = {"movs": movs, "stos": stos, "lods": lods, "cmps": cmps, "scas": scas}
