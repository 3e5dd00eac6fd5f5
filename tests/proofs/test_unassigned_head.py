"""K-S-UNASSIGNED is needed: with its other answer two RMPUPDATEs open an assigned page to the writes of others."""

import pytest

from proofs.search import replayed
from proofs.unassigned_head import HEAD, STATEMENTS, empty_table, searched, written
from spec.knobs import DEFAULT_KNOBS
from spec.record import replace
from spec.rmp.access import access
from spec.rmp.page_state import page_state
from spec.vocabulary import Event, MappingSize, PageState

KEPT_SIZE = replace(DEFAULT_KNOBS, unassigned_is_4k=False)


EACH = pytest.mark.parametrize("statement", STATEMENTS, ids=lambda statement: statement.__name__)


@EACH
def test_by_default_no_way_leads_to_a_write_of_an_assigned_page(statement) -> None:
    found = searched(DEFAULT_KNOBS, statement)
    assert (found.bad, found.trace) == (None, ())
    assert {("rmpupdate", "region-updated"), ("rmpupdate", "page-updated"), ("psmash", "split")} <= found.checks


@EACH
def test_with_the_size_kept_two_steps_do(statement) -> None:
    found = searched(KEPT_SIZE, statement)
    assert [line.split()[2:-3] for line in found.text().splitlines()] == [
        ["rmpupdate", f"spa={HEAD << 12:#x}", "page_size=1"],
        ["rmpupdate", f"spa={HEAD + 1 << 12:#x}", f"gpa={HEAD + 1 << 12:#x}", "assigned", "asid=1"],
    ]
    last = replayed(empty_table(KEPT_SIZE), found.trace)
    assert page_state(last.rmp[HEAD + 1]) == PageState.GUEST_INVALID
    (write,) = written(last, statement)
    assert write.translation.mapping_size == MappingSize.MAP_4K
    done = access(last, write)
    assert (done.result, done.check) == (Event.COMPLETES, "hypervisor-page")


@EACH
def test_by_default_the_same_steps_leave_the_page_protected(statement) -> None:
    last = replayed(empty_table(DEFAULT_KNOBS), searched(KEPT_SIZE, statement).trace)
    assert written(last, statement) == []
