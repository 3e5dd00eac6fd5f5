"""Unicorn, run until something happens that is not its business.

A hook looks at each instruction before it runs. The bytes that were found ordinary once are remembered; the hook
compares the bytes in memory, so code that changes is looked at anew.
"""

from enum import Enum, unique
from typing import Any, NamedTuple

import unicorn
from unicorn.unicorn_const import UC_CTL_IO_WRITE, UC_CTL_TLB_FLUSH, UC_TLB_VIRTUAL
from unicorn.x86_const import UC_CPU_X86_EPYC

from impl.completion import Completion
from impl.cpu import registers
from impl.cpu.page_cache import CacheFull, PageCache
from impl.cpu.translations import Translations
from impl.cpu.watched import is_ordinary
from impl.decode.decoder import decode
from impl.decode.undecodable import MAX_LENGTH, Undecodable
from impl.machine import Cpu, Machine
from impl.memory.engine import PAGE_BYTES
from impl.vc.vcpu import Vcpu
from spec.vocabulary import PAGE_SHIFT, AccessKind

NOWHERE = 1 << 62
"""An address at which no guest ends: Unicorn stops when the hooks say so."""
UNLIMITED = 1 << 62
IN_PAGE = PAGE_BYTES - 1
LAST_WHOLE = PAGE_BYTES - MAX_LENGTH
"""Up to this offset any instruction lies in one page."""
KINDS = {
    unicorn.UC_MEM_READ: AccessKind.READ,
    unicorn.UC_MEM_WRITE: AccessKind.WRITE,
    unicorn.UC_MEM_FETCH: AccessKind.FETCH,
}
RIGHTS = {
    AccessKind.READ: unicorn.UC_PROT_READ,
    AccessKind.WRITE: unicorn.UC_PROT_WRITE,
    AccessKind.FETCH: unicorn.UC_PROT_EXEC,
}


@unique
class Why(Enum):
    """Why Unicorn stopped."""

    WATCHED = "an instruction that Unicorn does not run"
    FAULT = "an access that does not complete"
    EXCEPTION = "an exception that Unicorn raises itself"
    UNKNOWN = "an instruction that Unicorn does not know"
    ENOUGH = "the guest has run as many instructions as it may"
    AGAIN = "no reason for the guest: it goes on"


class Stop(NamedTuple):
    """A stop; RIP is at the instruction, and nothing of it is done, but for whole elements of a string."""

    why: Why
    fault: Completion | None = None
    kind: AccessKind = AccessKind.FETCH
    page: int = 0
    """Linear address of the page that the access could not reach."""
    vector: int = 0


