"""RMPUPDATE: the hypervisor assigns a page, takes it back, or makes it immutable."""

from spec.logic import all_of, any_in_range, any_of, ite, none_of
from spec.registry import Outcome, transition
from spec.rmp.authority import head_of, is_2m, page_of
from spec.rmp.cpu import host_instruction_refused
from spec.rmp.entry_check_order import ENTRY_RESULTS, first_in_order
from spec.rmp.entry_update import with_page, with_region, with_shrunk_page
from spec.rmp.rmpupdate_operand import RmpUpdate as RmpUpdate
from spec.rmp.rmpupdate_operand import updated_entry, wrong_operand
from spec.system.state import System
from spec.vocabulary import PAGES_PER_2M, Actor, Eax, Evidence, PageSize


@transition(actor=Actor.HYPERVISOR, manual='APM Vol. 3, "RMPUPDATE"; Vol. 2, 15.36.5 and 15.36.11')
def rmpupdate(system: System, op: RmpUpdate) -> Outcome:
    """On any failure the state is unchanged. On success the translations of the pages are gone from every TLB."""
    # 1. The instruction exists, is privileged, and is the host's.
    if (refused := host_instruction_refused(system, op.cpu)) is not None:
        return refused

    # 2. The operands.
    if cause := wrong_operand(system, op):
        return Outcome(Eax.FAIL_INPUT, cause, system, Evidence.AGREED)

    # 3. The entries that the page or the region has now, and the change.
    if op.page_size == PageSize.SIZE_2M:
        return region_update(system, op)
    return page_update(system, op)


def page_update(system: System, op: RmpUpdate) -> Outcome:
    """A 4 KiB request. APM Vol. 2, 15.36.11, for pages inside a 2 MiB page."""
    knobs = system.platform.knobs
    page = page_of(op.spa)
    head_page = head_of(page)
    old, head = system.rmp[page], system.rmp[head_page]
    in_large, is_head = is_2m(head), page == head_page
    shrinks = all_of(in_large, is_head, knobs.shrink_frees_region)

    # 1. No one holds the entry, it is mutable, and no 2 MiB page speaks for it. On the head of one the request shrinks
    #    that page instead, and takes the other 511 from their owner (knob K-2M-TO-4K).
    if cause := first_in_order(
        system.platform,
        in_use=any_of(
            any_in_range(page, ite(shrinks, PAGES_PER_2M, 1), lambda p: system.in_use[p]),
            all_of(op.contended, knobs.contention),
        ),
        immutable=any_of(old.immutable, all_of(in_large, head.immutable)),
        overlap=any_of(
            all_of(in_large, none_of(shrinks)),
            all_of(op.overlap_contended, knobs.contention),
        ),
    ):
        return Outcome(ENTRY_RESULTS[cause], cause, system, Evidence.OBSERVED)

    # 2. The page has its own entry; of a 2 MiB page that shrinks, the others become the hypervisor's.
    if in_large:
        changed = with_shrunk_page(system, page, old, updated_entry(system, op, old, 0))
    else:
        changed = with_page(system, page, old, updated_entry(system, op, old, old.subpage_count))
    return Outcome(Eax.SUCCESS, "page-updated", changed, Evidence.MANUAL)


def region_update(system: System, op: RmpUpdate) -> Outcome:
    """A 2 MiB request. APM Vol. 2, 15.36.11, for regions with assigned 4 KiB pages."""
    knobs = system.platform.knobs
    page = page_of(op.spa)
    old = system.rmp[page]

    # 1. No one holds an entry, all are mutable (knob K-2M-IMM: or only the head), and no 4 KiB page is in the way.
    tested = ite(knobs.immutable_tests_all, PAGES_PER_2M, 1)
    if cause := first_in_order(
        system.platform,
        in_use=any_of(
            any_in_range(page, PAGES_PER_2M, lambda p: system.in_use[p]), all_of(op.contended, knobs.contention)
        ),
        immutable=any_in_range(page, tested, lambda p: system.rmp[p].immutable),
        overlap=any_of(
            all_of(old.subpage_count != 0, none_of(is_2m(old))), all_of(op.overlap_contended, knobs.contention)
        ),
    ):
        return Outcome(ENTRY_RESULTS[cause], cause, system, Evidence.OBSERVED)

    # 2. The region has one entry.
    changed = with_region(system, page, old, updated_entry(system, op, old, 0))
    return Outcome(Eax.SUCCESS, "region-updated", changed, Evidence.MANUAL)
