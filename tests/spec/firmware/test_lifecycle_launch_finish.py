"""SNP_LAUNCH_FINISH: each refusal, the ID block, and a guest that can be run."""

import pytest

from spec.firmware.id_block import IdBlock
from spec.firmware.launch_finish import LaunchFinish, launch_finish
from spec.firmware.state import CcxAsid
from spec.record import replace
from spec.vocabulary import GuestState, Status
from tests.spec.firmware.lifecycle import (
    BOUND,
    POLICY,
    RUNNING,
    assert_every_check_has_a_case,
    slots,
    stage,
)
from tests.spec.firmware.pages import ASID, CONTEXT_PAGE, Case, assert_refused, at, cases, early, guest, with_guest

DIGEST = 0xABCDEF
ID = IdBlock(
    block=at(0x900),
    authentication=at(0x901),
    launch_digest=DIGEST,
    policy=POLICY,
    guest_svn=4,
    id_key_algorithm=1,
    author_key_algorithm=1,
    id_key_valid=True,
    block_signed=True,
    author_key_valid=True,
    id_key_signed=True,
)
OP = LaunchFinish(
    context=at(CONTEXT_PAGE),
    id_block_enabled=True,
    author_key_enabled=True,
    vcek_disabled=True,
    host_data=0x77,
    reserved=False,
    id_block=ID,
)
LAUNCHED = stage(replace(BOUND, launch_digest=DIGEST), CcxAsid.ALLOCATED)


def id_case(check, result, name="", **changes):
    return Case(check, result, {"id_block": replace(ID, **changes)}, name=name)


CASES = (
    *early(),
    Case("guest-state", Status.INVALID_GUEST_STATE, system=lambda s: with_guest(s, state=GuestState.INIT)),
    Case(
        "guest-state",
        Status.INVALID_GUEST_STATE,
        system=lambda s: with_guest(s, state=GuestState.RUNNING),
        name="guest-runs",
    ),
    Case("incoming", Status.INVALID_GUEST_STATE, system=lambda s: with_guest(s, imi_enabled=True)),
    Case("inactive", Status.INACTIVE, system=lambda s: with_guest(s, asid=0)),
    id_case("id-address", Status.INVALID_ADDRESS, block=at(0x900, forbidden=True)),
    id_case("id-address", Status.INVALID_ADDRESS, "authentication-address", authentication=at(0x900, forbidden=True)),
    id_case("id-rmp-page", Status.INVALID_PARAM, block=at(0x900, in_rmp=True)),
    id_case("launch-digest", Status.BAD_MEASUREMENT, launch_digest=DIGEST + 1),
    id_case("id-policy", Status.POLICY_FAILURE, policy=POLICY | 1),
    id_case("id-key-algorithm", Status.INVALID_PARAM, id_key_algorithm=2),
    id_case("author-key-algorithm", Status.INVALID_PARAM, author_key_algorithm=0),
    id_case("id-key", Status.BAD_SIGNATURE, id_key_valid=False),
    id_case("id-block-signature", Status.BAD_SIGNATURE, block_signed=False),
    id_case("author-key", Status.BAD_SIGNATURE, author_key_valid=False),
    id_case("id-key-signature", Status.BAD_SIGNATURE, id_key_signed=False),
)


@cases(*CASES)
def test_launch_finish_refused_changes_nothing(case):
    assert_refused(launch_finish, LAUNCHED, OP, case)


def test_launch_finish_has_no_other_checks():
    assert_every_check_has_a_case(
        launch_finish, CASES, (Status.SUCCESS, "finished-with-id"), (Status.SUCCESS, "finished")
    )


def test_launch_finish_with_an_id_block_identifies_and_runs_the_guest():
    outcome = launch_finish(LAUNCHED, OP)
    assert (outcome.result, outcome.check) == (Status.SUCCESS, "finished-with-id")
    assert guest(outcome.system) == replace(
        RUNNING,
        launch_digest=DIGEST,
        id_block_enabled=True,
        author_key_enabled=True,
        vcek_disabled=True,
        guest_svn=4,
        host_data=0x77,
    )
    assert slots(outcome.system) == [CcxAsid.IN_USE, CcxAsid.IN_USE]
    assert outcome.system.firmware.asid_runnable[ASID]
    assert outcome.system.rmp == LAUNCHED.rmp


@pytest.mark.parametrize("field", ["author_key_algorithm", "author_key_valid", "id_key_signed"])
def test_launch_finish_without_author_key_does_not_look_at_it(field):
    spoiled = replace(ID, **{field: 0 if field == "author_key_algorithm" else False})
    assert launch_finish(LAUNCHED, replace(OP, author_key_enabled=False, id_block=spoiled)).check == "finished-with-id"


def test_launch_finish_without_id_block_still_stores_that_an_author_key_was_named():
    spoiled = replace(ID, launch_digest=0, policy=0, id_key_valid=False)
    outcome = launch_finish(LAUNCHED, replace(OP, id_block_enabled=False, id_block=spoiled))
    assert (outcome.result, outcome.check) == (Status.SUCCESS, "finished")
    after = guest(outcome.system)
    assert (after.id_block_enabled, after.author_key_enabled, after.guest_svn) == (False, True, 0)
