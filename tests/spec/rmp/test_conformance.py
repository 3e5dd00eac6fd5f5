"""Expected results of short sequences, each with the defaults of all knobs (APM Vol. 2, 15.36.5 to 15.36.12)."""

import pytest

from spec.firmware.command import PageAddress
from spec.firmware.page_reclaim import PageReclaim, page_reclaim
from spec.maps import Map
from spec.record import replace
from spec.rmp.access import access
from spec.rmp.authority import effective
from spec.rmp.cpu import HOST_CPU
from spec.rmp.entry import UNASSIGNED
from spec.rmp.page_state import page_state
from spec.rmp.psmash import Psmash, psmash
from spec.rmp.pvalidate import pvalidate
from spec.rmp.rmpadjust import rmpadjust
from spec.rmp.rmpupdate import rmpupdate
from spec.vmpl.permissions import VmplMasks
from spec.vocabulary import AccessCode, AgentCode, Eax, Event, MappingSize, PageSize, PageState, PlatformState, Status
from tests.spec.rmp.scene import (
    ASID,
    BASE,
    LARGE_GFN,
    LARGE_HEAD,
    LARGE_VALID,
    VALID,
    G,
    X,
    accept,
    assign,
    deny,
    done,
    grant,
    holding,
    touch,
    via,
)

ASSIGNED = done(BASE, assign(X, G))
ACCEPTED = done(ASSIGNED, accept(G, X))
LARGE = holding(LARGE_HEAD, LARGE_VALID)


def test_01_assigning_a_zero_entry_makes_guest_invalid():
    entry = ASSIGNED.rmp[X]
    assert page_state(entry) == PageState.GUEST_INVALID
    assert (entry.masks, entry.validated) == (VmplMasks(0xF, 0, 0, 0), False)
    assert ASSIGNED.rmp[X & ~511].subpage_count == 1
    assert ASSIGNED.asid_pages[ASID] == 1


def test_02_host_write_to_a_guest_page_faults_with_rmp():
    outcome = deny(ASSIGNED, touch(AccessCode.WRITE, G, X, AgentCode.HOST), Event.PF, "hypervisor-owned")
    assert outcome.output.error == 0x8000_0003


def test_03_host_read_of_a_guest_page_completes():
    assert access(ASSIGNED, touch(AccessCode.READ, G, X, AgentCode.HOST)).result == Event.COMPLETES


def test_04_read_of_an_unvalidated_page_raises_vc():
    deny(ASSIGNED, touch(AccessCode.READ, G, X), Event.VC, "validated")


def test_05_foreign_guest_exits_with_rmp_and_enc():
    outcome = deny(ASSIGNED, touch(AccessCode.READ, G, X, asid=ASID + 1), Event.NPF, "owner-asid")
    assert outcome.output.error & (1 << 31 | 1 << 34) == 1 << 31 | 1 << 34


def test_06_second_address_of_a_page_is_refused():
    deny(ASSIGNED, touch(AccessCode.READ, G + 1, X), Event.NPF, "reverse-map")


def test_07_pvalidate_reports_by_carry_whether_it_changed_anything():
    first = pvalidate(ASSIGNED, accept(G, X))
    second = pvalidate(first.system, accept(G, X))
    assert (first.result, first.output.carry) == (Eax.SUCCESS, False)
    assert (second.result, second.output.carry) == (Eax.SUCCESS, True)


def test_08_new_page_is_for_vmpl0_only():
    outcome = deny(ACCEPTED, touch(AccessCode.READ, G, X, vmpl=1), Event.NPF, "vmpl-permission")
    assert outcome.output.error & 0x14_8000_0000 == 0x14_8000_0000


def test_09_granted_vmpl_reads_and_writes_but_does_not_fetch():
    system = done(ACCEPTED, grant(G, X, 1, 3))
    done(system, touch(AccessCode.READ, G, X, vmpl=1), touch(AccessCode.WRITE, G, X, vmpl=1))
    deny(system, touch(AccessCode.FETCH, G, X, vmpl=1), Event.NPF, "vmpl-permission")


def test_10_vmpl1_grants_only_what_it_has_and_only_downwards():
    system = done(ACCEPTED, grant(G, X, 1, 3))
    deny(system, grant(G, X, 2, 0xF, vmpl=1), Eax.FAIL_PERMISSION, "permission-subset")
    deny(system, grant(G, X, 1, 1, vmpl=1), Eax.FAIL_PERMISSION, "target-vmpl")
    deny(system, grant(G, X, 0, 1, vmpl=1), Eax.FAIL_PERMISSION, "target-vmpl")
    done(system, grant(G, X, 2, 1, vmpl=1))


def test_11_vmpl1_cannot_make_a_vmsa():
    system = done(ACCEPTED, grant(G, X, 1, 3))
    outcome = rmpadjust(system, grant(G, X, 2, 1, vmpl=1, vmsa=True))
    assert (outcome.result, outcome.system.rmp[X].vmsa) == (Eax.SUCCESS, False)


