"""The reference: bare Unicorn with the devices attached, and no machine, no exits, no #VC handler.

The device's pages are ordinary memory into which the device's answer is put before the instruction reads it, and out of
which its registers are written after the instruction wrote them. Instructions that only a hypervisor knows are done by
a table of their own, from the manual.
"""

import ctypes
import mmap
from typing import Any, NamedTuple

import unicorn
from unicorn import x86_const

from impl.guest import layout
from impl.guest.flat_image import pages_of
from impl.hypervisor.emulated import Emulated
from tests.impl.guest.programs import DEVICE, PAGE, Step

NAMES = ["RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI", *(f"R{number}" for number in range(8, 16))]
REGISTERS = [getattr(x86_const, f"UC_X86_REG_{name}") for name in NAMES]
RIP, RFLAGS = x86_const.UC_X86_REG_RIP, x86_const.UC_X86_REG_RFLAGS
LOW_32 = 0xFFFF_FFFF
AREAS = (layout.IMAGE, layout.STACK, layout.DATA, layout.SHARED, layout.BLOCK_DEVICE)
"""In the order in which they are mapped. Unicorn 2.1.4 calls no more hooks of accesses once a store that is not aligned
is the first to a page that it takes for one of the code, and in other orders it takes pages of data for that."""
PLACES = {area: sum(before.pages for before in AREAS[:number]) * PAGE for number, area in enumerate(AREAS)}
"""Where each area lies in the memory of this process."""


class Machine(NamedTuple):
    """Where a program ended, and everything that can be seen then."""

    why: str
    gpr: tuple[int, ...]
    rip: int
    rflags: int
    memory: bytes
    traffic: tuple[Any, ...]
    platform: tuple[Any, ...]


def platform_of(emulated: Emulated) -> tuple[Any, ...]:
    """The state of the devices."""
    block = emulated.block
    return bytes(emulated.serial.sent), bytes(block.medium), block.sector, emulated.msrs, emulated.calls, emulated.dr7


