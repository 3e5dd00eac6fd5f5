"""What the RMP instructions share: checks before any RMP work, address operands, contention."""

from collections.abc import Iterable

from impl.completion import Completion, finished, page_fault
from impl.machine import Cpu, Machine
from impl.memory.engine import HOST_ASID, PAGE_BYTES
from impl.memory.paging import C_BIT
from spec.knobs import HostInstruction
from spec.vocabulary import PAGES_PER_2M, Eax, Event, PageSize, PfError

BYTES_OF = {PageSize.SIZE_4K: PAGE_BYTES, PageSize.SIZE_2M: PAGE_BYTES * PAGES_PER_2M}


def is_aligned(address: int, size: PageSize) -> bool:
    """Whether the address is a multiple of the page size."""
    return address % BYTES_OF[size] == 0


def without_c_bit(address: int) -> int:
    """A system-physical operand; the C-bit is no part of the address that finds an RMP entry."""
    return address & ~C_BIT


def host_precheck(machine: Machine, cpu: Cpu) -> Completion | None:
    """What stops a host instruction before its operands are looked at (APM Vol. 3; knob K-HOSTINSN in a guest)."""
    if not machine.snp_enabled or not cpu.mode_64bit:
        return Completion(Event.UD, "snp-enabled")
    if cpu.cpl != 0:
        return Completion(Event.GP, "cpl")
    if cpu.asid == HOST_ASID:
        return None
    choice = machine.knobs.host_instruction
    if choice == HostInstruction.UD:
        return Completion(Event.UD, "host-only")
    if choice == HostInstruction.VMEXIT:
        return Completion(Event.VMEXIT, "host-only")
    return finished(Eax.FAIL_PERMISSION, "host-only", machine.knobs)


def guest_precheck(machine: Machine, cpu: Cpu) -> Completion | None:
    """What stops a guest instruction before its operands are looked at (APM Vol. 3)."""
    if not machine.snp_enabled or not cpu.snp_active or cpu.asid == HOST_ASID:
        return Completion(Event.UD, "snp-active")
    if cpu.cpl != 0:
        return Completion(Event.GP, "cpl")
    return None


def contended(machine: Machine, pages: Iterable[int]) -> bool:
    """Whether VMRUN holds one of the pages, or another processor its entry (knob K-OVERLAP-SPUR)."""
    wanted = tuple(pages)
    return not machine.in_use.isdisjoint(wanted) or locked(machine, wanted)


def locked(machine: Machine, pages: Iterable[int]) -> bool:
    """Whether another processor holds the entry of one of the pages (knob K-OVERLAP-SPUR)."""
    return machine.knobs.contention and not machine.locked.isdisjoint(pages)


def forget_translations(machine: Machine, spa: int, length: int) -> None:
    """RMPUPDATE and PSMASH end the translations that any core has cached of the pages (APM Vol. 2, 15.36.15)."""
    if machine.configuration.protections.translations_tracked:
        machine.tlb.drop_memory(spa, spa + length - 1)


def segment_table_fault(spa: int) -> Completion:
    """A host instruction met a reserved bit in the segment table. APM Vol. 2, "Segmented RMP" (15.36.22)."""
    return page_fault(PfError.P | PfError.RSV | PfError.RMP, spa, "segment-table-reserved")
