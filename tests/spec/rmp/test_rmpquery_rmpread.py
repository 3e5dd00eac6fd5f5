"""RMPQUERY and RMPREAD: they report and change nothing."""

import pytest

from spec.features import TURIN
from spec.knobs import HostInstruction
from spec.maps import Map
from spec.record import replace
from spec.rmp.cpu import HOST_CPU
from spec.rmp.rmpquery import RmpQuery, RmpQueryOutput, rmpquery
from spec.rmp.rmpread import RmpRead, RmpReadOutput, rmpread
from spec.vmpl.permissions import VmplMasks
from spec.vocabulary import Eax, Event, MappingSize
from tests.spec.rmp.scene import (
    ASID,
    BASE,
    GUEST,
    INVALID,
    LARGE_GFN,
    LARGE_HEAD,
    LARGE_VALID,
    ON_TURIN,
    VALID,
    G,
    X,
    checks_of,
    holding,
    in_use,
    named,
    via,
    with_features,
    with_knobs,
)

ENTRY = replace(VALID, masks=VmplMasks(0x1F, 7, 3, 1), vmsa=True)
START = holding(X, ENTRY, ON_TURIN)
QUERY = RmpQuery(cpu=GUEST, translation=via(G, X), target_vmpl=1)
READ = RmpRead(cpu=HOST_CPU, spa=X << 12)

QUERIES = {
    "no_such_instruction": (holding(X, ENTRY), QUERY, Event.UD, "rmpquery-feature"),
    "snp_disabled": (with_features(START, TURIN, snp_enabled=False), QUERY, Event.UD, "feature"),
    "legacy_guest": (START, replace(QUERY, cpu=replace(GUEST, snp_active=False)), Event.UD, "snp-guest"),
    "user_mode": (START, replace(QUERY, cpu=replace(GUEST, cpl=3)), Event.GP, "cpl"),
    "no_such_vmpl": (START, replace(QUERY, target_vmpl=9), Eax.FAIL_PERMISSION, "vmpl-range"),
    "more_privileged": (START, replace(QUERY, cpu=replace(GUEST, vmpl=2)), Eax.FAIL_PERMISSION, "target-vmpl"),
    "own_level_other_reading": (
        with_knobs(START, rmpquery_own_level=False),
        replace(QUERY, target_vmpl=0),
        Eax.FAIL_PERMISSION,
        "target-vmpl",
    ),
    "uncovered": (replace(START, covered=Map(False)), QUERY, Event.NPF, "covered"),
    "unassigned": (ON_TURIN, QUERY, Event.NPF, "assigned"),
    "foreign": (holding(X, replace(ENTRY, asid=ASID + 1), ON_TURIN), QUERY, Event.NPF, "owner-asid"),
    "immutable": (holding(X, replace(ENTRY, immutable=True), ON_TURIN), QUERY, Event.NPF, "immutable"),
    "other_address": (START, replace(QUERY, translation=via(G + 1, X)), Event.NPF, "reverse-map"),
    "in_use": (in_use(X, START), QUERY, Event.NPF, "in-use"),
    "not_validated": (holding(X, INVALID, ON_TURIN), QUERY, Event.VC, "validated"),
    "not_validated_reflected": (
        holding(X, INVALID, ON_TURIN),
        replace(QUERY, cpu=replace(GUEST, reflect_vc=True)),
        Event.VMEXIT,
        "validated",
    ),
}

IN_GUEST = replace(READ, cpu=GUEST)
READS = {
    "no_such_instruction": (BASE, READ, Event.UD, "rmpread-feature"),
    "snp_disabled": (with_features(START, TURIN, snp_enabled=False), READ, Event.UD, "feature"),
    "user_mode": (START, replace(READ, cpu=replace(HOST_CPU, cpl=3)), Event.GP, "cpl"),
    "guest": (START, IN_GUEST, Eax.FAIL_PERMISSION, "guest"),
    "guest_ud": (with_knobs(START, host_instruction=HostInstruction.UD), IN_GUEST, Event.UD, "guest"),
    "guest_exit": (with_knobs(START, host_instruction=HostInstruction.VMEXIT), IN_GUEST, Event.VMEXIT, "guest"),
    "misaligned": (START, replace(READ, spa=(X << 12) + 8), Eax.FAIL_INPUT, "spa-alignment"),
    "uncovered": (replace(START, covered=Map(False)), READ, Eax.FAIL_INPUT, "covered"),
}


@pytest.mark.parametrize(("system", "request_", "result", "check"), named(QUERIES))
def test_rmpquery_refused(system, request_, result, check):
    assert rmpquery(system, request_)[:3] == (result, check, system)


@pytest.mark.parametrize(("system", "request_", "result", "check"), named(READS))
def test_rmpread_refused(system, request_, result, check):
    assert rmpread(system, request_)[:3] == (result, check, system)


def test_refusals_are_all_tested():
    queried = {(result, check) for _, _, result, check in QUERIES.values()}
    assert checks_of(rmpquery) == queried | {(Eax.SUCCESS, "queried")}
    read = {(result, check) for _, _, result, check in READS.values()}
    assert checks_of(rmpread) == read | {(Eax.SUCCESS, "read")}


@pytest.mark.parametrize(("target", "mask"), [(0, 0x1F), (1, 7), (2, 3), (3, 1)])
def test_rmpquery_reports_the_mask_of_the_target(target, mask):
    outcome = rmpquery(START, replace(QUERY, target_vmpl=target))
    assert outcome[:3] == (Eax.SUCCESS, "queried", START)
    assert outcome.output == RmpQueryOutput(mask=mask, vmsa=True, page_size=0)


@pytest.mark.parametrize("size", [MappingSize.MAP_4K, MappingSize.MAP_2M])
def test_rmpquery_inside_a_2m_page_reports_its_size(size):
    system = holding(LARGE_HEAD, LARGE_VALID, ON_TURIN)
    request = replace(QUERY, translation=via(LARGE_GFN + 3, LARGE_HEAD + 3, size), target_vmpl=0)
    assert rmpquery(system, request).output == RmpQueryOutput(mask=0xF, vmsa=False, page_size=1)


def test_rmpread_reports_the_architectural_fields():
    outcome = rmpread(START, READ)
    assert outcome[:3] == (Eax.SUCCESS, "read", START)
    assert outcome.output == RmpReadOutput(
        gpa=G << 12, assigned=True, page_size=0, region_status=False, immutable=False, asid=ASID
    )


def test_rmpread_region_status_tells_of_assigned_pages():
    system = holding(LARGE_HEAD, LARGE_VALID, ON_TURIN)
    assert rmpread(system, replace(READ, spa=(LARGE_HEAD + 5) << 12)).output.region_status
    counted = holding(X & ~511, replace(ON_TURIN.rmp[0], subpage_count=1), START)
    assert rmpread(counted, READ).output.region_status
