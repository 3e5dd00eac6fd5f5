"""The lines of `sevspec vc`: an instruction with its registers, handled with the same answer to every question.

Every memory operand counts as MMIO but the ordinary side of a string instruction: both sides of MOVS, and the memory
of INS and OUTS. A device or port gives the low bytes of `reply`, ordinary memory those of `memory`. Registers that the
hypervisor answers directly are `reply` as well: EDX:EAX of RDMSR, RDTSC and RDPMC its 64 bits, EAX to EDX of CPUID
and TSC_AUX its low 32, RAX of VMMCALL all of it.
"""

import json
from typing import Any

from impl.decode.decoder import decode
from impl.decode.instruction import Instruction
from impl.decode.registers import GENERAL
from impl.decode.undecodable import Undecodable
from impl.vc.access import Machine
from impl.vc.exits import CpuidReply
from impl.vc.handler import handle_decoded, undecoded
from impl.vc.memory import Place
from impl.vc.outcome import Outcome
from impl.vc.vcpu import LOW_64, MASKS, RFLAGS_RESET, Vcpu
from sevspec.refused import Refused

NUMBERS = {register.name: register.number for register in GENERAL[8]}
ORDINARY = ("movs", "ins", "outs")
"""String instructions whose memory is ordinary on every side."""
FIELDS = frozenset("mode code rip regs rflags fs_base gs_base reply memory exitcode".split())


class Constant:
    """A hypervisor and a memory with one answer each, that remember what was accessed, in order."""

    def __init__(self, reply: int, memory: int, *, mmio: bool) -> None:
        self.reply = reply
        self.memory = memory
        self.mmio = mmio
        self.accesses: list[dict[str, Any]] = []

    def accessed(self, kind: str, address: int, size: int, value: int) -> int:
        """Remember an access."""
        self.accesses.append({"kind": kind, "address": hex(address), "size": size, "value": hex(value)})
        return value

    def place(self, linear: int, size: int, cpl: int, *, write: bool) -> Place:  # noqa: ARG002 -- every page is alike
        """At the linear address itself, all of it MMIO or none."""
        return Place(linear, self.mmio)

    def load(self, linear: int, size: int) -> int:
        return self.accessed("mem-read", linear, size, self.memory & MASKS[size])

    def store(self, linear: int, size: int, value: int) -> None:
        self.accessed("mem-write", linear, size, value)

    def port_allowed(self, port: int, size: int) -> bool:  # noqa: ARG002 -- every port is alike
        return True

    def mmio_read(self, address: int, size: int) -> int:
        return self.accessed("mmio-read", address, size, self.reply & MASKS[size])

    def mmio_write(self, address: int, size: int, value: int) -> None:
        self.accessed("mmio-write", address, size, value)

    def port_in(self, port: int, size: int) -> int:
        return self.accessed("port-in", port, size, self.reply & MASKS[size])

    def port_out(self, port: int, size: int, value: int) -> None:
        self.accessed("port-out", port, size, value)

    def cpuid(self, leaf: int, subleaf: int, xcr0: int | None) -> CpuidReply:  # noqa: ARG002 -- one answer
        return CpuidReply(self.reply, self.reply, self.reply, self.reply)

    def read_msr(self, msr: int) -> int:  # noqa: ARG002 -- one answer
        return self.reply

    def write_msr(self, msr: int, value: int) -> None:
        """No access that the output names."""

    def read_tsc(self) -> int:
        return self.reply

    def read_tscp(self) -> tuple[int, int]:
        return self.reply, self.reply

    def read_counter(self, counter: int) -> int:  # noqa: ARG002 -- one answer
        return self.reply

    def write_dr7(self, value: int) -> None:
        """No access that the output names."""

    def write_back_caches(self) -> None:
        """No access that the output names."""

    def hypercall(self, rax: int, cpl: int) -> int:  # noqa: ARG002 -- one answer
        return self.reply


def answer(line: str, where: str) -> dict[str, Any]:
    """The object of one line."""
    given = object_of(line, where)
    try:
        vcpu, code, exit_code = vcpu_of(given), bytes.fromhex(given["code"]), number_of(given, "exitcode", None)
        reply, memory = number_of(given, "reply", 0), number_of(given, "memory", 0)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Refused(f"{where}: {type(error).__name__}: {error}") from None
    constant = Constant(reply or 0, memory or 0, mmio=True)
    try:
        instruction = decode(code, vcpu.bits)
    except Undecodable as undecodable:
        return document(undecoded(undecodable), vcpu, constant)
    constant.mmio = not memory_is_ordinary(instruction)
    return document(handle_decoded(Machine(vcpu, constant, constant), instruction, exit_code), vcpu, constant)


def memory_is_ordinary(instruction: Instruction) -> bool:
    """Whether it is a string instruction without MMIO."""
    return bool(instruction.form.implicit) and instruction.mnemonic.startswith(ORDINARY)


def object_of(line: str, where: str) -> dict[str, Any]:
    """The JSON object of a line."""
    try:
        given = json.loads(line)
    except ValueError as error:
        raise Refused(f"{where}: not JSON: {error}") from None
    if not isinstance(given, dict):
        raise Refused(f"{where}: not an object")
    if unknown := given.keys() - FIELDS:
        raise Refused(f"{where}: no field {sorted(unknown)[0]}")
    return given


def number_of(given: dict[str, Any], name: str, default: int | None) -> int | None:
    """A number in hexadecimal, of 64 bits."""
    if name not in given:
        return default
    return number(given[name])


def number(text: str) -> int:
    """A number in hexadecimal, of 64 bits."""
    value = int(text, 16)
    if not 0 <= value <= LOW_64:
        raise ValueError(f"{text} has more than 64 bits")
    return value


def vcpu_of(given: dict[str, Any]) -> Vcpu:
    """The registers of a line; what is not given is 0."""
    bits = given.get("mode", 64)
    if bits not in (16, 32, 64):
        raise ValueError(f"mode {bits!r} is none of 16, 32, 64")
    gpr = [0] * 16
    for name, text in given.get("regs", {}).items():
        gpr[NUMBERS[name]] = number(text)
    vcpu = Vcpu(bits=bits, rip=number(given.get("rip", "0")), gpr=gpr)
    vcpu.rflags = number_of(given, "rflags", RFLAGS_RESET) or 0
    vcpu.segment_bases["fs"] = number_of(given, "fs_base", 0) or 0
    vcpu.segment_bases["gs"] = number_of(given, "gs_base", 0) or 0
    return vcpu


def document(outcome: Outcome, vcpu: Vcpu, constant: Constant) -> dict[str, Any]:
    """The result with the registers and the accesses; `says` explains a refusal, or bytes that are no instruction."""
    found = {
        "result": outcome.name,
        "rip": hex(vcpu.rip),
        "regs": {name: hex(vcpu.gpr[number]) for name, number in NUMBERS.items()},
        "rflags": hex(vcpu.rflags),
        "accesses": constant.accesses,
    }
    if outcome.refusal is not None:
        found["says"] = outcome.refusal.value
    elif outcome.fault is not None and outcome.fault.reason is not None:
        found["says"] = outcome.fault.reason.value
    return found
