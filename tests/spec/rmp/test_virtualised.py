"""VIRT_RMPUPDATE and VIRT_PSMASH: their own refusals, and the instruction behind them."""

import pytest

from spec.record import replace
from spec.rmp.cpu import HOST_CPU, Cpu
from spec.rmp.psmash import Psmash, psmash
from spec.rmp.rmpupdate import rmpupdate
from spec.rmp.virtualised import VirtPsmash, VirtRmpUpdate, virt_psmash, virt_rmpupdate
from spec.vocabulary import Eax, Event
from tests.spec.rmp.scene import BASE, LARGE_HEAD, LARGE_VALID, G, X, assign, holding, named, with_features

CALLER = Cpu(asid=3, vmpl=0, cpl=0, snp_active=False)
START = with_features(BASE, nested_virt_snp_msr=True)
LARGE = holding(LARGE_HEAD, LARGE_VALID, START)
UPDATE = VirtRmpUpdate(caller=CALLER, gpa=0x7000, mapped=True, update=assign(X, G, cpu=CALLER))
SPLIT = VirtPsmash(caller=CALLER, gpa=0, mapped=True, split=Psmash(cpu=CALLER, spa=LARGE_HEAD << 12, contended=False))

REFUSALS = {
    "no_such_msr": (BASE, {}, Event.GP, "feature"),
    "user_mode": (START, {"caller": replace(CALLER, cpl=3)}, Event.GP, "cpl"),
    "host": (START, {"caller": HOST_CPU}, Event.GP, "host"),
    "unmapped": (START, {"mapped": False}, Eax.FAIL_INPUT, "mapped"),
}


@pytest.mark.parametrize(("system", "changes", "result", "check"), named(REFUSALS))
def test_virtual_forms_refused_change_nothing(system, changes, result, check):
    assert virt_rmpupdate(system, replace(UPDATE, **changes))[:3] == (result, check, system)
    assert virt_psmash(system, replace(SPLIT, **changes))[:3] == (result, check, system)


def test_misaligned_addresses_are_refused():
    assert virt_rmpupdate(START, replace(UPDATE, gpa=8))[:3] == (Eax.FAIL_INPUT, "gpa-page-alignment", START)
    assert virt_psmash(START, replace(SPLIT, gpa=0x1000))[:3] == (Eax.FAIL_INPUT, "gpa-alignment", START)


def test_virtual_forms_are_executed_by_the_top_level_hypervisor():
    assert virt_rmpupdate(START, UPDATE) == rmpupdate(START, assign(X, G))
    assert virt_psmash(LARGE, SPLIT) == psmash(LARGE, replace(SPLIT.split, cpu=HOST_CPU))
    assert virt_psmash(START, SPLIT).result == Eax.FAIL_NOT_SPLITTABLE
