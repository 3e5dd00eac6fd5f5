"""Page states: patterns and permissions are derived from the specification, and say what its rules say."""

import pytest

from sevspec.answers import answers, outcome_text
from sevspec.page_states import entries_of, example, explained, pattern, scene_of
from spec.features import GENOA, PLATFORMS, Platform
from spec.rmp.page_state import page_state
from spec.vocabulary import PageState

DECODED = [state for state in PageState if state not in (PageState.DEFAULT, PageState.INVALID)]


@pytest.mark.parametrize("platform", PLATFORMS.values(), ids=PLATFORMS)
@pytest.mark.parametrize("state", [*DECODED, PageState.DEFAULT], ids=lambda state: state.value)
def test_example_page_has_its_state(state: PageState, platform: Platform) -> None:
    assert scene_of(state, platform).state is state


@pytest.mark.parametrize("state", DECODED, ids=lambda state: state.value)
def test_every_state_has_entries_and_a_pattern(state: PageState) -> None:
    assert entries_of(state)
    assert page_state(example(state, GENOA)) is state
    assert "A=" in pattern(state)


def test_patterns_tell_the_states_apart() -> None:
    assert len({pattern(state) for state in PageState}) == len(PageState)


def told(state: PageState) -> dict[str, tuple[str, str, str]]:
    """Answers on a page of a state: the answer, the check, the state after."""
    found = answers(scene_of(state, GENOA))
    return {f"{a.probe.agent}: {a.probe.step}": (outcome_text(a.outcome), a.outcome.check, a.change) for a in found}


def test_guest_valid_page_can_be_taken_but_not_written_by_the_host() -> None:
    answers_given = told(PageState.GUEST_VALID)
    assert answers_given["hypervisor: RMPUPDATE, take the page back"] == ("SUCCESS (0)", "page-updated", "HYPERVISOR")
    assert answers_given["hypervisor: write"][0] == "#PF 0x80000003"
    assert answers_given["owner, VMPL0: read, C=1"][0] == "performed"
    assert answers_given["owner, VMPL0: PVALIDATE, accept"][0] == "SUCCESS (0), CF=1"


def test_same_owner_and_immutable_makes_pre_swap_of_guest_valid() -> None:
    assert told(PageState.GUEST_VALID)["hypervisor: RMPUPDATE, same owner, Immutable"][2] == "PRE_SWAP"


def test_guest_invalid_page_gives_vc() -> None:
    assert told(PageState.GUEST_INVALID)["owner, VMPL0: read, C=1"] == ("#VC 0x404", "validated", "")


def test_firmware_page_is_reclaimed_in_two_steps() -> None:
    assert told(PageState.FIRMWARE)["firmware: SNP_PAGE_RECLAIM"] == ("SUCCESS (0x00)", "reclaimed", "RECLAIM")
    assert told(PageState.RECLAIM)["hypervisor: RMPUPDATE, take the page back"][2] == "HYPERVISOR"


def test_hv_fixed_page_is_never_given_away() -> None:
    given = told(PageState.HV_FIXED)["hypervisor: RMPUPDATE, to another guest"]
    assert given == ("FAIL_PERMISSION (2)", "immutable", "")


def test_state_names_the_steps_that_ask_for_it() -> None:
    facts = dict(explained(PageState.PRE_GUEST, GENOA).facts)
    assert "SNP_LAUNCH_UPDATE" in facts["asked for by"]
    assert "RMPUPDATE" not in facts["asked for by"]


def test_page_without_an_entry_has_answers_too() -> None:
    assert told(PageState.DEFAULT)["hypervisor: RMPUPDATE, to another guest"][:2] == ("FAIL_INPUT (1)", "covered")