def test_12_making_a_page_immutable_keeps_its_validity_until_reclaim():
    system = done(ACCEPTED, assign(X, G, immutable=True))
    assert page_state(system.rmp[X]) == PageState.PRE_SWAP
    deny(system, touch(AccessCode.READ, G, X), Event.NPF, "immutable")
    deny(system, assign(X, G), Eax.FAIL_PERMISSION, "immutable")

    system = replace(system, firmware=replace(system.firmware, state=PlatformState.INIT))
    address = PageAddress(spa=X << 12, in_rmp=False, forbidden=False)
    outcome = page_reclaim(system, PageReclaim(address=address, page_size=PageSize.SIZE_4K, reserved=False))
    assert outcome.result == Status.SUCCESS
    assert page_state(outcome.system.rmp[X]) == PageState.GUEST_VALID


def test_13_rebinding_a_page_clears_validity_and_grants():
    system = done(ACCEPTED, grant(G, X, 1, 3), assign(X, G + 1))
    entry = system.rmp[X]
    assert (entry.validated, entry.gfn, entry.masks) == (False, G + 1, VmplMasks(0xF, 0, 0, 0))


@pytest.mark.parametrize("more", [{"immutable": True, "asid": 0}, {"immutable": False, "asid": ASID}])
def test_14_unassigning_operand_carries_neither_owner_nor_immutable(more):
    deny(ASSIGNED, assign(X, G, **more | {"assigned": False}), Eax.FAIL_INPUT, "unassigned-operand")


def test_15_uncovered_page_cannot_be_assigned():
    deny(replace(BASE, covered=Map(False)), assign(X, G), Eax.FAIL_INPUT, "covered")


def test_16_4k_mapping_of_a_2m_page_faults_without_sizem():
    outcome = deny(LARGE, touch(AccessCode.READ, LARGE_GFN, LARGE_HEAD), Event.NPF, "page-size")
    assert outcome.output.error & (1 << 35) == 0


def test_17_4k_pvalidate_of_a_2m_page_faults_with_sizem():
    outcome = deny(LARGE, accept(LARGE_GFN, LARGE_HEAD), Event.NPF, "page-size")
    assert outcome.output.error & (1 << 35) != 0


def test_18_2m_pvalidate_of_4k_pages_is_a_size_mismatch():
    small = psmash(LARGE, Psmash(cpu=HOST_CPU, spa=LARGE_HEAD << 12, contended=False)).system
    deny(small, accept(LARGE_GFN, LARGE_HEAD, size=PageSize.SIZE_2M), Eax.FAIL_SIZEMISMATCH, "page-size")


def test_19_psmash_keeps_validity_and_counts_addresses_up():
    small = psmash(LARGE, Psmash(cpu=HOST_CPU, spa=LARGE_HEAD << 12, contended=False)).system
    for offset in range(512):
        entry = small.rmp[LARGE_HEAD + offset]
        assert entry == replace(VALID, gfn=LARGE_GFN + offset, subpage_count=511 if offset == 0 else 0)


def test_20_one_assigned_page_blocks_large_host_writes_to_its_region():
    elsewhere = touch(AccessCode.WRITE, G, X + 1, AgentCode.HOST)
    large = replace(elsewhere, translation=via(G, X + 1, MappingSize.MAP_2M))
    deny(ASSIGNED, large, Event.PF, "hypervisor-owned")
    assert access(ASSIGNED, elsewhere).result == Event.COMPLETES


def test_21_requests_of_the_other_size_overlap():
    deny(LARGE, assign(LARGE_HEAD + 1, G), Eax.FAIL_OVERLAP, "overlap")
    deny(ASSIGNED, assign(X & ~511, LARGE_GFN, size=PageSize.SIZE_2M), Eax.FAIL_OVERLAP, "overlap")


def test_22_guest_reads_its_own_page_shared_but_does_not_write_it():
    shared = touch(AccessCode.READ, G, X, translation=via(G, X, private=False))
    assert access(ACCEPTED, shared).result == Event.COMPLETES
    deny(ACCEPTED, replace(shared, kind=AccessCode.WRITE), Event.NPF, "hypervisor-owned")


def test_23_guest_never_fetches_from_a_hypervisor_page():
    fetch = touch(AccessCode.FETCH, G, X, translation=via(G, X, private=False))
    deny(BASE, fetch, Event.NPF, "assigned")


def test_shrinking_a_2m_page_frees_the_rest_of_its_region():
    system = done(BASE, assign(LARGE_HEAD, LARGE_GFN, size=PageSize.SIZE_2M))
    assert system.asid_pages[ASID] == 512
    outcome = rmpupdate(system, assign(LARGE_HEAD, LARGE_GFN))
    assert outcome.result == Eax.SUCCESS
    assert outcome.system.asid_pages[ASID] == 1
    assert outcome.system.rmp[LARGE_HEAD].subpage_count == 0
    assert effective(outcome.system.rmp, LARGE_HEAD + 5) == UNASSIGNED
