"""Lives of guests: the guest state machine, the states of an ASID, and what decommissioning leaves behind."""

from typing import Any

import pytest

from spec.firmware.activate import activate
from spec.firmware.decommission import Decommission, decommission
from spec.firmware.df_flush import DfFlush, Wbinvd, df_flush, wbinvd
from spec.firmware.gctx_create import GctxCreate, gctx_create
from spec.firmware.init import SnpInit, snp_init
from spec.firmware.initial_table import MemoryUse, initial_table
from spec.firmware.launch_finish import LaunchFinish, launch_finish
from spec.firmware.launch_start import launch_start
from spec.firmware.shutdown import SnpShutdown, snp_shutdown
from spec.firmware.state import BOOTED, CcxAsid
from spec.record import replace
from spec.rmp.cpu import HOST_CPU
from spec.rmp.page_state import page_state, state_of
from spec.rmp.rmpupdate import RmpUpdate, rmpupdate
from spec.vocabulary import Eax, GuestState, PageSize, PageState, Status
from tests.spec.firmware.lifecycle import ACTIVATE, BOUND, LAUNCHING, NEW_GUEST, RUNNING, START, slots, stage
from tests.spec.firmware.pages import ASID, CONTEXT_PAGE, GFN, GUEST_VALID, at, guest, world
from tests.spec.firmware.test_lifecycle_init import ALL_DRAM, SAFE
from tests.spec.firmware.test_lifecycle_launch_finish import ID

PAGE = 0x600
OTHER_CONTEXT = 0x41
CREATE = GctxCreate(context=at(CONTEXT_PAGE), in_dram=True)
FINISH = LaunchFinish(
    context=at(CONTEXT_PAGE),
    id_block_enabled=False,
    author_key_enabled=False,
    vcek_disabled=False,
    host_data=0,
    reserved=False,
    id_block=ID,
)
END = Decommission(context=at(CONTEXT_PAGE))
STEPS: dict[str, Any] = {
    "launch_start": (launch_start, START),
    "activate": (activate, ACTIVATE),
    "launch_finish": (launch_finish, FINISH),
    "decommission": (decommission, END),
}


def booted():
    memory = ALL_DRAM.set_range(0x1000, 0x100, lambda _: MemoryUse.RMP)
    system = replace(world({}), firmware=BOOTED, rmp=initial_table(memory))
    outcome = snp_init(system, SnpInit(machine=SAFE, memory=memory, table=initial_table(memory)))
    assert outcome.check == "initialised"
    return outcome.system


def update(system, page, **changes):
    op = RmpUpdate(
        cpu=HOST_CPU,
        spa=page << 12,
        gpa=0,
        assigned=False,
        page_size=PageSize.SIZE_4K,
        region_status=False,
        immutable=False,
        reserved=False,
        asid=0,
        contended=False,
        overlap_contended=False,
    )
    outcome = rmpupdate(system, replace(op, **changes))
    assert outcome.result == Eax.SUCCESS
    return outcome.system


def donated(system, page=CONTEXT_PAGE):
    return update(system, page, assigned=True, immutable=True)


def flushed(system):
    for ccx in range(system.firmware.ccx_count):
        system = wbinvd(system, Wbinvd(ccx=ccx)).system
    outcome = df_flush(system, DfFlush())
    assert outcome.check == "flushed"
    return outcome.system


def run(system, *names):
    for name in names:
        transition, op = STEPS[name]
        outcome = transition(system, op)
        assert outcome.result == Status.SUCCESS, (name, outcome.check)
        system = outcome.system
    return system


def created():
    outcome = gctx_create(donated(flushed(booted())), CREATE)
    assert outcome.check == "created"
    return outcome.system


def test_guest_goes_from_init_through_launch_to_running_and_is_gone():
    system = created()
    assert guest(system).state == GuestState.INIT
    system = run(system, "launch_start")
    assert guest(system).state == GuestState.LAUNCH
    system = run(system, "activate")
    assert not system.firmware.asid_runnable[ASID], "pending until the launch is finished"
    system = run(system, "launch_finish")
    assert guest(system).state == GuestState.RUNNING
    assert system.firmware.asid_runnable[ASID]
    system = run(system, "decommission")
    assert page_state(system.rmp[CONTEXT_PAGE]) == PageState.FIRMWARE


@pytest.mark.parametrize(
    ("name", "accepted"),
    [
        ("launch_start", {"INIT"}),
        ("activate", {"LAUNCH", "RUNNING"}),
        ("launch_finish", {"LAUNCH"}),
        ("decommission", {"INIT", "LAUNCH", "RUNNING"}),
    ],
)
def test_command_is_accepted_in_its_guest_states_only(name, accepted):
    transition, op = STEPS[name]
    for state, context in (("INIT", NEW_GUEST), ("LAUNCH", LAUNCHING), ("RUNNING", RUNNING)):
        needs_asid = name == "launch_finish"
        context = replace(BOUND if needs_asid else context, state=GuestState[state])
        context = replace(context, asid=0) if name == "activate" else context
        outcome = transition(stage(context), op)
        expected = Status.SUCCESS if state in accepted else Status.INVALID_GUEST_STATE
        assert outcome.result == expected, state


