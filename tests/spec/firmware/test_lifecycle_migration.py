"""Messages of migration agents: a guest leaves, arrives, is absorbed, gets a root key."""

from typing import Any

import pytest

from spec.firmware.guest_absorb_noma import AbsorbNomaMessage, guest_request_absorb_noma
from spec.firmware.guest_export import ExportMessage, guest_request_export
from spec.firmware.guest_import import IncomingMessage, guest_request_absorb, guest_request_import
from spec.firmware.guest_vmrk import VmrkMessage, guest_request_vmrk
from spec.firmware.state import EMPTY_CONTEXT, EMPTY_METADATA, CcxAsid, MessageCounts
from spec.record import replace
from spec.rmp.page_state import state_of
from spec.vocabulary import GuestState, PageState, Status
from tests.spec.firmware.lifecycle import (
    BOUND,
    LAUNCHING,
    MESSAGE,
    NEW_GUEST,
    RUNNING,
    answer_of,
    assert_told,
    slots,
    stage,
    with_context,
    with_slots,
)
from tests.spec.firmware.pages import (
    CONTEXT,
    CONTEXT_PAGE,
    Case,
    assert_refused,
    at,
    every_check,
    guest,
    with_entry,
    with_guest,
)
from tests.spec.firmware.test_lifecycle_guest_request import ENVELOPE

TARGET_PAGE = 0x80
TARGET_ASID = 6
TARGET = at(TARGET_PAGE)
ROOT = replace(EMPTY_METADATA, valid=True, iv=5)
BY_AGENT = {"ma_bound": True, "ma_context": CONTEXT_PAGE, "report_id_ma": RUNNING.report_id}
LEAVING = replace(
    RUNNING,
    asid=TARGET_ASID,
    oek=40,
    vmpcks=41,
    vmrk=42,
    report_id=43,
    root_metadata=ROOT,
    imi_digest=0x11,
    launch_digest=0x12,
    iv_count=9,
    message_counts=MessageCounts(2, 0, 0, 0),
    id_block_enabled=True,
    author_key_enabled=True,
    guest_svn=3,
    **BY_AGENT,
)
WAITING = replace(LAUNCHING, asid=TARGET_ASID, imi_enabled=True, launch_digest=0x11, report_id=50)


def hosting(target):
    """The agent runs in `CONTEXT_PAGE`; the other guest's context is in `TARGET_PAGE`."""
    system = with_context(stage(RUNNING, CcxAsid.IN_USE), TARGET_PAGE, target)
    state = CcxAsid.IN_USE if target.activated else CcxAsid.ALLOCATED
    system = with_slots(system, TARGET_ASID, state if target.asid else CcxAsid.CLEAN)
    return replace(system, rmp=system.rmp.set(TARGET_PAGE, CONTEXT))


def with_target(**changes):
    def spoil(system):
        return with_context(system, TARGET_PAGE, replace(system.firmware.contexts[TARGET_PAGE], **changes))

    return spoil


def with_incoming(**changes):
    return {"incoming": replace(LEAVING, **changes)}


def target_cases():
    return (
        Case("payload-reserved", Status.INVALID_PARAM, {"reserved": True}),
        Case("payload-reserved", Status.INVALID_PARAM, {"target": at(0, spa=8)}, name="target-unaligned"),
        Case("target-rmp-page", Status.INVALID_PARAM, {"target": at(TARGET_PAGE, in_rmp=True)}),
        Case("target-address", Status.INVALID_ADDRESS, {"target": at(TARGET_PAGE, forbidden=True)}),
        Case("target-context", Status.INVALID_GUEST, system=lambda s: with_entry(s, TARGET_PAGE, vmsa=False)),
    )


EXPORT = ExportMessage(message=MESSAGE, target=TARGET, imi_enabled=False, reserved=False)
IMPORT = IncomingMessage(message=MESSAGE, target=TARGET, incoming=LEAVING, format_valid=True, reserved=False)
NOMA = AbsorbNomaMessage(message=MESSAGE, incoming=LEAVING, format_valid=True, reserved=False)
VMRK = VmrkMessage(message=MESSAGE, target=TARGET, vmrk=60, reserved=False)
NOMA_SYSTEM = with_guest(hosting(LEAVING), launch_digest=0x11, imi_digest=0x11)