class Bare:
    """One processor with memory and devices."""

    def __init__(self) -> None:
        self.uc: Any = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_64)
        self.uc.ctl_set_cpu_model(x86_const.UC_CPU_X86_EPYC)
        self.memory = mmap.mmap(-1, sum(area.pages for area in AREAS) * PAGE)
        where = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        for area in AREAS:
            self.uc.mem_map_ptr(area.gpa, area.pages * PAGE, unicorn.UC_PROT_ALL, where + PLACES[area])
        for linear, gpa in zip(pages_of(layout.DATA), reversed(pages_of(layout.DATA)), strict=True):
            place = where + PLACES[layout.DATA] + gpa - layout.DATA.gpa
            self.uc.mem_map_ptr(linear + layout.SPLIT_WINDOW, PAGE, unicorn.UC_PROT_ALL, place)
        self.uc.hook_add(unicorn.UC_HOOK_MEM_READ, self._read)
        self.uc.hook_add(unicorn.UC_HOOK_MEM_WRITE, self._written)
        self.uc.hook_add(unicorn.UC_HOOK_INSN, self._in, None, 1, 0, x86_const.UC_X86_INS_IN)
        self.uc.hook_add(unicorn.UC_HOOK_INSN, self._out, None, 1, 0, x86_const.UC_X86_INS_OUT)
        self.uc.hook_add(unicorn.UC_HOOK_CODE, self._code)

    def run(self, program: bytes, steps: dict[int, Step], until: int | None = None) -> Machine:
        """Run a program whose instructions of interest stand at the keys of `steps`."""
        uc, self.emulated = self.uc, Emulated()
        self._steps, self._pending, self._why, self._until = steps, None, "", until
        self.memory[:] = bytes(len(self.memory))
        start = PLACES[layout.IMAGE]
        self.memory[start : start + len(program)] = program
        for register in REGISTERS:
            uc.reg_write(register, 0)
        uc.reg_write(x86_const.UC_X86_REG_RSP, layout.STACK.end)
        uc.reg_write(RFLAGS, 2)
        uc.ctl_flush_tb()
        uc.emu_start(layout.IMAGE.gpa, 0)
        self._deliver()
        compared = (layout.STACK, layout.DATA, layout.SHARED)
        return Machine(
            self._why,
            tuple(uc.reg_read(register) for register in REGISTERS),
            uc.reg_read(RIP),
            uc.reg_read(RFLAGS),
            b"".join(self.memory[PLACES[area] : PLACES[area] + area.pages * PAGE] for area in compared),
            tuple(self.emulated.traffic),
            platform_of(self.emulated),
        )

    # --- the device in memory space ---

    def _read(self, uc: Any, _: int, address: int, size: int, __: int, ___: Any) -> None:
        self._deliver()
        if not DEVICE.has(address):
            return
        uc.mem_write(address, self.emulated.mmio_read(address, size).to_bytes(size, "little"))

    def _written(self, _: Any, __: int, address: int, size: int, ___: int, ____: Any) -> None:
        self._deliver()
        self._pending = (address, size) if DEVICE.has(address) else None

    def _deliver(self) -> None:
        """What the instruction has stored goes to the device: MOVBE has turned it round only in memory."""
        if self._pending is not None:
            address, size = self._pending
            self._pending = None
            self.emulated.mmio_write(address, size, int.from_bytes(self.uc.mem_read(address, size), "little"))

    # --- ports ---

    def _in(self, _: Any, port: int, size: int, __: Any) -> int:
        """Unicorn's INS stores a zero before it reads the port, to see whether it may: no device sees that."""
        self._pending = None
        return self.emulated.port_in(port, size)

    def _out(self, _: Any, port: int, size: int, value: int, __: Any) -> None:
        self._deliver()
        self.emulated.port_out(port, size, value & (1 << 8 * size) - 1)

    # --- what a hypervisor would do ---

    def _code(self, uc: Any, address: int, _: int, __: Any) -> None:
        self._deliver()
        step = self._steps.get(address)
        if address == self._until:
            self._why = "until"
        elif bytes(uc.mem_read(address, 1)) == b"\xf4":
            self._why = "HLT"
            uc.reg_write(RIP, address + 1)
        elif step is not None and step.name == "gp":
            self._why = "#GP"
        elif step is not None and (work := getattr(self, f"_{step.name}", None)):
            work(step.code)
            uc.reg_write(RIP, address + len(step.code))
            return
        else:
            return
        uc.emu_stop()

    def _edx_eax(self, value: int) -> None:
        self.uc.reg_write(REGISTERS[0], value & LOW_32)
        self.uc.reg_write(REGISTERS[2], value >> 32)

    def _low(self, number: int) -> int:
        return int(self.uc.reg_read(REGISTERS[number])) & LOW_32

    def _cpuid(self, _: bytes) -> None:
        reply = self.emulated.cpuid(self._low(0), self._low(1), None)
        for number, value in zip((0, 3, 1, 2), reply, strict=True):
            self.uc.reg_write(REGISTERS[number], value)

    def _rdtsc(self, _: bytes) -> None:
        self._edx_eax(self.emulated.read_tsc())

    def _rdtscp(self, _: bytes) -> None:
        counter, auxiliary = self.emulated.read_tscp()
        self._edx_eax(counter)
        self.uc.reg_write(REGISTERS[1], auxiliary)

    def _rdpmc(self, _: bytes) -> None:
        self._edx_eax(self.emulated.read_counter(self._low(1)))

    def _rdmsr(self, _: bytes) -> None:
        self._edx_eax(self.emulated.read_msr(self._low(1)))

    def _wrmsr(self, _: bytes) -> None:
        self.emulated.write_msr(self._low(1), self._low(2) << 32 | self._low(0))

    def _vmmcall(self, _: bytes) -> None:
        rax = self.uc.reg_read(REGISTERS[0])
        self.uc.reg_write(REGISTERS[0], self.emulated.hypercall(rax, 0))

    def _dr7(self, code: bytes) -> None:
        """APM Vol. 2, 13.1.1: bit 10 reads as one, bits 15:14, 12 and 11 as zero."""
        register = REGISTERS[code[-1] & 7 | (code[0] & 1) << 3 if code[0] & 0xF0 == 0x40 else code[-1] & 7]
        if code[-2] == 0x23:
            self.emulated.write_dr7(self.uc.reg_read(register) & ~0xD800 | 0x400)
        else:
            self.uc.reg_write(register, self.emulated.dr7)

    def _wbinvd(self, _: bytes) -> None:
        pass

    _wbnoinvd = _monitor = _mwait = _wbinvd