class Core:
    """One processor core in 64-bit mode. The registers of SSE stay in Unicorn, and no exit shows them."""

    def __init__(self, machine: Machine) -> None:
        self.translations = Translations(machine)
        self.cache = PageCache(machine.memory)
        self._cpu = Cpu()
        self._full = False
        self._stop = Stop(Why.AGAIN)
        self._ordinary: set[bytes] = set()
        """Bytes of instructions that Unicorn may run."""
        self._code: dict[int, int] = {}
        """Positions in the cache of the linear pages that are executed."""
        self.instructions_left = UNLIMITED
        """How many instructions the guest may still begin; each element of a repeated string counts."""
        self.breakpoints: set[int] = set()
        """Addresses at which the hypervisor interrupts the guest, before the instruction."""
        self._uc: Any = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_64)
        self._uc.ctl_set_cpu_model(UC_CPU_X86_EPYC)
        self._uc.ctl_set_tlb_mode(UC_TLB_VIRTUAL)
        self._uc.mem_map_ptr(0, self.cache.size, unicorn.UC_PROT_ALL, self.cache.address())
        self._absent = self.cache.size
        """A page for Unicorn's translator to read where the guest has none; no instruction of it ever runs."""
        self._uc.mem_map(self._absent, PAGE_BYTES)
        self._uc.hook_add(unicorn.UC_HOOK_TLB_FILL, self._filled)
        self._uc.hook_add(unicorn.UC_HOOK_CODE, self._look)
        self._uc.hook_add(unicorn.UC_HOOK_INTR, self._excepted)

    def run(self, cpu: Cpu, vcpu: Vcpu) -> Stop:
        """Run from the state of `vcpu` until something stops it."""
        self._cpu, self._stop, self._full = cpu, Stop(Why.AGAIN), False
        if not self.cache.refresh().isdisjoint(self._code.values()):
            self._uc.ctl_flush_tb()
        registers.load(self._uc, vcpu)
        try:
            self._uc.emu_start(vcpu.rip, NOWHERE)
        except unicorn.UcError as error:
            if error.errno == unicorn.UC_ERR_INSN_INVALID:
                self._stop = Stop(Why.UNKNOWN)
            elif error.errno != unicorn.UC_ERR_EXCEPTION:
                raise
        registers.save(self._uc, vcpu)
        self.cache.write_back()
        if self._full:
            self.flush()
        return self._stop

    def flush(self) -> None:
        """No translation holds any longer."""
        self.translations.flush()
        self.cache.drop()
        self._code.clear()
        self._uc.ctl(UC_CTL_TLB_FLUSH, UC_CTL_IO_WRITE)
        self._uc.ctl_flush_tb()

    def _look(self, _: Any, address: int, size: int, __: Any) -> None:
        """Before each instruction: let it run, or stop."""
        self.instructions_left -= 1
        position = self._code.get(address >> PAGE_SHIFT)
        offset = address & IN_PAGE
        if self.instructions_left < 0:
            self._stop = Stop(Why.ENOUGH)
            self._uc.emu_stop()
            return
        if position is not None and offset <= LAST_WHOLE and address not in self.breakpoints:
            start = position + offset
            code = self.cache.arena[start : start + size]
            if code in self._ordinary:
                return
            if self._may_run(code):
                self._ordinary.add(code)
                return
        elif address not in self.breakpoints and self._may_run(self._crossing(address)[:size]):
            return
        self._stop = Stop(Why.WATCHED)
        self._uc.emu_stop()

    def _may_run(self, code: bytes) -> bool:
        try:
            instruction = decode(code, 64)
        except Undecodable:
            return False
        return instruction.length == len(code) and is_ordinary(instruction)

    def _crossing(self, address: int) -> bytes:
        """The bytes at the end of a page and the beginning of the next; fewer, if the guest cannot fetch them."""
        code = b""
        for page in (address >> PAGE_SHIFT, (address >> PAGE_SHIFT) + 1):
            position = self._code.get(page)
            if position is None:
                break
            code += self.cache.arena[position : position + PAGE_BYTES]
        return code[address & IN_PAGE :][:MAX_LENGTH]

    def _filled(self, _: Any, linear: int, access: int, entry: Any, __: Any) -> bool:
        """Unicorn's TLB has no entry: the guest's and the machine's tables say what it is."""
        kind = KINDS[access]
        found = self.translations.find(self._cpu, linear, kind)
        if isinstance(found, Completion):
            if kind is AccessKind.FETCH:
                entry.paddr, entry.perms = self._absent, unicorn.UC_PROT_EXEC
                return True
            self._stop = Stop(Why.FAULT, found, kind, linear)
            return False
        try:
            line = self.cache.line(found.spa, found.asid)
        except CacheFull:
            self._full = True
            return False
        entry.paddr = line.position
        entry.perms = sum(right for kind, right in RIGHTS.items() if self.translations.held(linear, kind) == found)
        if kind is AccessKind.FETCH:
            self._code[linear >> PAGE_SHIFT] = line.position
        return True

    def _excepted(self, _: Any, vector: int, __: Any) -> None:
        self._stop = Stop(Why.EXCEPTION, vector=vector)
        self._uc.emu_stop()
