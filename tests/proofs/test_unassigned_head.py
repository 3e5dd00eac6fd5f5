"""K-S-UNASSIGNED is needed: with its other answer two RMPUPDATEs let the host write an assigned page (RMP-I21)."""

from proofs.search import replayed
from proofs.unassigned_head import HEAD, empty_table, searched, written
from spec.knobs import DEFAULT_KNOBS
from spec.record import replace
from spec.rmp.access import access
from spec.rmp.page_state import page_state
from spec.vocabulary import Event, MappingSize, PageState

KEPT_SIZE = replace(DEFAULT_KNOBS, unassigned_is_4k=False)


def test_by_default_no_way_leads_to_a_host_write_of_an_assigned_page() -> None:
    found = searched(DEFAULT_KNOBS)
    assert (found.bad, found.trace) == (None, ())
    assert {("rmpupdate", "region-updated"), ("rmpupdate", "page-updated"), ("psmash", "split")} <= found.checks


def test_with_the_size_kept_two_steps_do() -> None:
    found = searched(KEPT_SIZE)
    assert [line.split()[2:-3] for line in found.text().splitlines()] == [
        ["rmpupdate", f"spa={HEAD << 12:#x}", "page_size=1"],
        ["rmpupdate", f"spa={HEAD + 1 << 12:#x}", f"gpa={HEAD + 1 << 12:#x}", "assigned", "asid=1"],
    ]
    last = replayed(empty_table(KEPT_SIZE), found.trace)
    assert page_state(last.rmp[HEAD + 1]) == PageState.GUEST_INVALID
    (write,) = written(last)
    assert write.translation.mapping_size == MappingSize.MAP_4K
    done = access(last, write)
    assert (done.result, done.check) == (Event.COMPLETES, "hypervisor-page")


def test_by_default_the_same_steps_leave_the_page_protected() -> None:
    last = replayed(empty_table(DEFAULT_KNOBS), searched(KEPT_SIZE).trace)
    assert written(last) == []
