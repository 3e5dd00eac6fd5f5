"""Guests, memories and hypervisors to handle a #VC with."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from impl.decode.decoder import decode
from impl.vc.access import Machine
from impl.vc.exits import CpuidReply
from impl.vc.handler import handle, handle_decoded
from impl.vc.memory import Place
from impl.vc.outcome import Fault, Outcome, Refusal, Refused, Vector
from impl.vc.vcpu import Vcpu

Seen = list[tuple[Any, ...]]


def nothing(_: int) -> bool:
    """No address."""
    return False


@dataclass
class Memory:
    """Pages by what they are; all of them MMIO but those named."""

    seen: Seen
    ordinary: Callable[[int], bool] = nothing
    unmapped: Callable[[int], bool] = nothing
    contents: dict[int, int] = field(default_factory=dict)
    """Bytes of ordinary memory; 0 where nothing was stored."""
    ports: Callable[[int], bool] = nothing

    def place(self, linear: int, size: int, cpl: int, *, write: bool) -> Place:
        for address in (linear, linear + size - 1):
            if self.unmapped(address):
                raise Fault(Vector.PF, error_code=2 * write + 4 * (cpl == 3), address=address)
        if self.ordinary(linear) != self.ordinary(linear + size - 1):
            raise Refused(Refusal.PAGE_CROSSING)
        return Place(linear, not self.ordinary(linear))

    def load(self, linear: int, size: int) -> int:
        value = sum(self.contents.get(linear + number, 0) << 8 * number for number in range(size))
        self.seen.append(("load", linear, size))
        return value

    def store(self, linear: int, size: int, value: int) -> None:
        self.seen.append(("store", linear, size, value))
        self.contents.update({linear + number: value >> 8 * number & 0xFF for number in range(size)})

    def port_allowed(self, port: int, size: int) -> bool:
        return all(self.ports(number) for number in range(port, port + size))


@dataclass
class Hypervisor:
    """Answers every question with `answer`, or raises it; remembers exactly what left the guest."""

    seen: Seen
    answer: Any = 0

    def asked(self, *question: Any) -> Any:
        self.seen.append(question)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def cpuid(self, leaf: int, subleaf: int, xcr0: int | None) -> CpuidReply:
        return CpuidReply(*[self.asked("cpuid", leaf, subleaf, xcr0)] * 4)

    def read_msr(self, msr: int) -> int:
        return int(self.asked("read_msr", msr))

    def write_msr(self, msr: int, value: int) -> None:
        self.asked("write_msr", msr, value)

    def read_tsc(self) -> int:
        return int(self.asked("read_tsc"))

    def read_tscp(self) -> tuple[int, int]:
        return (int(self.asked("read_tscp")), int(self.answer) >> 16)

    def read_counter(self, counter: int) -> int:
        return int(self.asked("read_counter", counter))

    def port_in(self, port: int, size: int) -> int:
        return int(self.asked("port_in", port, size))

    def port_out(self, port: int, size: int, value: int) -> None:
        self.asked("port_out", port, size, value)

    def mmio_read(self, address: int, size: int) -> int:
        return int(self.asked("mmio_read", address, size))

    def mmio_write(self, address: int, size: int, value: int) -> None:
        self.asked("mmio_write", address, size, value)

    def write_dr7(self, value: int) -> None:
        self.asked("write_dr7", value)

    def write_back_caches(self) -> None:
        self.asked("write_back_caches")

    def hypercall(self, rax: int, cpl: int) -> int:
        return int(self.asked("hypercall", rax, cpl))


NUMBERS = {name: number for number, name in enumerate("rax rcx rdx rbx rsp rbp rsi rdi".split())}


class Guest:
    """A guest at one instruction. Registers by name; those not given are poison, so that a leak shows."""

    def __init__(self, bits: int = 64, answer: Any = 0, cpl: int = 0, **registers: int) -> None:
        gpr = [0xA5A5_0000_0000_0000 | number << 40 for number in range(16)]
        for name, value in registers.items():
            gpr[NUMBERS[name] if name in NUMBERS else int(name[1:])] = value
        self.seen: Seen = []
        self.vcpu = Vcpu(bits=bits, rip=0x40_1000, gpr=gpr, cpl=cpl)
        self.memory = Memory(self.seen)
        self.hypervisor = Hypervisor(self.seen, answer)
        self.machine = Machine(self.vcpu, self.memory, self.hypervisor)
        self.before = self.state()

    def state(self) -> tuple[Any, ...]:
        """All that the handler may change."""
        vcpu = self.vcpu
        return vcpu.rip, tuple(vcpu.gpr), vcpu.rflags, vcpu.dr7

    def run(self, text: str, exit_code: int | None = None) -> Outcome:
        """Handle the instruction; by default for the exit that it raises."""
        self.before = self.state()
        return handle_decoded(self.machine, decode(bytes.fromhex(text), self.vcpu.bits), exit_code)

    def fetched(self, exit_code: int, text: str) -> Outcome:
        """The same from fetching on; the code ends at the end of its page."""
        code = bytes.fromhex(text)
        self.before = self.state()

        def fetch(address: int, size: int) -> bytes:
            start = address - self.vcpu.rip
            if start + size > len(code):
                raise Fault(Vector.PF, error_code=0x10, address=address)
            return code[start : start + size]

        return handle(self.machine, exit_code, fetch)

    def __getitem__(self, name: str) -> int:
        return self.vcpu.gpr[NUMBERS[name] if name in NUMBERS else int(name[1:])]

    @property
    def unchanged(self) -> bool:
        return self.state() == self.before
