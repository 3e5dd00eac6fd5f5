"""VMRUN and the exit: whose the pages have to be, and how long they are held."""

from typing import Any

import pytest

from spec.maps import Map
from spec.record import replace
from spec.registry import Outcome
from spec.rmp.cpu import HOST_CPU
from spec.rmp.run_pages import RunPages, Vmexit, vmexit
from spec.rmp.vmrun import Vmrun, vmrun
from spec.system.state import System
from spec.vmpl.sev_features import HostSettings, InjectionRequest
from spec.vocabulary import Eax, Event, Limit, SevFeatures
from tests.spec.rmp.scene import (
    ASID,
    BASE,
    GUEST,
    ON_TURIN,
    VALID,
    G,
    X,
    assign,
    checks_of,
    deny,
    done,
    holding,
    in_use,
    named,
    with_features,
    with_knobs,
)

VMCB, BACKING = 0x3001, 0x3002
VMSA = replace(VALID, vmsa=True)
HOST = HostSettings(
    shadow_stack=False,
    ibs=False,
    allowed=0,
    injection=InjectionRequest(valid=False, vector=0, kind=0, error_code_valid=False),
)
PAGES = RunPages(vmcb=VMCB << 12, sev_es=True, vmsa=X << 12, avic=False, avic_backing=BACKING << 12)
RUN = Vmrun(
    cpu=HOST_CPU,
    host_save_area=True,
    pages=PAGES,
    asid=ASID,
    sev_features=int(SevFeatures.SNP_ACTIVE),
    svme=True,
    busy=False,
    vmsa_gfn=G,
    host=HOST,
)


def runnable(system: System) -> System:
    """The system after SNP_LAUNCH_FINISH of the guest."""
    firmware = replace(system.firmware, asid_runnable=system.firmware.asid_runnable.set(ASID, True))
    return replace(system, firmware=firmware)


START = runnable(holding(X, VMSA))
NEW = runnable(holding(X, VMSA, ON_TURIN))


def run(**changes: Any) -> Vmrun:
    """VMRUN of the SNP guest, with some operands changed; those of its pages too."""
    pages = {name: changes.pop(name) for name in list(changes) if hasattr(PAGES, name)}
    return replace(RUN, pages=replace(PAGES, **pages), **changes)


def es(**changes: Any) -> Vmrun:
    """VMRUN of an SEV-ES guest, whose VMSA is the host's page."""
    return run(sev_features=0, **changes)


def features(*names: SevFeatures) -> int:
    """A word with SNPActive and these."""
    return int(sum(names) + SevFeatures.SNP_ACTIVE)


INVALID_RUN = Event.VMEXIT_INVALID
REFUSALS = {
    "user_mode": (START, run(cpu=replace(HOST_CPU, cpl=3)), Event.GP, "cpl"),
    "inside_a_guest": (START, run(cpu=GUEST), Event.VMEXIT, "guest"),
    "no_save_area": (START, run(host_save_area=False), Event.GP, "host-save-area"),
    "odd_vmcb": (START, run(vmcb=(VMCB << 12) + 8), Event.GP, "vmcb-alignment"),
    "assigned_vmcb": (START, run(vmcb=X << 12), Event.GP, "vmcb-hypervisor-owned"),
    "vmcb_twice": (in_use(VMCB, START), run(), Event.GP, "vmcb-in-use"),
    "asid_0": (START, run(asid=0), INVALID_RUN, "asid"),
    "snp_disabled": (with_features(START, snp_enabled=False), run(), INVALID_RUN, "snp-enabled"),
    "before_launch_finish": (holding(X, VMSA), run(), INVALID_RUN, "asid-runnable"),
    "assigned_backing_page": (START, run(avic=True, avic_backing=X << 12), INVALID_RUN, "avic-hypervisor-owned"),
    "backing_page_twice": (in_use(BACKING, START), run(avic=True), INVALID_RUN, "avic-in-use"),
    "es_vmsa_assigned": (START, es(), INVALID_RUN, "vmsa-hypervisor-owned"),
    "vmsa_uncovered": (replace(START, covered=Map(False)), run(), INVALID_RUN, "covered"),
    "vmsa_unassigned": (runnable(BASE), run(), INVALID_RUN, "assigned"),
    "vmsa_foreign": (runnable(holding(X, replace(VMSA, asid=ASID + 1))), run(), INVALID_RUN, "owner-asid"),
    "vmsa_immutable": (runnable(holding(X, replace(VMSA, immutable=True))), run(), INVALID_RUN, "immutable"),
    "vmsa_elsewhere": (
        with_knobs(START, vmrun_checks_reverse_map=True),
        run(vmsa_gfn=G + 1),
        INVALID_RUN,
        "reverse-map",
    ),
    "no_vmsa": (runnable(holding(X, VALID)), run(), INVALID_RUN, "vmsa-attribute"),
    "vmsa_not_validated": (
        with_knobs(runnable(holding(X, replace(VMSA, validated=False))), vmrun_checks_validated=True),
        run(),
        INVALID_RUN,
        "validated",
    ),
    "vmsa_twice": (in_use(X, START), run(), INVALID_RUN, "vmsa-in-use"),
    "no_svme": (START, run(svme=False), INVALID_RUN, "svme"),
    "reserved_feature": (START, run(sev_features=features() | 1 << 63), INVALID_RUN, "reserved-features"),
    "feature_of_a_later_processor": (
        START,
        run(sev_features=features(SevFeatures.SECURE_AVIC)),
        INVALID_RUN,
        "unsupported-features",
    ),
    "exclusive_features": (
        START,
        run(sev_features=features(SevFeatures.RESTRICTED_INJECTION, SevFeatures.ALTERNATE_INJECTION)),
        INVALID_RUN,
        "exclusive-features",
    ),
    "feature_not_allowed": (
        NEW,
        run(sev_features=features(SevFeatures.VTOM), host=replace(HOST, allowed=1 << 63 | 1)),
        INVALID_RUN,
        "allowed-features",
    ),
    "other_event_than_hv": (
        START,
        run(
            sev_features=features(SevFeatures.RESTRICTED_INJECTION),
            host=replace(HOST, injection=InjectionRequest(valid=True, vector=14, kind=3, error_code_valid=True)),
        ),
        INVALID_RUN,
        "restricted-injection",
    ),
    "host_ibs": (
        START,
        run(sev_features=features(SevFeatures.PREVENT_HOST_IBS), host=replace(HOST, ibs=True)),
        INVALID_RUN,
        "host-ibs",
    ),
    "busy": (NEW, run(busy=True), Event.VMEXIT_BUSY, "busy"),
}


