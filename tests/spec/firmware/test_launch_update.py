"""SNP_LAUNCH_UPDATE: each refusal, and what becomes of the page, its entry and the digest."""

import pytest

from spec.firmware.launch_update import LaunchUpdate, launch_update
from spec.firmware.launched_page import LaunchedContent
from spec.maps import Map
from spec.record import replace
from spec.rmp.page_state import page_state
from spec.vmpl.permissions import VmplMasks
from spec.vocabulary import GuestState, LaunchPageType, PageSize, PageState, Status
from tests.spec.firmware.pages import (
    CONTEXT_PAGE,
    GUEST_INVALID,
    LARGE,
    PRE_GUEST,
    Case,
    assert_refused,
    at,
    cases,
    early,
    every_check,
    guest,
    uncovered,
    with_entry,
    with_guest,
    world,
)

PAGE = 0x400
LAUNCHABLE = world({PAGE: PRE_GUEST})
OP = LaunchUpdate(
    context=at(CONTEXT_PAGE),
    page=at(PAGE),
    page_size=PageSize.SIZE_4K,
    page_type=LaunchPageType.NORMAL,
    imi_page=False,
    vmpl1_perms=1,
    vmpl2_perms=2,
    vmpl3_perms=3,
    reserved=False,
    contents=Map(0xABC),
    cpuid_malformed=False,
    cpuid_unsafe=False,
)


def large(system):
    return with_entry(system, PAGE, **LARGE)


CASES = (
    *early(),
    Case("reserved-bits", Status.INVALID_PARAM, {"page": at(PAGE, spa=(PAGE << 12) + 8)}, name="page-unaligned"),
    Case("page-address", Status.INVALID_ADDRESS, {"page": at(PAGE, forbidden=True)}),
    Case("page-in-rmp", Status.INVALID_PARAM, {"page": at(PAGE, in_rmp=True)}),
    Case("page-state", Status.INVALID_PAGE_STATE, system=lambda s: with_entry(s, PAGE, immutable=False, lock=False)),
    Case("page-state", Status.INVALID_PAGE_STATE, system=lambda s: uncovered(s, PAGE), name="page-uncovered"),
    Case("page-size", Status.INVALID_PAGE_SIZE, {"page_size": PageSize.SIZE_2M}),
    Case(
        "alignment",
        Status.INVALID_ADDRESS,
        {"page": at(PAGE + 1), **LARGE},
        lambda s: replace(s, rmp=s.rmp.set(PAGE + 1, replace(PRE_GUEST, **LARGE))),
    ),
    Case("page-type", Status.INVALID_PARAM, {"page_type": 0}, name="page-type-0"),
    Case("page-type", Status.INVALID_PARAM, {"page_type": 7}, name="page-type-7"),
    Case("page-type-size", Status.INVALID_PAGE_SIZE, {"page_type": LaunchPageType.VMSA, **LARGE}, large, "large-vmsa"),
    Case(
        "page-type-size",
        Status.INVALID_PAGE_SIZE,
        {"page_type": LaunchPageType.SECRETS, **LARGE},
        large,
        "large-secrets",
    ),
    Case(
        "page-type-size", Status.INVALID_PAGE_SIZE, {"page_type": LaunchPageType.CPUID, **LARGE}, large, "large-cpuid"
    ),
    Case("guest-state", Status.INVALID_GUEST_STATE, system=lambda s: with_guest(s, state=GuestState.RUNNING)),
    Case("activated", Status.INACTIVE, system=lambda s: with_guest(s, asid=0)),
    Case("owner-asid", Status.INVALID_PAGE_OWNER, system=lambda s: with_entry(s, PAGE, asid=6)),
    Case("imi-page", Status.INVALID_PARAM, system=lambda s: with_guest(s, imi_enabled=True)),
    Case("cpuid-format", Status.INVALID_PARAM, {"page_type": LaunchPageType.CPUID, "cpuid_malformed": True}),
    Case("cpuid-policy", Status.INVALID_PARAM, {"page_type": LaunchPageType.CPUID, "cpuid_unsafe": True}),
)