def test_asid_goes_from_dirty_through_clean_allocated_and_in_use_to_dirty():
    before = booted()
    assert set(slots(before)) == {CcxAsid.DIRTY}
    system = created()
    assert set(slots(system)) == {CcxAsid.CLEAN}
    system = run(system, "launch_start", "activate")
    assert set(slots(system)) == {CcxAsid.ALLOCATED}
    system = run(system, "launch_finish")
    assert set(slots(system)) == {CcxAsid.IN_USE}
    system = run(system, "decommission")
    assert set(slots(system)) == {CcxAsid.DIRTY}


def test_asid_cannot_be_used_before_the_first_flush_nor_between_two_guests():
    system = gctx_create(donated(booted()), CREATE).system
    system = run(system, "launch_start")
    assert activate(system, ACTIVATE).check == "asid-dirty"
    system = run(flushed(system), "activate", "launch_finish", "decommission")
    system = run(gctx_create(system, CREATE).system, "launch_start")
    outcome = activate(system, ACTIVATE)
    assert (outcome.result, outcome.check) == (Status.DF_FLUSH_REQUIRED, "asid-dirty")
    assert df_flush(system, DfFlush()).result == Status.WBINVD_REQUIRED, "an old WBINVD does not count"
    assert activate(flushed(system), ACTIVATE).check == "activated"


def test_two_guests_never_share_a_memory_key():
    system = run(created(), "launch_start", "activate", "launch_finish")
    first = guest(system).vek
    system = donated(system, OTHER_CONTEXT)
    system = gctx_create(system, replace(CREATE, context=at(OTHER_CONTEXT))).system
    assert system.firmware.contexts[OTHER_CONTEXT].vek not in (0, first)


def test_shutdown_is_refused_while_a_guest_has_an_asid_and_until_its_caches_are_flushed():
    system = run(created(), "launch_start", "activate", "launch_finish")
    assert snp_shutdown(system, SnpShutdown()).check == "asids-clean"
    system = run(system, "decommission")
    assert snp_shutdown(system, SnpShutdown()).check == "asids-clean"
    assert snp_shutdown(flushed(system), SnpShutdown()).check == "shut-down"


def with_guest_page(system):
    """One page of the guest is assigned and validated."""
    system = update(system, PAGE, assigned=True, asid=ASID, gpa=GFN << 12)
    return replace(system, rmp=system.rmp.set(PAGE, replace(system.rmp[PAGE], validated=True)))


def test_activate_an_asid_with_a_page_still_assigned_is_refused():
    """Conformance vector 27."""
    system = with_guest_page(run(created(), "launch_start"))
    outcome = activate(system, ACTIVATE)
    assert (outcome.result, outcome.check) == (Status.INVALID_CONFIG, "assigned-pages")
    assert outcome.system == system


def test_decommission_leaves_the_guests_pages_to_rmpupdate():
    """Conformance vector 28."""
    system = with_guest_page(run(created(), "launch_start", "activate", "launch_finish"))
    after = run(system, "decommission")
    assert after.rmp[PAGE] == system.rmp[PAGE]
    assert state_of(after.rmp, PAGE, covered=True) == PageState.GUEST_VALID
    assert after.asid_pages == system.asid_pages
    assert state_of(update(after, PAGE).rmp, PAGE, covered=True) == PageState.HYPERVISOR


def test_asid_reuse_needs_the_old_guests_pages_taken_back_first():
    """Trace H: the next guest with this ASID finds no page of the last one."""
    system = run(with_guest_page(run(created(), "launch_start", "activate", "launch_finish")), "decommission")
    assert (system.rmp[PAGE].asid, system.rmp[PAGE].validated) == (ASID, True)
    system = run(gctx_create(flushed(system), CREATE).system, "launch_start")
    assert activate(system, ACTIVATE).check == "assigned-pages"
    system = update(system, PAGE)
    assert not system.rmp[PAGE].validated
    assert activate(system, ACTIVATE).check == "activated"


def test_rmp_page_is_never_a_context():
    system = flushed(booted())
    address = at(0x1000, in_rmp=True)
    assert page_state(system.rmp[0x1000]) == PageState.FIRMWARE
    assert gctx_create(system, replace(CREATE, context=address)).check == "rmp-page"


def test_guest_valid_page_is_no_context():
    outcome = gctx_create(world({PAGE: GUEST_VALID}), replace(CREATE, context=at(PAGE)))
    assert outcome.check == "page-state"