def ends(outcome: Outcome, system: System, result: Any, check: str) -> None:
    """The outcome is this refusal, and the state is unchanged."""
    assert (outcome.result, outcome.check, outcome.system) == (result, check, system)


@pytest.mark.parametrize(("system", "request_", "result", "check"), named(REFUSALS))
def test_vmrun_refused_changes_nothing(system, request_, result, check):
    ends(vmrun(system, request_), system, result, check)


def test_vmrun_refusals_are_all_tested():
    tested = {(result, check) for _, _, result, check in REFUSALS.values()}
    assert checks_of(vmrun) == tested | {(Event.COMPLETES, "entered")}


def test_vmrun_holds_its_pages_until_the_exit():
    outcome = vmrun(START, run(avic=True))
    assert (outcome.result, outcome.check) == (Event.COMPLETES, "entered")
    held = {page for page, value in outcome.system.in_use.changed() if value}
    assert held == {VMCB, BACKING, X}
    for page in held:
        deny(outcome.system, assign(page, 7), Eax.FAIL_INUSE, "in-use")

    released = vmexit(outcome.system, Vmexit(pages=replace(PAGES, avic=True)))
    assert (released.result, released.check, released.system) == (Event.COMPLETES, "released", START)


@pytest.mark.parametrize("sev_es", [False, True])
def test_vmrun_of_a_legacy_guest_holds_the_vmsa_only_with_sev_es(sev_es):
    outcome = vmrun(BASE, es(sev_es=sev_es))
    assert outcome.result == Event.COMPLETES
    assert outcome.system.in_use[X] == sev_es


def test_vmrun_of_a_plain_guest_asks_nothing_of_a_vmsa():
    outcome = vmrun(START, run(sev_es=False, svme=False, sev_features=(1 << 64) - 1))
    assert outcome.check == "entered"


def test_vmrun_of_one_vmsa_twice_is_allowed_by_knob():
    system = with_knobs(in_use(X, START), vmsa_twice_refused=False)
    assert vmrun(system, run()).check == "entered"


def test_vmrun_ignores_busy_where_it_means_nothing():
    assert vmrun(START, run(busy=True)).check == "entered"
    request = run(busy=True, sev_features=features(SevFeatures.ALTERNATE_INJECTION))
    ends(vmrun(START, request), START, Event.VMEXIT_BUSY, "busy")


def test_vmrun_without_snp_holds_nothing():
    system = with_features(BASE, snp_enabled=False)
    outcome = vmrun(system, es())
    assert (outcome.check, outcome.system) == ("entered", system)
    assert vmexit(system, Vmexit(pages=PAGES)).check == "released"


def test_vmexit_of_what_does_not_run_is_not_modelled():
    ends(vmexit(START, Vmexit(pages=PAGES)), START, Limit.NOT_MODELLED, "running")


@pytest.mark.parametrize(("checked", "check"), [(False, "entered"), (True, "validated")])
def test_stale_vmsa_left_by_a_page_move_runs_unless_validated_is_checked(checked, check):
    # After SNP_PAGE_MOVE the source is GUEST_INVALID with the VMSA attribute and the old registers.
    source = runnable(holding(X, replace(VMSA, validated=False)))
    assert vmrun(with_knobs(source, vmrun_checks_validated=checked), run()).check == check


def test_vmsa_page_is_not_reassigned_while_it_runs_and_is_afterwards():
    running = vmrun(START, run()).system
    deny(running, assign(X, G + 1), Eax.FAIL_INUSE, "in-use")
    stopped = vmexit(running, Vmexit(pages=PAGES)).system
    # The head of X's region has to count X before X can be moved.
    stopped = replace(stopped, rmp=stopped.rmp.set(X & ~511, replace(stopped.rmp[X & ~511], subpage_count=1)))
    stopped = replace(stopped, asid_pages=stopped.asid_pages.set(ASID, 1))
    assert not done(stopped, assign(X, G + 1)).rmp[X].vmsa
