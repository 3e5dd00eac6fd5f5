"""PSMASH: the hypervisor splits a 2 MiB page into 512 pages of 4 KiB that keep everything else."""

from dataclasses import replace

from impl.completion import Completion, finished
from impl.machine import Cpu, Machine
from impl.rmp.assignment import charge_split
from impl.rmp.effective import is_2m_page
from impl.rmp.layout import GFN_MASK, RmpEntry
from impl.rmp.locator import SegmentTableFault
from impl.rmp.operands import (
    BYTES_OF,
    forget_translations,
    host_precheck,
    is_aligned,
    locked,
    segment_table_fault,
    without_c_bit,
)
from spec.knobs import PsmashGuard
from spec.vocabulary import PAGE_SHIFT, PAGES_PER_2M, Eax, PageSize

_GUARD_CODES = {
    PsmashGuard.NOT_SPLITTABLE: Eax.FAIL_NOT_SPLITTABLE,
    PsmashGuard.FAIL_PERMISSION: Eax.FAIL_PERMISSION,
    PsmashGuard.FAIL_INPUT: Eax.FAIL_INPUT,
}


def psmash(machine: Machine, cpu: Cpu, rax: int) -> Completion:
    """APM Vol. 3, "PSMASH"; Vol. 2, "Page Size Changes" (15.36.11). RAX is the SPA of the 2 MiB page."""
    return host_precheck(machine, cpu) or psmash_operand(machine, rax)


def psmash_operand(machine: Machine, rax: int) -> Completion:
    """The instruction from its operand on, in the host."""
    spa = without_c_bit(rax)
    try:
        code, check = _split(machine, spa)
    except SegmentTableFault:
        return segment_table_fault(spa)
    return finished(code, check, machine.knobs)


def _split(machine: Machine, spa: int) -> tuple[Eax, str]:
    head = spa >> PAGE_SHIFT
    if not is_aligned(spa, PageSize.SIZE_2M):
        return Eax.FAIL_INPUT, "alignment"
    if not machine.rmp.covers(head):
        return Eax.FAIL_INPUT, "covered"
    # VMRUN's hold on a page is no hold on its entry: what the page is does not change.
    if locked(machine, range(head, head + PAGES_PER_2M)):
        return Eax.FAIL_INUSE, "in-use"
    old = machine.rmp.load(head)
    if not is_2m_page(old):
        return Eax.FAIL_NOT_SPLITTABLE, "is-2m"
    guard = PsmashGuard(machine.knobs.psmash_guard)
    if (old.immutable or not old.asid) and guard != PsmashGuard.ACCEPTED:
        return _GUARD_CODES[guard], "mutable-and-owned"
    machine.rmp.store_region(head, [_part(old, index) for index in range(PAGES_PER_2M)])
    if old.asid:
        charge_split(machine, old.asid)
    forget_translations(machine, spa, BYTES_OF[PageSize.SIZE_2M])
    return Eax.SUCCESS, "split"


def _part(old: RmpEntry, index: int) -> RmpEntry:
    """One of the 512 entries; the first counts the others, which are all assigned."""
    return replace(
        old,
        page_size=PageSize.SIZE_4K,
        gfn=old.gfn + (index if old.asid else 0) & GFN_MASK,
        subpage_count=PAGES_PER_2M - 1 if index == 0 else 0,
    )
