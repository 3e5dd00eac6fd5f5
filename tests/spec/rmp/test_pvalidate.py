"""PVALIDATE: one test for each check, and its effect."""

import pytest

from spec.knobs import PvalidateShared
from spec.maps import Map
from spec.record import replace
from spec.rmp.fault import Fault
from spec.rmp.pvalidate import PvalidateOutput, pvalidate
from spec.vocabulary import Eax, Event, Limit, MappingSize, PageSize
from tests.spec.rmp.scene import (
    ASID,
    BASE,
    GUEST,
    INVALID,
    LARGE_GFN,
    LARGE_HEAD,
    LARGE_VALID,
    VALID,
    G,
    X,
    accept,
    checks_of,
    deny,
    holding,
    in_use,
    named,
    via,
    with_features,
    with_knobs,
)

START = holding(X, INVALID)
RMP_AND_ENC = 0x4_8000_0005
RMP_ENC_AND_SIZEM = 0xC_8000_0005
"""Observed on hardware: P, U, RMP, ENC and SIZEM."""

REFUSALS = {
    "snp_disabled": (with_features(START, snp_enabled=False), accept(G, X), Event.UD, "feature"),
    "legacy_guest": (START, accept(G, X, cpu=replace(GUEST, snp_active=False)), Event.UD, "snp-guest"),
    "host": (START, accept(G, X, cpu=replace(GUEST, asid=0)), Event.UD, "snp-guest"),
    "user_mode": (START, accept(G, X, cpu=replace(GUEST, cpl=3)), Event.GP, "cpl"),
    "other_mode": (START, accept(G, X, other_mode=True), Limit.NOT_MODELLED, "mode"),
    "vmpl1": (START, accept(G, X, cpu=replace(GUEST, vmpl=1)), Event.GP, "vmpl"),
    "vmpl1_other_reading": (
        with_knobs(START, pvalidate_vmpl_gp=False),
        accept(G, X, cpu=replace(GUEST, vmpl=1)),
        Eax.FAIL_PERMISSION,
        "vmpl",
    ),
    "misaligned_2m": (START, accept(G + 1, X, size=PageSize.SIZE_2M), Eax.FAIL_INPUT, "gva-alignment"),
    "uncovered": (replace(START, covered=Map(False)), accept(G, X), Event.NPF, "covered"),
    "beyond_52_bits": (START, accept(G, X | 1 << 40), Event.NPF, "covered"),
    "unassigned": (BASE, accept(G, X), Event.NPF, "assigned"),
    "foreign_page": (holding(X, replace(INVALID, asid=ASID + 1)), accept(G, X), Event.NPF, "owner-asid"),
    "immutable": (holding(X, replace(INVALID, immutable=True)), accept(G, X), Event.NPF, "immutable"),
    "other_address": (START, accept(G + 1, X), Event.NPF, "reverse-map"),
    "held_by_vmrun": (in_use(X, START), accept(G, X), Event.NPF, "in-use"),
    "4k_request_2m_mapping": (START, accept(G, X, translation=via(G, X, MappingSize.MAP_2M)), Event.NPF, "page-size"),
    "2m_request_4k_entry": (
        holding(LARGE_HEAD, replace(LARGE_VALID, page_size=PageSize.SIZE_4K)),
        accept(LARGE_GFN, LARGE_HEAD, size=PageSize.SIZE_2M),
        Eax.FAIL_SIZEMISMATCH,
        "page-size",
    ),
    "2m_request_4k_mapping": (
        holding(LARGE_HEAD, LARGE_VALID),
        accept(LARGE_GFN, LARGE_HEAD, size=PageSize.SIZE_2M, translation=via(LARGE_GFN, LARGE_HEAD)),
        Eax.FAIL_SIZEMISMATCH,
        "page-size",
    ),
}


@pytest.mark.parametrize(("system", "request_", "result", "check"), named(REFUSALS))
def test_pvalidate_refused_changes_nothing(system, request_, result, check):
    deny(system, request_, result, check)


def test_pvalidate_ownership_failure_reports_rmp_and_enc_only():
    outcome = deny(START, accept(G + 1, X), Event.NPF, "reverse-map")
    assert outcome.output == Fault(RMP_AND_ENC, (G + 1) << 12)


