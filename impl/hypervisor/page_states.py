"""Page state changes, from the hypervisor's side. GHCB (56421), "SNP Page State Change"; APM Vol. 3, "RMPUPDATE".

The list is copied before it is read: the guest could change it meanwhile. How far the hypervisor came it writes back.
"""

from impl.hypervisor.ghcb_reply import Reply
from impl.hypervisor.ghcb_snapshot import Snapshot
from impl.machine import HOST, Machine
from impl.memory.paging import NestedFault, walk_nested
from impl.rmp.rmpupdate import rmpupdate
from impl.rmp.state_operand import StateOperand
from spec.ghcb.vocabulary.page import SHARED_BUFFER_END
from spec.ghcb.vocabulary.page_state import (
    ENTRY_GFN_MASK,
    ENTRY_GFN_SHIFT,
    ENTRY_OPERATION_MASK,
    ENTRY_OPERATION_SHIFT,
    ENTRY_RESERVED,
    ENTRY_SIZE,
    ENTRY_SIZE_SHIFT,
    HEADER_END_OFFSET,
    HEADER_RESERVED_OFFSET,
    HEADER_SIZE,
    MAX_ENTRIES,
    PageOperation,
    PageStateError,
)
from spec.vocabulary import PAGE_SHIFT, PAGES_PER_2M, Eax, PageSize

ASSIGNED = {PageOperation.PRIVATE: True, PageOperation.SHARED: False}
"""What the two real operations do; the other two are hints, and taken as done."""


class GuestPages:
    """The pages of one SNP guest, as its hypervisor gives and takes them."""

    def __init__(self, machine: Machine, asid: int, nested_cr3: int, operand: int) -> None:
        """`operand` is the SPA of a page for the operands of RMPUPDATE."""
        self._machine = machine
        self._asid = asid
        self._nested_cr3 = nested_cr3
        self._operand = operand

    def change(self, gpa: int, operation: int, size: PageSize = PageSize.SIZE_4K) -> bool:
        """Change one page; whether that was possible."""
        if operation not in ASSIGNED:
            return operation in tuple(PageOperation)
        where = walk_nested(self._machine.memory, self._nested_cr3, gpa)
        if isinstance(where, NestedFault):
            return False
        assigned = ASSIGNED[PageOperation(operation)]
        state = StateOperand(gpa if assigned else 0, assigned, size, False, self._asid if assigned else 0)
        self._machine.memory.write_raw(self._operand, state.pack())
        return rmpupdate(self._machine, HOST, where.spa, self._operand).result == Eax.SUCCESS

    def change_all(self, request: Snapshot) -> Reply:
        """A whole list."""
        start = request.scratch(HEADER_SIZE)
        buffer = request.page[start:SHARED_BUFFER_END]
        current, end = (int.from_bytes(buffer[offset : offset + 2], "little") for offset in (0, HEADER_END_OFFSET))
        last = min(MAX_ENTRIES, (len(buffer) - HEADER_SIZE) // ENTRY_SIZE) - 1
        if any(buffer[HEADER_RESERVED_OFFSET:HEADER_SIZE]) or end > last:
            return Reply(info2=PageStateError.INVALID_HEADER)
        error = PageStateError.NONE
        while current <= end and error == PageStateError.NONE:
            place = HEADER_SIZE + current * ENTRY_SIZE
            error = self._change_entry(int.from_bytes(buffer[place : place + ENTRY_SIZE], "little"))
            current += error == PageStateError.NONE
        return Reply(info2=error, scratch=(start, current.to_bytes(2, "little")))

    def _change_entry(self, entry: int) -> PageStateError:
        frame, operation = (
            entry >> ENTRY_GFN_SHIFT & ENTRY_GFN_MASK,
            entry >> ENTRY_OPERATION_SHIFT & ENTRY_OPERATION_MASK,
        )
        size = PageSize(entry >> ENTRY_SIZE_SHIFT & 1)
        misaligned = size is PageSize.SIZE_2M and frame % PAGES_PER_2M
        if entry & ENTRY_RESERVED or misaligned or operation not in tuple(PageOperation):
            return PageStateError.INVALID_ENTRY
        done = self.change(frame << PAGE_SHIFT, operation, size)
        return PageStateError.NONE if done else PageStateError.GENERIC
