"""What RMPUPDATE writes: the new entry, the rest of a 2 MiB region, the sub-page count, the per-ASID counters."""

from dataclasses import replace

from impl.machine import Machine
from impl.rmp.effective import effective, head_of, is_2m_page
from impl.rmp.layout import GFN_MASK, SUBPAGE_MASK, RmpEntry
from impl.rmp.permissions import full_mask
from impl.rmp.state_operand import StateOperand
from spec.vocabulary import PAGE_SHIFT, PAGES_PER_2M, PageSize


def assign(machine: Machine, pfn: int, new: StateOperand) -> None:
    """Write the entries of a request that passed all checks."""
    old = effective(machine.rmp, pfn)
    assert old is not None, "RMPUPDATE checks coverage before it writes"
    head = head_of(pfn)
    was_2m = is_2m_page(machine.rmp.load(head))
    _discharge(machine, pfn, new.size)
    entry = _new_entry(machine, old, new)
    if new.size == PageSize.SIZE_2M:
        rest = RmpEntry(assigned=new.assigned)
        machine.rmp.store_region(head, [entry] + [rest] * (PAGES_PER_2M - 1))
    elif was_2m:
        # The head shrinks to 4 KiB, and the hypervisor gets the other 511 pages back (knob K-2M-TO-4K).
        machine.rmp.store_region(head, [entry] + [RmpEntry()] * (PAGES_PER_2M - 1))
    else:
        machine.rmp.store(pfn, replace(entry, subpage_count=old.subpage_count))
        if pfn != head:
            _count_subpage(machine, head, entry.assigned - old.assigned)
    _charge(machine, entry.asid, _weight(machine, is_2m=new.size == PageSize.SIZE_2M))


def charge_split(machine: Machine, asid: int) -> None:
    """PSMASH makes 512 entries of one; the pages stay the same, so only a counter of entries moves (K-CNT-UNIT)."""
    if not machine.knobs.counter_in_4k:
        _charge(machine, asid, PAGES_PER_2M - 1)


def _new_entry(machine: Machine, old: RmpEntry, new: StateOperand) -> RmpEntry:
    """A page that keeps owner, guest address and size keeps Validated, VMSA and its masks; any other loses them."""
    knobs, configuration = machine.knobs, machine.configuration
    address_mask = (1 << configuration.physical_address_bits - PAGE_SHIFT) - 1
    gfn = new.gpa >> PAGE_SHIFT & GFN_MASK & address_mask
    if knobs.gpa0_for_asid0 and not new.asid:
        gfn = 0
    same = (old.assigned, old.asid, old.gfn, old.page_size) == (new.assigned, new.asid, gfn, new.size)
    if same and new.asid and knobs.same_operands_keep_state:
        kept = replace(old, subpage_count=0)
    else:
        full = full_mask(knobs.full_mask, vmpl_sss=configuration.features.vmpl_sss)
        kept = RmpEntry(perms=(full, 0, 0, 0))
    return replace(
        kept,
        assigned=new.assigned,
        asid=new.asid,
        gfn=gfn,
        immutable=new.immutable,
        page_size=new.size if new.assigned or not knobs.unassigned_is_4k else PageSize.SIZE_4K,
        lock=new.immutable and knobs.lock_follows_immutable,
    )


def _count_subpage(machine: Machine, head: int, change: int) -> None:
    """Keep the head's count of other assigned pages, also where the head itself is immutable."""
    if change:
        entry = machine.rmp.load(head)
        count = entry.subpage_count + change & SUBPAGE_MASK
        machine.rmp.store(head, replace(entry, subpage_count=count))


def _discharge(machine: Machine, pfn: int, size: PageSize) -> None:
    """Take the pages that the request covers off their owners' counters."""
    head = head_of(pfn)
    head_entry = machine.rmp.load(head)
    if is_2m_page(head_entry):
        _charge(machine, head_entry.asid, -_weight(machine, is_2m=True))
        return
    covered = machine.rmp.load_region(head) if size == PageSize.SIZE_2M else [machine.rmp.load(pfn)]
    for entry in covered:
        _charge(machine, entry.asid, -1)


def _weight(machine: Machine, *, is_2m: bool) -> int:
    """What a page adds to its owner's counter."""
    return PAGES_PER_2M if is_2m and machine.knobs.counter_in_4k else 1


def _charge(machine: Machine, asid: int, amount: int) -> None:
    if asid:
        machine.rmp.store_counter(asid, machine.rmp.load_counter(asid) + amount)