EXPORT_TOLD = (
    *target_cases(),
    Case("target-state", Status.INVALID_GUEST_STATE, system=with_target(state=GuestState.LAUNCH)),
    Case("agent", Status.INVALID_GUEST, system=with_target(ma_context=CONTEXT_PAGE + 1)),
    Case("agent", Status.INVALID_GUEST, system=with_target(report_id_ma=1), name="other-agent-in-the-page"),
    Case("agent", Status.INVALID_GUEST, system=with_target(ma_bound=False), name="no-agent"),
    Case(
        "self-export-vmpck",
        Status.INVALID_GUEST,
        {"target": at(CONTEXT_PAGE), "message": replace(MESSAGE, vmpck=1)},
    ),
)
IMPORT_TOLD = (
    *target_cases(),
    Case("format", Status.INVALID_PARAM, {"format_valid": False}),
    Case("target-state", Status.INVALID_GUEST_STATE, system=with_target(state=GuestState.LAUNCH)),
    Case("root-metadata", Status.INVALID_MDATA_ENTRY, with_incoming(root_metadata=EMPTY_METADATA)),
)
ABSORB_TOLD = (
    *target_cases(),
    Case("target-state", Status.INVALID_GUEST_STATE, system=with_target(state=GuestState.RUNNING)),
    Case("image", Status.INVALID_GUEST_STATE, system=with_target(imi_enabled=False)),
    Case("root-metadata", Status.INVALID_MDATA_ENTRY, system=with_target(root_metadata=ROOT)),
    Case("image-digest", Status.BAD_MEASUREMENT, with_incoming(imi_digest=0x13)),
    Case("format", Status.INVALID_PARAM, {"format_valid": False}),
)
NOMA_TOLD = (
    Case("payload-reserved", Status.INVALID_PARAM, {"reserved": True}),
    Case("agent", Status.INVALID_GUEST, system=lambda s: with_guest(s, ma_bound=True)),
    Case("image-digest", Status.BAD_MEASUREMENT, system=lambda s: with_guest(s, launch_digest=0x14)),
    Case("only-image", Status.BAD_MEASUREMENT, system=lambda s: with_guest(s, imi_digest=0x14)),
    Case("format", Status.INVALID_PARAM, {"format_valid": False}),
)
VMRK_TOLD = (
    Case("agent-vmpck", Status.INVALID_PARAM, {"message": replace(MESSAGE, vmpck=1)}),
    *target_cases(),
    Case("target-state", Status.INVALID_GUEST_STATE, system=with_target(state=GuestState.RUNNING)),
    Case("incoming", Status.INVALID_GUEST_STATE, system=with_target(imi_enabled=True)),
    Case("agent", Status.INVALID_GUEST, system=with_target(ma_bound=False)),
)
MESSAGES: dict[str, Any] = {
    "export": (guest_request_export, hosting(LEAVING), EXPORT, EXPORT_TOLD, ("exported", "image-exported")),
    "import": (guest_request_import, hosting(NEW_GUEST), IMPORT, IMPORT_TOLD, ("imported",)),
    "absorb": (guest_request_absorb, hosting(WAITING), IMPORT, ABSORB_TOLD, ("absorbed",)),
    "absorb-noma": (guest_request_absorb_noma, NOMA_SYSTEM, NOMA, NOMA_TOLD, ("absorbed",)),
    "vmrk": (guest_request_vmrk, hosting(replace(LAUNCHING, **BY_AGENT)), VMRK, VMRK_TOLD, ("vmrk-installed",)),
}


@pytest.mark.parametrize("kind", MESSAGES)
def test_migration_message_refused_changes_nothing(kind):
    transition, system, op, _, _ = MESSAGES[kind]
    for case in ENVELOPE:
        if case.check != "response-fits":
            assert_refused(transition, system, op, case)


@pytest.mark.parametrize(
    ("kind", "case"),
    [(kind, case) for kind, each in MESSAGES.items() for case in each[3]],
    ids=lambda value: value if isinstance(value, str) else value.name or value.check,
)
def test_migration_message_with_a_wrong_payload_tells_only_the_agent(kind, case):
    transition, system, op, _, _ = MESSAGES[kind]
    assert_told(transition, system, op, case)


@pytest.mark.parametrize("kind", MESSAGES)
def test_migration_message_has_no_other_checks(kind):
    transition, _, _, told, successes = MESSAGES[kind]
    expected = {(case.result, case.check) for case in ENVELOPE}
    expected |= {(Status.SUCCESS, case.check) for case in told} | {(Status.SUCCESS, name) for name in successes}
    assert every_check(transition) == expected