@cases(*CASES)
def test_launch_update_spoiled_is_refused_and_changes_nothing(case):
    assert_refused(launch_update, LAUNCHABLE, OP, case)


def test_launch_update_every_check_has_a_case():
    assert {(case.result, case.check) for case in CASES} | {(Status.SUCCESS, "launched")} == every_check(launch_update)


def test_launch_update_of_a_guest_invalid_page_is_invalid_page_state():
    """Conformance vector 25, first part; the second and third are `owner-asid` and `large-vmsa`."""
    system = world({PAGE: GUEST_INVALID})
    assert launch_update(system, OP)[:3] == (Status.INVALID_PAGE_STATE, "page-state", system)


def test_launch_update_unsafe_cpuid_page_is_handed_back_corrected():
    op = replace(OP, page_type=LaunchPageType.CPUID, cpuid_unsafe=True)
    assert launch_update(LAUNCHABLE, op).output == LaunchedContent.CORRECTED
    assert launch_update(LAUNCHABLE, replace(OP, cpuid_unsafe=True)).result == Status.SUCCESS


def test_launch_update_normal_page_becomes_guest_valid_with_the_masks_asked_for():
    outcome = launch_update(LAUNCHABLE, OP)
    assert (outcome.result, outcome.check, outcome.output) == (Status.SUCCESS, "launched", LaunchedContent.PROVIDED)
    entry = outcome.system.rmp[PAGE]
    assert page_state(entry) == PageState.GUEST_VALID
    masks = VmplMasks(PRE_GUEST.masks.vmpl0, 1, 2, 3)
    assert entry == replace(PRE_GUEST, immutable=False, lock=False, validated=True, masks=masks)
    assert outcome.system.firmware.metadata == LAUNCHABLE.firmware.metadata


def test_launch_update_vmsa_page_gets_the_vmsa_attribute():
    outcome = launch_update(LAUNCHABLE, replace(OP, page_type=LaunchPageType.VMSA))
    assert outcome.system.rmp[PAGE].vmsa


def test_launch_update_of_a_region_head_keeps_its_subpage_count():
    system = with_entry(LAUNCHABLE, PAGE, subpage_count=9)
    assert launch_update(system, OP).system.rmp[PAGE].subpage_count == 9


@pytest.mark.parametrize(
    ("page_type", "content"),
    [
        (LaunchPageType.NORMAL, LaunchedContent.PROVIDED),
        (LaunchPageType.VMSA, LaunchedContent.PROVIDED),
        (LaunchPageType.ZERO, LaunchedContent.ZEROS),
        (LaunchPageType.UNMEASURED, LaunchedContent.PROVIDED),
        (LaunchPageType.SECRETS, LaunchedContent.SECRETS),
        (LaunchPageType.CPUID, LaunchedContent.PROVIDED),
    ],
)
def test_launch_update_content_by_type(page_type, content):
    assert launch_update(LAUNCHABLE, replace(OP, page_type=page_type)).output == content


def test_launch_update_imi_page_extends_both_digests_and_another_only_one():
    plain = guest(launch_update(LAUNCHABLE, OP).system)
    image = guest(launch_update(LAUNCHABLE, replace(OP, imi_page=True)).system)
    assert plain.imi_digest == 0
    assert plain.launch_digest != 0
    assert image.launch_digest == image.imi_digest != plain.launch_digest


def test_launch_update_of_a_2m_page_measures_as_512_small_pages():
    contents: Map[int, int] = Map(0)
    contents = contents.set_range(0, 512, lambda chunk: chunk * chunk + 1)
    whole = launch_update(large(LAUNCHABLE), replace(OP, contents=contents, **LARGE))
    system = world({PAGE + i: replace(PRE_GUEST, gfn=PRE_GUEST.gfn + i) for i in range(512)})
    for i in range(512):
        system = launch_update(system, replace(OP, page=at(PAGE + i), contents=Map(contents[i]))).system
    assert guest(whole.system).launch_digest == guest(system).launch_digest
    assert whole.system.rmp[PAGE + 1] == LAUNCHABLE.rmp[PAGE + 1]
