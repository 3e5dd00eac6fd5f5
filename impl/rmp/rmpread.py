"""RMPREAD: the hypervisor reads the architectural fields of an entry."""

from impl.completion import Completion, finished, page_fault
from impl.machine import Cpu, Machine
from impl.rmp.access import check_access
from impl.rmp.effective import head_of, is_2m_page
from impl.rmp.faults import Access
from impl.rmp.locator import SegmentTableFault
from impl.rmp.operands import host_precheck, is_aligned, segment_table_fault, without_c_bit
from impl.rmp.state_operand import OPERAND_BYTES, StateOperand
from spec.vocabulary import PAGE_SHIFT, AccessKind, Agent, Eax, Event, PageSize, PfError


def rmpread(machine: Machine, cpu: Cpu, rax: int, rcx: int) -> Completion:
    """APM Vol. 3, "RMPREAD". RAX is the SPA of a page, RCX points to a 16-byte buffer.

    It tells owner, address, size and Immutable, not Validated, VMSA or the masks. The entry is the page's own, also
    inside a 2 MiB page. The region status, whose meaning is not documented, tells that another page of the region is
    assigned.
    """
    if not machine.configuration.features.rmpread:
        return Completion(Event.UD, "feature")
    stopped = host_precheck(machine, cpu)
    if stopped is not None:
        return stopped
    spa = without_c_bit(rax)
    try:
        if not is_aligned(spa, PageSize.SIZE_4K) or not machine.rmp.covers(spa >> PAGE_SHIFT):
            return finished(Eax.FAIL_INPUT, "covered", machine.knobs)
        entry, head = machine.rmp.load(spa >> PAGE_SHIFT), machine.rmp.load(head_of(spa >> PAGE_SHIFT))
    except SegmentTableFault:
        return segment_table_fault(spa)
    if not machine.memory.exists(rcx, OPERAND_BYTES):
        return page_fault(PfError.W, rcx, "operand-mapped")
    # The buffer is written as the host writes any memory; it may cross into a second page.
    for end in (rcx, rcx + OPERAND_BYTES - 1):
        stored = check_access(machine, cpu, Access(Agent.HOST, AccessKind.WRITE, end, address=end))
        if stored.result != Event.COMPLETES:
            return stored
    shared = is_2m_page(head) or head.subpage_count > 0
    state = StateOperand(entry.gfn << PAGE_SHIFT, entry.assigned, entry.page_size, entry.immutable, entry.asid, shared)
    machine.memory.write_raw(rcx, state.pack())
    return finished(Eax.SUCCESS, "read", machine.knobs)