@pytest.mark.parametrize("mapping", [MappingSize.MAP_4K, MappingSize.MAP_2M, MappingSize.MAP_1G])
def test_pvalidate_4k_inside_a_2m_page_reports_sizem(mapping):
    page, gfn = LARGE_HEAD + 7, LARGE_GFN + 7
    system = holding(LARGE_HEAD, LARGE_VALID)
    outcome = deny(system, accept(gfn, page, translation=via(gfn, page, mapping)), Event.NPF, "page-size")
    assert outcome.output == Fault(RMP_ENC_AND_SIZEM, gfn << 12)


@pytest.mark.parametrize(("by_rmp", "word"), [(True, RMP_AND_ENC), (False, RMP_ENC_AND_SIZEM)])
def test_pvalidate_4k_page_in_2m_mapping_reports_sizem_by_knob(by_rmp, word):
    system = with_knobs(START, sizem_by_rmp=by_rmp)
    outcome = deny(system, accept(G, X, translation=via(G, X, MappingSize.MAP_2M)), Event.NPF, "page-size")
    assert outcome.output.error == word


def test_pvalidate_4k_sets_validated_and_nothing_else():
    outcome = pvalidate(START, accept(G, X))
    assert (outcome.result, outcome.check) == (Eax.SUCCESS, "validated-set")
    assert outcome.output == PvalidateOutput(carry=False, tlb_flushed=False)
    assert outcome.system == holding(X, VALID)


@pytest.mark.parametrize("value", [False, True])
def test_pvalidate_of_the_present_value_sets_carry(value):
    system = holding(X, replace(INVALID, validated=value))
    outcome = pvalidate(system, accept(G, X, value))
    assert (outcome.result, outcome.output.carry, outcome.system) == (Eax.SUCCESS, True, system)


def test_pvalidate_2m_changes_the_head_only():
    system = holding(LARGE_HEAD, LARGE_VALID)
    outcome = pvalidate(system, accept(LARGE_GFN, LARGE_HEAD, False, size=PageSize.SIZE_2M))
    assert (outcome.result, outcome.output.carry) == (Eax.SUCCESS, False)
    assert outcome.system == holding(LARGE_HEAD, replace(LARGE_VALID, validated=False))


def test_pvalidate_rescinding_keeps_vmsa_and_masks_unless_the_knob_says_otherwise():
    vmsa = replace(VALID, vmsa=True)
    for clears in (False, True):
        system = with_knobs(holding(X, vmsa), pvalidate_clears_vmsa=clears)
        entry = pvalidate(system, accept(G, X, False)).system.rmp[X]
        assert entry == replace(vmsa, validated=False, vmsa=not clears)


def test_pvalidate_rescinding_flushes_by_knob_and_accepting_never():
    system = with_knobs(holding(X, VALID), pvalidate_flushes_tlb=True)
    rescinded = pvalidate(system, accept(G, X, False))
    assert rescinded.output.tlb_flushed
    assert not pvalidate(rescinded.system, accept(G, X)).output.tlb_flushed


@pytest.mark.parametrize(
    ("choice", "result", "check"),
    [
        (PvalidateShared.AS_PRIVATE, Eax.SUCCESS, "validated-set"),
        (PvalidateShared.PF, Event.PF, "shared"),
        (PvalidateShared.NPF, Event.NPF, "shared"),
        (PvalidateShared.IGNORED, Eax.SUCCESS, "shared"),
    ],
)
def test_pvalidate_of_a_shared_mapping_by_knob(choice, result, check):
    system = with_knobs(START, pvalidate_shared=choice)
    outcome = pvalidate(system, accept(G, X, translation=via(G, X, private=False)))
    assert (outcome.result, outcome.check) == (result, check)
    assert outcome.system.rmp[X].validated == (choice == PvalidateShared.AS_PRIVATE)


def test_pvalidate_other_mode_is_performed_by_knob():
    system = with_knobs(START, pvalidate_64bit_only=False)
    assert pvalidate(system, accept(G, X, other_mode=True)).check == "validated-set"


def test_pvalidate_refusals_are_all_tested():
    tested = {(result, check) for _, _, result, check in REFUSALS.values()}
    rest = {(Eax.SUCCESS, "validated-set"), (Eax.SUCCESS, "shared"), (Event.PF, "shared"), (Event.NPF, "shared")}
    assert checks_of(pvalidate) == tested | rest
