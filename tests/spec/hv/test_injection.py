"""What VMRUN injects by mode, knob by knob; it agrees with the rule of VMRUN itself where the knobs have defaults."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec.features import TURIN
from spec.hv.events import NO_EVENT, quiet
from spec.hv.injection import Entry, vc_is_raised, vmrun_injects
from spec.hv.registration import CLEAR, DOORBELL_EXIT, IPI_EXIT, QUERY, SET, NaeEvent, Registration, host_answers_nae
from spec.knobs import DEFAULT_KNOBS
from spec.record import replace
from spec.vmpl.sev_features import HostSettings, InjectionRequest, illegal_features
from spec.vocabulary import DoorbellAction, Event, SevFeatures

HV = InjectionRequest(True, 28, 3, False)
VC = InjectionRequest(True, 29, 3, True)
INT80 = InjectionRequest(True, 0x80, 0, False)
SNP, RI, AI = SevFeatures.SNP_ACTIVE, SevFeatures.RESTRICTED_INJECTION, SevFeatures.ALTERNATE_INJECTION


def world(features: int, **knobs: bool):
    platform = replace(TURIN, knobs=replace(DEFAULT_KNOBS, **knobs))
    return replace(quiet(platform), features=int(features))


def entering(event: InjectionRequest, virtual: bool = False) -> Entry:
    return Entry(event, virtual)


CASES = {
    "heckler, no mode": (SNP, INT80, {}, Event.COMPLETES, "entered", 0x80),
    "wesee, no mode": (SNP, VC, {}, Event.COMPLETES, "entered", 29),
    "heckler, restricted": (SNP | RI, INT80, {}, Event.VMEXIT_INVALID, "restricted-injection", 0),
    "wesee, restricted": (SNP | RI, VC, {}, Event.VMEXIT_INVALID, "restricted-injection", 0),
    "#HV, restricted": (SNP | RI, HV, {}, Event.COMPLETES, "entered", 28),
    "#HV with a code": (
        SNP | RI,
        InjectionRequest(True, 28, 3, True),
        {},
        Event.VMEXIT_INVALID,
        "restricted-injection",
        0,
    ),
    "heckler, alternate": (SNP | AI, INT80, {}, Event.COMPLETES, "entered", 0),
    "wesee, alternate": (SNP | AI, VC, {}, Event.COMPLETES, "entered", 0),
    "both modes": (SNP | RI | AI, NO_EVENT, {}, Event.VMEXIT_INVALID, "exclusive-modes", 0),
    "ignored by K-RI-VIOL": (SNP | RI, INT80, {"restricted_violation_invalid": False}, Event.COMPLETES, "entered", 0),
    "refused by K-AI-EVINJ": (
        SNP | AI,
        INT80,
        {"alternate_ignores_vmcb": False},
        Event.VMEXIT_INVALID,
        "alternate-injection",
        0,
    ),
    "restricted by K-RI-AI": (SNP | RI | AI, HV, {"injection_modes_exclusive": False}, Event.COMPLETES, "entered", 28),
}


@pytest.mark.parametrize(("features", "event", "knobs", "result", "check", "vector"), CASES.values(), ids=CASES)
def test_injection_by_mode(features, event, knobs, result, check, vector):
    before = world(features, **knobs)
    outcome = vmrun_injects(before, entering(event))
    assert (outcome.result, outcome.check) == (result, check)
    assert outcome.output.event.vector == vector
    if result is not Event.COMPLETES:
        assert outcome.system == before


def test_busy_vmsa_is_not_entered():
    before = world(SNP | AI)
    before = replace(before, vmsa=replace(before.vmsa, busy=True))
    outcome = vmrun_injects(before, entering(NO_EVENT))
    assert (outcome.result, outcome.check, outcome.system) == (Event.VMEXIT_BUSY, "busy", before)


@given(
    features=st.sampled_from([SNP, SNP | RI, SNP | AI, SNP | RI | AI]),
    valid=st.booleans(),
    vector=st.sampled_from([0, 14, 28, 29, 0x80, 255]),
    kind=st.integers(0, 7),
    coded=st.booleans(),
)
def test_vmrun_refuses_the_same_for_its_default_knobs(features, valid, vector, kind, coded):
    event = InjectionRequest(valid, vector, kind, coded)
    host = HostSettings(shadow_stack=False, ibs=False, allowed=0, injection=event)
    refused = illegal_features(int(features), TURIN.features, False, host)
    outcome = vmrun_injects(world(features), entering(event))
    assert (outcome.result is Event.VMEXIT_INVALID) == (refused is not None)


@pytest.mark.parametrize(
    ("vmpl", "features", "result", "check"),
    [
        (0, SNP | SevFeatures.REFLECT_VC, Event.VC, "in-guest"),
        (2, SNP | SevFeatures.REFLECT_VC, Event.VMEXIT, "reflected"),
        (2, SNP, Event.VC, "in-guest"),
    ],
)
def test_vc_is_reflected_below_vmpl0(vmpl, features, result, check):
    outcome = vc_is_raised(replace(world(features), vmpl=vmpl, running=True), None)
    assert (outcome.result, outcome.check) == (result, check)


# --- registration ---

OFFERING = Registration(TURIN, 0b100, False, 0)


def nae(code: int, info1: int = 0, info2: int = 0, usable: bool = True):
    return NaeEvent(code, info1, info2, usable)


def test_page_is_registered_queried_and_cleared():
    page = host_answers_nae(OFFERING, nae(DOORBELL_EXIT, SET, 0x5000))
    assert (page.check, page.output.info2) == ("registered", 0x5000)
    assert host_answers_nae(page.system, nae(DOORBELL_EXIT, QUERY)).output.info2 == 0x5000
    assert host_answers_nae(page.system, nae(DOORBELL_EXIT, CLEAR)).system == OFFERING


def test_malformed_registration_drops_the_one_before():
    page = host_answers_nae(OFFERING, nae(DOORBELL_EXIT, SET, 0x5000)).system
    outcome = host_answers_nae(page, nae(DOORBELL_EXIT, SET, 0x5008))
    assert (outcome.result, outcome.check, outcome.system) == (DoorbellAction.REFRAINS, "malformed", OFFERING)


def test_events_without_restricted_injection_are_refused():
    outcome = host_answers_nae(replace(OFFERING, offered=0), nae(DOORBELL_EXIT, SET, 0x5000))
    assert (outcome.result, outcome.check) == (DoorbellAction.REFRAINS, "not-offered")


def test_ipi_needs_a_page():
    assert host_answers_nae(OFFERING, nae(IPI_EXIT)).check == "no-page"
    assert host_answers_nae(replace(OFFERING, registered=True), nae(IPI_EXIT)).check == "sent"
