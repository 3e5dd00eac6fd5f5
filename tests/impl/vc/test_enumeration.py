"""Forms × prefixes × REX × ModRM × SIB against Unicorn, which has ordinary memory where the guest has MMIO."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

import pytest
from hypothesis import settings

from impl.decode.decoder import decode
from impl.decode.undecodable import Undecodable
from impl.vc.access import Machine
from impl.vc.handler import handle_decoded, undecoded
from impl.vc.memory import Place
from impl.vc.vcpu import AF, Vcpu
from tests.impl.vc.enumeration import Case, cases
from tests.impl.vc.native import PATTERN, SIZE, Access, Native, State

DEEP = settings().max_examples >= 1000
STRIDES = {64: (7, 1), 32: (1, 1), 16: (1, 1)} if DEEP else {64: (307, 17), 32: (61, 7), 16: (61, 7)}
"""Of the combinations with ModRM, and of those without."""
LEAST = {64: 200_000, 32: 50_000, 16: 30_000} if DEEP else {64: 5_000, 32: 1_000, 16: 700}
LOGIC = frozenset("and or xor test".split())


class Same:
    """MMIO with the contents that Unicorn's memory has; every access is remembered."""

    def __init__(self) -> None:
        self.accesses: list[Access] = []
        self.written: dict[int, int] = {}

    def place(self, linear: int, size: int, cpl: int, *, write: bool) -> Place:  # noqa: ARG002 -- all pages are alike
        return Place(linear, mmio=True)

    def mmio_read(self, address: int, size: int) -> int:
        value = sum(self.written.get(address + n, PATTERN[(address + n) % SIZE]) << 8 * n for n in range(size))
        self.accesses.append(("read", address, size, value))
        return value

    def mmio_write(self, address: int, size: int, value: int) -> None:
        self.accesses.append(("write", address, size, value))
        self.written.update({address + n: value >> 8 * n & 0xFF for n in range(size)})


class Handled(NamedTuple):
    """What the handler made of a case."""

    result: str
    after: State
    mnemonic: str


def handled(case: Case) -> Handled:
    """By the handler."""
    before, same = case.before, Same()
    gpr = (*before.gpr, *[0] * (16 - len(before.gpr)))
    vcpu = Vcpu(bits=case.bits, rip=before.rip, gpr=gpr, rflags=before.rflags)
    vcpu.segment_bases["fs"], vcpu.segment_bases["gs"] = case.bases
    try:
        instruction = decode(case.code, case.bits)
    except Undecodable as undecodable:
        return Handled(undecoded(undecodable).name, before, "")
    world: Any = same
    outcome = handle_decoded(Machine(vcpu, world, world), instruction)
    after = State(vcpu.rip, tuple(vcpu.gpr[: len(before.gpr)]), vcpu.rflags, tuple(same.accesses))
    return Handled(outcome.name, after, instruction.mnemonic)


def length_of(case: Case) -> int:
    """The length by iced-x86, or where that is not installed by Capstone; 0 for no instruction."""
    if find_spec("iced_x86"):
        decoded = import_module("iced_x86").Decoder(case.bits, case.code).decode()
        return 0 if decoded.is_invalid else int(decoded.len)
    capstone: Any = import_module("capstone")
    mode = {16: capstone.CS_MODE_16, 32: capstone.CS_MODE_32, 64: capstone.CS_MODE_64}[case.bits]
    return next((int(size) for _, size, _, _ in capstone.Cs(capstone.CS_ARCH_X86, mode).disasm_lite(case.code, 0)), 0)


def comparable(state: State, mnemonic: str) -> State:
    """Without what the manual leaves open: AF of logical instructions, and which string CMPS reads first."""
    accesses = tuple(sorted(state.accesses)) if mnemonic.startswith("cmps") else state.accesses
    return state._replace(rflags=state.rflags & ~AF if mnemonic in LOGIC else state.rflags, accesses=accesses)


def reachable(case: Case, accesses: tuple[Access, ...]) -> bool:
    """Whether Unicorn's memory has the operands, and not the code there."""
    start = case.before.rip
    return all(
        address + size <= SIZE and not start - size < address < start + len(case.code)
        for _, address, size, _ in accesses
    )


@pytest.mark.parametrize("bits", [64, 32, 16])
def test_every_form_is_as_on_a_processor(bits: int) -> None:
    native, compared, wrong = Native(bits), 0, []
    for case in cases(bits, *STRIDES[bits]):
        ours, length = handled(case), length_of(case)
        if ours.result == "BEYOND_LAST_ADDRESS":
            continue  # by design: see test_an_operand_beyond_the_last_offset_is_refused
        if length == 0:
            assert ours.result in ("#UD", "#GP"), case
            continue
        assert ours.result == "ok", case
        if not reachable(case, ours.after.accesses):
            continue
        theirs = native.run(case.same_code, length, case.before, case.bases)
        if comparable(ours.after, ours.mnemonic) != comparable(theirs, ours.mnemonic):
            wrong.append(f"{bits} {case.code.hex()} from {case.before}\n  {ours.after}\n  {theirs}")
        compared += 1
    assert not wrong, "\n".join(wrong[:5])
    assert compared >= LEAST[bits]


def test_a_wrong_result_is_noticed() -> None:
    case = next(case for case in cases(64, 1, 1) if case.code[:2] == b"\x88\x00")
    ours, theirs = handled(case), Native(64).run(case.same_code, 2, case.before, case.bases)
    assert ours.after == theirs
    assert len(theirs.accesses) == 1
    kind, address, size, value = theirs.accesses[0]
    for wrong in ((kind, address, size, value ^ 1), (kind, address + 1, size, value), (kind, address, 2, value)):
        assert comparable(ours.after, "mov") != comparable(theirs._replace(accesses=(wrong,)), "mov")
    assert comparable(ours.after, "mov") != comparable(theirs._replace(rflags=theirs.rflags ^ AF), "mov")
