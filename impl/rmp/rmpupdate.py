"""RMPUPDATE: the hypervisor changes a page's owner, guest address, size, or makes it immutable."""

from impl.completion import Completion, finished, page_fault
from impl.machine import Cpu, Machine
from impl.rmp.assignment import assign
from impl.rmp.effective import head_of, is_2m_page
from impl.rmp.locator import SegmentTableFault
from impl.rmp.operands import (
    BYTES_OF,
    contended,
    forget_translations,
    host_precheck,
    is_aligned,
    segment_table_fault,
    without_c_bit,
)
from impl.rmp.state_operand import OPERAND_BYTES, StateOperand
from spec.knobs import EntryCheckOrder
from spec.vocabulary import PAGE_SHIFT, PAGES_PER_2M, Eax, PageSize, PfError

IN_USE, IMMUTABLE, OVERLAP = "in-use", "immutable", "overlap"
_CODES = {IN_USE: Eax.FAIL_INUSE, IMMUTABLE: Eax.FAIL_PERMISSION, OVERLAP: Eax.FAIL_OVERLAP}
_ORDERS = {
    EntryCheckOrder.U_I_O: (IN_USE, IMMUTABLE, OVERLAP),
    EntryCheckOrder.U_O_I: (IN_USE, OVERLAP, IMMUTABLE),
    EntryCheckOrder.I_U_O: (IMMUTABLE, IN_USE, OVERLAP),
    EntryCheckOrder.I_O_U: (IMMUTABLE, OVERLAP, IN_USE),
    EntryCheckOrder.O_U_I: (OVERLAP, IN_USE, IMMUTABLE),
    EntryCheckOrder.O_I_U: (OVERLAP, IMMUTABLE, IN_USE),
}


def rmpupdate(machine: Machine, cpu: Cpu, rax: int, rcx: int) -> Completion:
    """APM Vol. 3, "RMPUPDATE". RAX is the SPA of the page, RCX points to the 16-byte new state.

    The host's virtual addresses are its physical ones.
    """
    stopped = host_precheck(machine, cpu)
    if stopped is not None:
        return stopped
    if not machine.memory.exists(rcx, OPERAND_BYTES):
        return page_fault(PfError(0), rcx, "operand-mapped")
    return rmpupdate_operand(machine, rax, machine.memory.read_raw(rcx, OPERAND_BYTES))


def rmpupdate_operand(machine: Machine, rax: int, operand: bytes) -> Completion:
    """The instruction from its operand bytes on, in the host."""
    new, spa = StateOperand.unpack(operand), without_c_bit(rax)
    try:
        failed = _operand_failure(machine, spa, new)
        if failed:
            return finished(Eax.FAIL_INPUT, failed, machine.knobs)
        pfn = spa >> PAGE_SHIFT
        failed = _entry_failure(machine, pfn, new.size)
        if failed:
            return finished(_CODES[failed], failed, machine.knobs)
        forgotten = PageSize.SIZE_2M if _shrinks(machine, pfn) else new.size
        assign(machine, pfn, new)
        forget_translations(machine, spa, BYTES_OF[forgotten])
    except SegmentTableFault:
        return segment_table_fault(spa)
    return finished(Eax.SUCCESS, "updated", machine.knobs)


def _operand_failure(machine: Machine, spa: int, new: StateOperand) -> str:
    knobs = machine.knobs
    if not is_aligned(spa, new.size):
        return "alignment"
    if not (machine.rmp.covers(spa >> PAGE_SHIFT) and machine.rmp.covers(spa + BYTES_OF[new.size] - 1 >> PAGE_SHIFT)):
        return "covered"
    if new.reserved or (new.region_status and knobs.region_status_bit_rejected):
        return "reserved-bits"
    if not new.asid_fits or (knobs.rmpupdate_asid_by_maximum and new.asid > machine.configuration.maximum_asid):
        return "asid-range"
    if not new.assigned and (new.immutable or new.asid):
        return "unassigned-is-plain"
    if new.assigned and not new.asid and not new.immutable and not knobs.host_may_reclaim:
        return "ownerless-is-immutable"
    # A 4 KiB page's low address bits are dropped, as hardware was seen to do; a 2 MiB page's must be zero.
    if new.size == PageSize.SIZE_2M and not is_aligned(new.gpa, new.size):
        return "guest-address-alignment"
    return ""


def _entry_failure(machine: Machine, pfn: int, size: PageSize) -> str:
    """The first test of the old entries that fails, in the order of knob K-RMPUPD-ORDER."""
    tests = {IN_USE: _in_use, IMMUTABLE: _immutable, OVERLAP: _overlap}
    for name in _ORDERS[EntryCheckOrder(machine.knobs.rmpupdate_order)]:
        if tests[name](machine, pfn, size):
            return name
    return ""


def _in_use(machine: Machine, pfn: int, size: PageSize) -> bool:
    head = head_of(pfn)
    if size == PageSize.SIZE_2M or _shrinks(machine, pfn):
        return contended(machine, range(head, head + PAGES_PER_2M))
    # The instruction locks the head's entry too, but VMRUN's hold on the head is no hold on this page.
    head_locked = machine.knobs.contention and head in machine.locked
    return head_locked or contended(machine, (pfn,))


def _immutable(machine: Machine, pfn: int, size: PageSize) -> bool:
    """A 2 MiB request covers 512 entries, any of which may be immutable (knob K-2M-IMM)."""
    head = head_of(pfn)
    if size == PageSize.SIZE_2M and machine.knobs.immutable_tests_all:
        return any(entry.immutable for entry in machine.rmp.load_region(head))
    head_entry = machine.rmp.load(head)
    return head_entry.immutable if is_2m_page(head_entry) else machine.rmp.load(pfn).immutable


def _overlap(machine: Machine, pfn: int, size: PageSize) -> bool:
    """4 KiB and 2 MiB pages may not overlap. APM Vol. 2, "Page Size Changes" (15.36.11)."""
    head = head_of(pfn)
    if machine.knobs.contention and head in machine.overlap_contended:
        return True
    head_entry = machine.rmp.load(head)
    if size == PageSize.SIZE_2M:
        return head_entry.page_size == PageSize.SIZE_4K and head_entry.subpage_count != 0
    if not is_2m_page(head_entry):
        return False
    return pfn != head or not machine.knobs.shrink_frees_region


def _shrinks(machine: Machine, pfn: int) -> bool:
    """Whether a 4 KiB request names the head of a 2 MiB page, so that it concerns the whole region."""
    allowed = machine.knobs.shrink_frees_region
    return allowed and pfn == head_of(pfn) and is_2m_page(machine.rmp.load(pfn))
