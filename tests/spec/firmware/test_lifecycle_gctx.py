"""SNP_GCTX_CREATE and SNP_DECOMMISSION: the first and the last step of a guest."""

from spec.firmware.decommission import Decommission, decommission
from spec.firmware.gctx_create import GctxCreate, gctx_create
from spec.firmware.keys import KEY_MAX, fresh_keys_remain
from spec.firmware.state import EMPTY_CONTEXT, CcxAsid
from spec.maps import Map
from spec.record import replace
from spec.rmp.page_state import state_of
from spec.vocabulary import PageState, Status
from tests.spec.firmware.lifecycle import (
    BOUND,
    NEW_GUEST,
    RUNNING,
    WITHOUT_RESERVED,
    assert_every_check_has_a_case,
    slots,
    stage,
    with_context,
    with_firmware,
)
from tests.spec.firmware.pages import (
    ASID,
    CONTEXT_PAGE,
    FIRMWARE,
    LARGE,
    Case,
    assert_refused,
    at,
    cases,
    uncovered,
    with_entry,
    world,
)

PAGE = 0x600
DONATED = with_context(world({PAGE: replace(FIRMWARE, subpage_count=3)}), PAGE, RUNNING)
CREATE = GctxCreate(context=at(PAGE), in_dram=True)
END = Decommission(context=at(CONTEXT_PAGE))


def at_page(case):
    """A case of the context page, about the donated page."""
    return replace_address(case) if "context" in case.op else case


def replace_address(case):
    address = replace(case.op["context"], spa=(PAGE << 12) | (case.op["context"].spa & 0xFFF))
    return Case(case.check, case.result, {"context": address}, case.system, case.name)


CREATE_CASES = (
    *(at_page(case) for case in WITHOUT_RESERVED if case.check != "context"),
    Case("page-state", Status.INVALID_PAGE_STATE, system=lambda s: with_entry(s, PAGE, vmsa=True)),
    Case("page-state", Status.INVALID_PAGE_STATE, system=lambda s: uncovered(s, PAGE), name="uncovered"),
    Case("page-size", Status.INVALID_PAGE_SIZE, system=lambda s: with_entry(s, PAGE, **LARGE)),
    Case("in-dram", Status.INVALID_CONFIG, {"in_dram": False}),
)


@cases(*CREATE_CASES)
def test_gctx_create_refused_changes_nothing(case):
    assert_refused(gctx_create, DONATED, CREATE, case)


@cases(*WITHOUT_RESERVED)
def test_decommission_refused_changes_nothing(case):
    assert_refused(decommission, stage(RUNNING, CcxAsid.IN_USE), END, case)


def test_gctx_commands_have_no_other_checks():
    assert_every_check_has_a_case(gctx_create, CREATE_CASES, (Status.SUCCESS, "created"))
    assert_every_check_has_a_case(decommission, WITHOUT_RESERVED, (Status.SUCCESS, "decommissioned"))


def test_gctx_create_makes_an_empty_context_with_a_new_key():
    before = with_firmware(DONATED, next_key=20)
    outcome = gctx_create(before, CREATE)
    assert (outcome.result, outcome.check) == (Status.SUCCESS, "created")
    assert state_of(outcome.system.rmp, PAGE, covered=True) == PageState.CONTEXT
    assert outcome.system.rmp[PAGE].subpage_count == 3
    assert outcome.system.firmware.contexts[PAGE] == replace(EMPTY_CONTEXT, vek=20)
    assert outcome.system.firmware.next_key == 21


def test_gctx_create_key_counter_wraps_where_its_premise_ends():
    last = with_firmware(DONATED, next_key=KEY_MAX)
    assert not fresh_keys_remain(last)
    assert fresh_keys_remain(DONATED)
    assert gctx_create(last, CREATE).system.firmware.next_key == 0


def test_decommission_of_a_running_guest_leaves_its_asid_dirty_and_unrunnable():
    before = stage(RUNNING, CcxAsid.IN_USE)
    before = with_firmware(before, ccx_flushed=Map(True), asid_keys=before.firmware.asid_keys.set(ASID, 8))
    outcome = decommission(before, END)
    assert (outcome.result, outcome.check) == (Status.SUCCESS, "decommissioned")
    after = outcome.system
    assert state_of(after.rmp, CONTEXT_PAGE, covered=True) == PageState.FIRMWARE
    assert after.firmware.contexts[CONTEXT_PAGE] == EMPTY_CONTEXT
    assert slots(after) == [CcxAsid.DIRTY, CcxAsid.DIRTY]
    assert [after.firmware.ccx_flushed[ccx] for ccx in (0, 1)] == [False, False]
    assert not after.firmware.asid_runnable[ASID]
    assert after.firmware.asid_keys[ASID] == 8, "the key stays until another replaces it"


def test_decommission_of_a_guest_that_never_ran_leaves_its_asid_clean():
    before = with_firmware(stage(BOUND, CcxAsid.ALLOCATED), ccx_flushed=Map(True))
    after = decommission(before, END).system
    assert slots(after) == [CcxAsid.CLEAN, CcxAsid.CLEAN]
    assert after.firmware.ccx_flushed == before.firmware.ccx_flushed


def test_decommission_of_a_guest_without_asid_touches_no_asid():
    before = stage(NEW_GUEST)
    after = decommission(before, END).system
    assert after.firmware.ccx_asids == before.firmware.ccx_asids
    assert after.firmware.asid_runnable == before.firmware.asid_runnable
