"""VM_HSAVE_PA and VMSAVE: the processor writes only to hypervisor pages."""

import pytest

from spec.record import replace
from spec.rmp.cpu import HOST_CPU
from spec.rmp.fault import Fault
from spec.rmp.host_writes import Vmsave, WriteHostSaveArea, vmsave, write_vm_hsave_pa
from spec.vocabulary import Event
from tests.spec.rmp.scene import BASE, GUEST, ON_TURIN, VALID, G, X, Y, checks_of, holding, in_use, named, via

OWNED = holding(X, VALID)
SAVE = WriteHostSaveArea(cpu=HOST_CPU, spa=Y << 12)
HOST_SAVE = Vmsave(cpu=HOST_CPU, target=via(G, X))
GUEST_SAVE = replace(HOST_SAVE, cpu=replace(GUEST, snp_active=False), target=via(G, X, private=False))
ODD = replace(via(G, X), spa=(X << 12) + 8)

AREA = {
    "user_mode": (BASE, replace(SAVE, cpu=replace(HOST_CPU, cpl=3)), Event.GP, "cpl"),
    "guest": (BASE, replace(SAVE, cpu=GUEST), Event.VMEXIT, "guest"),
    "misaligned": (BASE, replace(SAVE, spa=(Y << 12) + 8), Event.GP, "spa-alignment"),
    "assigned": (OWNED, replace(SAVE, spa=X << 12), Event.GP, "hypervisor-owned"),
    "free": (OWNED, SAVE, Event.COMPLETES, "written"),
}
VMSAVE = {
    "user_mode": (BASE, replace(HOST_SAVE, cpu=replace(HOST_CPU, cpl=1)), Event.GP, "cpl"),
    "misaligned": (BASE, replace(HOST_SAVE, target=ODD), Event.GP, "spa-alignment"),
    "host_assigned": (OWNED, HOST_SAVE, Event.GP, "hypervisor-owned"),
    "host_in_use": (in_use(X, BASE), HOST_SAVE, Event.GP, "in-use"),
    "host_in_use_allowed": (in_use(X, ON_TURIN), HOST_SAVE, Event.COMPLETES, "saved"),
    "guest_assigned": (OWNED, GUEST_SAVE, Event.NPF, "hypervisor-owned"),
    "guest_in_use": (in_use(X, ON_TURIN), GUEST_SAVE, Event.NPF, "in-use"),
}


@pytest.mark.parametrize(("system", "request_", "result", "check"), named(AREA))
def test_host_save_area_must_be_the_hypervisors(system, request_, result, check):
    assert write_vm_hsave_pa(system, request_)[:3] == (result, check, system)


@pytest.mark.parametrize(("system", "request_", "result", "check"), named(VMSAVE))
def test_vmsave_target_must_be_the_hypervisors(system, request_, result, check):
    assert vmsave(system, request_)[:3] == (result, check, system)


def test_guest_vmsave_reports_a_write_to_the_final_address():
    assert vmsave(OWNED, GUEST_SAVE).output == Fault(0x1_8000_0007, G << 12)


def test_every_result_is_tested():
    assert checks_of(write_vm_hsave_pa) == {(result, check) for _, _, result, check in AREA.values()}
    assert checks_of(vmsave) == {(result, check) for _, _, result, check in VMSAVE.values()}
