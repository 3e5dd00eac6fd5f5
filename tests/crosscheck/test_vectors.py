import pytest

from sevspec.crosscheck.operands import RUNNERS
from sevspec.crosscheck.unreached import UNREACHED
from sevspec.crosscheck.vectors import run_cases, unreached

QUICK = (
    "psmash",
    "rmpread",
    "rmpquery",
    "pvalidate",
    "gctx_create",
    "decommission",
    "page_reclaim",
    "page_set_state",
    "df_flush",
    "wbinvd",
    "snp_config",
)
SLOW = (
    "rmpupdate",
    "rmpadjust",
    "access",
    "vmsave",
    "vmrun",
    "vmexit",
    "write_vm_hsave_pa",
    "page_md_init",
    "page_move",
    "platform_status",
    "feature_info",
    "snp_shutdown",
    "snp_shutdown_ex",
    "dbg_decrypt",
    "dbg_encrypt",
    "activate",
    "page_unsmash",
)
"""The others have hundreds of cases with 2 MiB pages or many core complexes; the random walk has their steps."""


def agree_on(name: str) -> None:
    """Every case agrees or is named with a reason, and exactly the checks that are listed are reached by none."""
    ran = list(run_cases(name))
    assert any(not each.reason for each in ran)
    assert unreached(ran) == {(step, check) for step, check, _ in UNREACHED if step == name}


@pytest.mark.parametrize("name", QUICK)
def test_machine_answers_every_case_of_the_specification(name):
    agree_on(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_machine_answers_every_case_of_the_slower_transitions(name):
    agree_on(name)


def test_unreached_checks_are_of_transitions_that_are_run_and_have_a_reason():
    assert {step for step, _, _ in UNREACHED} <= set(RUNNERS)
    assert all(reason for _, _, reason in UNREACHED)
    assert len({(step, check) for step, check, _ in UNREACHED}) == len(UNREACHED)