def test_export_decommissions_the_guest_and_carries_its_context():
    outcome = guest_request_export(hosting(LEAVING), EXPORT)
    assert answer_of(outcome) == (Status.SUCCESS, "exported")
    assert outcome.output.exported == LEAVING
    assert state_of(outcome.system.rmp, TARGET_PAGE, covered=True) == PageState.FIRMWARE
    assert outcome.system.firmware.contexts[TARGET_PAGE] == EMPTY_CONTEXT
    assert slots(outcome.system, TARGET_ASID) == [CcxAsid.DIRTY, CcxAsid.DIRTY]


def test_export_of_an_image_leaves_the_guest_and_its_swapped_pages_here():
    before = hosting(LEAVING)
    outcome = guest_request_export(before, replace(EXPORT, imi_enabled=True))
    assert answer_of(outcome) == (Status.SUCCESS, "image-exported")
    assert outcome.output.exported == replace(LEAVING, root_metadata=EMPTY_METADATA)
    assert outcome.system.rmp == before.rmp
    assert outcome.system.firmware.contexts[TARGET_PAGE] == LEAVING


def test_export_of_itself_needs_no_agent():
    outcome = guest_request_export(hosting(LEAVING), replace(EXPORT, target=at(CONTEXT_PAGE)))
    assert answer_of(outcome) == (Status.SUCCESS, "exported")
    assert state_of(outcome.system.rmp, CONTEXT_PAGE, covered=True) == PageState.FIRMWARE


def test_export_whose_answer_does_not_fit_has_still_decommissioned_the_guest():
    op = replace(EXPORT, message=replace(MESSAGE, response_fits=False))
    outcome = guest_request_export(hosting(LEAVING), op)
    assert (outcome.result, outcome.check) == (Status.INVALID_PARAM, "response-fits")
    assert state_of(outcome.system.rmp, TARGET_PAGE, covered=True) == PageState.FIRMWARE
    assert guest(outcome.system).message_counts == RUNNING.message_counts, "the request can be made again"


def test_import_makes_an_empty_context_the_running_guest():
    outcome = guest_request_import(hosting(NEW_GUEST), IMPORT)
    assert answer_of(outcome) == (Status.SUCCESS, "imported")
    arrived = outcome.system.firmware.contexts[TARGET_PAGE]
    assert arrived == replace(LEAVING, vek=NEW_GUEST.vek, asid=0, activated=False, report_id=20)
    assert outcome.system.firmware.next_key == 21


def test_import_of_the_same_guest_twice_is_not_prevented():
    once = guest_request_import(hosting(NEW_GUEST), IMPORT).system
    second = at(TARGET_PAGE + 1)
    prepared = with_context(replace(once, rmp=once.rmp.set(second.page, CONTEXT)), second.page, NEW_GUEST)
    again = replace(IMPORT, target=second, message=replace(MESSAGE, sequence=3))
    assert guest_request_import(prepared, again).check == "imported"


def test_absorb_makes_the_launched_image_the_guest_and_leaves_its_asid_pending():
    outcome = guest_request_absorb(hosting(WAITING), IMPORT)
    assert answer_of(outcome) == (Status.SUCCESS, "absorbed")
    arrived = outcome.system.firmware.contexts[TARGET_PAGE]
    expected = replace(LEAVING, vek=WAITING.vek, activated=False, report_id=50, imi_enabled=True)
    assert arrived == expected
    assert slots(outcome.system, TARGET_ASID) == [CcxAsid.ALLOCATED, CcxAsid.ALLOCATED]


def test_absorb_without_agent_replaces_state_but_not_identity():
    outcome = guest_request_absorb_noma(NOMA_SYSTEM, NOMA)
    assert answer_of(outcome) == (Status.SUCCESS, "absorbed")
    after = guest(outcome.system)
    assert (after.oek, after.vmpcks, after.launch_digest) == (LEAVING.oek, LEAVING.vmpcks, LEAVING.launch_digest)
    assert (after.report_id, after.id_block_enabled, after.guest_svn) == (RUNNING.report_id, False, 0)
    assert after.message_counts == MessageCounts(4, 0, 0, 0)


def test_vmrk_of_the_agent_replaces_the_drawn_one():
    launching = replace(BOUND, asid=TARGET_ASID, **BY_AGENT)
    outcome = guest_request_vmrk(hosting(launching), VMRK)
    assert answer_of(outcome) == (Status.SUCCESS, "vmrk-installed")
    assert outcome.system.firmware.contexts[TARGET_PAGE] == replace(launching, vmrk=60)
