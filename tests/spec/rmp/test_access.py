"""Memory accesses: who is checked for what, and what the fault words say."""

import pytest

from spec.maps import Map
from spec.record import replace
from spec.rmp.access import access
from spec.rmp.fault import Fault
from spec.vmpl.permissions import VmplMasks
from spec.vocabulary import AccessCode, AgentCode, Event, MappingSize, PageSize, Permission
from tests.spec.rmp.scene import (
    ASID,
    BASE,
    INVALID,
    LARGE_GFN,
    LARGE_HEAD,
    LARGE_VALID,
    ON_TURIN,
    VALID,
    G,
    X,
    accept,
    assign,
    checks_of,
    deny,
    done,
    holding,
    in_use,
    touch,
    via,
    with_features,
    with_knobs,
)

KINDS = tuple(AccessCode)
WRITES = (AccessCode.WRITE, AccessCode.WALK_WRITE, AccessCode.SSS_WRITE)
SHADOW = (AccessCode.SSS_READ, AccessCode.SSS_WRITE)
LEGACY = (AgentCode.HOST, AgentCode.NON_SNP_GUEST)
REFUSED = {
    AgentCode.HOST: Event.PF,
    AgentCode.NON_SNP_GUEST: Event.NPF,
    AgentCode.DEVICE: Event.IOMMU_FAULT,
}
OWNED = holding(X, VALID)


def granted(mask):
    """A page whose VMPL1 has this mask."""
    return replace(VALID, masks=VmplMasks(0xF, mask, 0, 0))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("agent", [AgentCode.HOST, AgentCode.NON_SNP_GUEST, AgentCode.DEVICE])
def test_access_to_an_assigned_page_is_refused_if_it_writes_or_walks(agent, kind):
    walks = kind == AccessCode.WALK_READ and agent != AgentCode.DEVICE
    if kind in WRITES or walks:
        deny(OWNED, touch(kind, G, X, agent), REFUSED[agent], "hypervisor-owned")
    else:
        assert access(OWNED, touch(kind, G, X, agent))[:2] == (Event.COMPLETES, "unchecked")


@pytest.mark.parametrize("agent", LEGACY)
def test_walk_reads_of_host_and_legacy_guest_are_unchecked_by_knob(agent):
    system = with_knobs(OWNED, walk_reads_checked=False)
    assert access(system, touch(AccessCode.WALK_READ, G, X, agent)).check == "unchecked"
    deny(system, touch(AccessCode.WALK_WRITE, G, X, agent), REFUSED[agent], "hypervisor-owned")


def test_device_writes_are_unchecked_by_knob():
    system = with_knobs(OWNED, device_writes_checked=False)
    assert access(system, touch(AccessCode.WRITE, G, X, AgentCode.DEVICE)).check == "unchecked"


@pytest.mark.parametrize("agent", list(AgentCode))
@pytest.mark.parametrize("kind", KINDS)
def test_access_without_snp_is_never_checked(agent, kind):
    outcome = access(with_features(OWNED, snp_enabled=False), touch(kind, G + 1, X, agent))
    assert outcome[:2] == (Event.COMPLETES, "snp-disabled")


@pytest.mark.parametrize("agent", REFUSED)
def test_write_to_an_uncovered_page_completes(agent):
    system = replace(OWNED, covered=Map(False))
    assert access(system, touch(AccessCode.WRITE, G, X, agent)).check == "hypervisor-page"


@pytest.mark.parametrize("size", [MappingSize.MAP_2M, MappingSize.MAP_1G])
@pytest.mark.parametrize("other", [-3, 0, 508])
def test_host_write_through_a_large_mapping_needs_all_512_pages(size, other):
    system = holding(X + other, VALID)
    request = touch(AccessCode.WRITE, G, X, AgentCode.HOST)
    deny(system, replace(request, translation=via(G, X, size)), Event.PF, "hypervisor-owned")


def below_an_unassigned_head(**knobs):
    """The host took the region as one unassigned 2 MiB page, and then gave one page of it to the guest."""
    whole = assign(LARGE_HEAD, 0, 0, PageSize.SIZE_2M, assigned=False)
    return done(with_knobs(BASE, **knobs), whole, assign(LARGE_HEAD + 1, G))


def test_assigned_page_below_an_unassigned_head_is_protected():
    system = below_an_unassigned_head()
    deny(system, touch(AccessCode.WRITE, G, LARGE_HEAD + 1, AgentCode.HOST), Event.PF, "hypervisor-owned")
    assert done(system, accept(G, LARGE_HEAD + 1)).rmp[LARGE_HEAD + 1].validated


def test_assigned_page_below_an_unassigned_head_is_taken_for_the_hosts_by_knob():
    system = below_an_unassigned_head(unassigned_is_4k=False)
    request = touch(AccessCode.WRITE, G, LARGE_HEAD + 1, AgentCode.HOST)
    assert access(system, request)[:2] == (Event.COMPLETES, "hypervisor-page")
    large = replace(request, translation=via(G, LARGE_HEAD + 1, MappingSize.MAP_2M))
    deny(system, large, Event.PF, "hypervisor-owned")
    deny(system, touch(AccessCode.READ, G, LARGE_HEAD + 1), Event.NPF, "assigned")
    deny(system, accept(G, LARGE_HEAD + 1), Event.NPF, "assigned")


@pytest.mark.parametrize("other", [-4, 509])
def test_host_write_through_a_large_mapping_ignores_other_regions(other):
    request = touch(AccessCode.WRITE, G, X, AgentCode.HOST, translation=via(G, X, MappingSize.MAP_2M))
    assert access(holding(X + other, VALID), request).check == "hypervisor-page"


def test_host_walk_write_goes_by_4k_whatever_the_mapping():
    request = touch(AccessCode.WALK_WRITE, G, X, AgentCode.HOST, translation=via(G, X, MappingSize.MAP_2M))
    assert access(holding(X + 1, VALID), request).check == "hypervisor-page"


def test_host_write_inside_an_assigned_2m_page_is_refused():
    system = holding(LARGE_HEAD, LARGE_VALID)
    deny(system, touch(AccessCode.WRITE, G, LARGE_HEAD + 9, AgentCode.HOST), Event.PF, "hypervisor-owned")


def test_host_write_to_a_page_in_use_reports_what_hardware_was_seen_to_report():
    outcome = deny(in_use(X, BASE), touch(AccessCode.WRITE, G, X, AgentCode.HOST), Event.PF, "in-use")
    assert outcome.output == Fault(0x8000_0003, G << 12)


def test_host_write_to_a_page_in_use_is_allowed_by_feature_and_others_are_not():
    system = in_use(X, ON_TURIN)
    assert access(system, touch(AccessCode.WRITE, G, X, AgentCode.HOST)).check == "hypervisor-page"
    deny(system, touch(AccessCode.WRITE, G, X, AgentCode.NON_SNP_GUEST), Event.NPF, "in-use")


def test_host_write_through_a_2m_mapping_fails_if_the_head_is_in_use():
    request = touch(AccessCode.WRITE, G, X, AgentCode.HOST)
    system = in_use(X & ~511, BASE)
    assert access(system, request).check == "hypervisor-page"
    deny(system, replace(request, translation=via(G, X, MappingSize.MAP_2M)), Event.PF, "in-use")


def test_owner_cannot_access_its_vmsa_while_it_runs():
    for kind in (AccessCode.READ, AccessCode.WRITE, AccessCode.FETCH):
        deny(in_use(X, OWNED), touch(kind, G, X), Event.NPF, "in-use")


PRIVATE_REFUSALS = [
    (replace(VALID, assigned=False, asid=0, validated=False), {}, "assigned"),
    (replace(VALID, asid=ASID + 1), {}, "owner-asid"),
    (replace(VALID, immutable=True), {}, "immutable"),
    (replace(VALID, gfn=G + 1), {}, "reverse-map"),
    (VALID, {"translation": via(G, X, MappingSize.MAP_2M)}, "page-size"),
    (VALID, {"translation": via(G, X, MappingSize.MAP_1G)}, "page-size"),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("entry", "more", "check"), PRIVATE_REFUSALS, ids=lambda value: str(value)[:12])
def test_private_access_needs_its_own_page(entry, more, check, kind):
    outcome = deny(holding(X, entry), touch(kind, G, X, **more), Event.NPF, check)
    walk = kind in (AccessCode.WALK_READ, AccessCode.WALK_WRITE)
    word = 0x4_8000_0005 | (1 << 33 if walk else 1 << 32)
    word |= (2 if kind in WRITES else 0) | (16 if kind == AccessCode.FETCH else 0) | (64 if kind in SHADOW else 0)
    assert outcome.output == Fault(word, G << 12)


@pytest.mark.parametrize("size", [MappingSize.MAP_2M, MappingSize.MAP_1G])
def test_private_access_to_a_2m_page_completes_through_large_mappings_only(size):
    system = holding(LARGE_HEAD, LARGE_VALID)
    gfn, page = LARGE_GFN + 77, LARGE_HEAD + 77
    assert access(system, touch(AccessCode.WRITE, gfn, page, translation=via(gfn, page, size))).check == "permitted"
    deny(system, touch(AccessCode.WRITE, gfn, page), Event.NPF, "page-size")
    shifted = via(gfn + 1, page, size)
    deny(system, touch(AccessCode.WRITE, gfn, page, translation=shifted), Event.NPF, "reverse-map")


def test_guest_with_asid_0_owns_no_firmware_page():
    firmware = replace(VALID, asid=0, validated=False)
    deny(holding(X, firmware), touch(AccessCode.READ, G, X, asid=0), Event.NPF, "owner-asid")


@pytest.mark.parametrize("kind", KINDS)
def test_unvalidated_page_raises_vc_in_the_guest(kind):
    outcome = deny(holding(X, INVALID), touch(kind, G, X), Event.VC, "validated")
    assert outcome.output == Fault(0x404, G << 12)


def test_unvalidated_page_exits_with_reflect_vc():
    outcome = deny(holding(X, INVALID), touch(AccessCode.READ, G, X, reflect_vc=True), Event.VMEXIT, "validated")
    assert outcome.output == Fault(0x404, G << 12)


def test_size_mismatch_is_reported_before_vc_and_vc_before_permissions():
    wrong_size = touch(AccessCode.READ, G, X, vmpl=1, translation=via(G, X, MappingSize.MAP_2M))
    deny(holding(X, INVALID), wrong_size, Event.NPF, "page-size")
    deny(holding(X, INVALID), touch(AccessCode.READ, G, X, vmpl=1), Event.VC, "validated")
    deny(OWNED, touch(AccessCode.READ, G, X, vmpl=1), Event.NPF, "vmpl-permission")


NEEDS = [
    (AccessCode.READ, 0, Permission.READ),
    (AccessCode.WRITE, 0, Permission.READ | Permission.WRITE),
    (AccessCode.WALK_READ, 0, Permission.READ),
    (AccessCode.WALK_WRITE, 3, Permission.READ | Permission.WRITE),
    (AccessCode.FETCH, 0, Permission.EXECUTE_SUPERVISOR),
    (AccessCode.FETCH, 2, Permission.EXECUTE_SUPERVISOR),
    (AccessCode.FETCH, 3, Permission.EXECUTE_USER),
    (AccessCode.SSS_READ, 0, Permission.READ),
    (AccessCode.SSS_WRITE, 0, Permission.READ | Permission.WRITE),
]


@pytest.mark.parametrize(("kind", "cpl", "needs"), NEEDS)
def test_vmpl_needs_exactly_these_permissions(kind, cpl, needs):
    for mask in range(32):
        outcome = access(holding(X, granted(mask)), touch(kind, G, X, vmpl=1, cpl=cpl))
        assert (outcome.check == "permitted") == (mask & needs == needs), mask
    assert outcome.result == Event.COMPLETES


def test_mask_with_write_but_not_read_allows_no_data_access():
    for kind in (AccessCode.READ, AccessCode.WRITE):
        deny(holding(X, granted(Permission.WRITE)), touch(kind, G, X, vmpl=1), Event.NPF, "vmpl-permission")


def test_shadow_stack_needs_its_permission_where_vmpl_sss_is_enabled():
    rw, rws = 3, 0x13
    request = touch(AccessCode.SSS_WRITE, G, X, vmpl=1, vmpl_sss=True)
    deny(holding(X, granted(rw), ON_TURIN), request, Event.NPF, "vmpl-permission")
    assert access(holding(X, granted(rws), ON_TURIN), request).check == "permitted"
    assert access(holding(X, granted(rw)), request).check == "permitted"


def test_permission_fault_reports_vmpl_and_the_shadow_stack_bit():
    word = 0x4_8000_0005 | 1 << 32 | 1 << 36
    plain = deny(OWNED, touch(AccessCode.READ, G, X, vmpl=1), Event.NPF, "vmpl-permission")
    assert plain.output == Fault(word, G << 12)
    system = holding(X, granted(0x10), ON_TURIN)
    shown = deny(system, touch(AccessCode.READ, G, X, vmpl=1, vmpl_sss=True), Event.NPF, "vmpl-permission")
    assert shown.output.error == word | 1 << 37


def shared(kind, page, system_gfn=G):
    """An access through a mapping with C=0."""
    return touch(kind, system_gfn, page, translation=via(system_gfn, page, private=False))


def test_shared_read_is_unchecked_and_shared_write_needs_a_hypervisor_page():
    assert access(OWNED, shared(AccessCode.READ, X)).check == "unchecked"
    outcome = deny(OWNED, shared(AccessCode.WRITE, X), Event.NPF, "hypervisor-owned")
    assert outcome.output.error == 0x8000_0007 | 1 << 32
    assert access(BASE, shared(AccessCode.WRITE, X)).check == "hypervisor-page"


@pytest.mark.parametrize("kind", [AccessCode.FETCH, AccessCode.WALK_READ, AccessCode.WALK_WRITE])
def test_fetches_and_walks_are_private_whatever_the_page_table_says(kind):
    deny(BASE, shared(kind, X), Event.NPF, "assigned")
    assert access(OWNED, shared(kind, X)).check == "permitted"


@pytest.mark.parametrize(("kind", "word"), [(AccessCode.SSS_READ, 0x49), (AccessCode.SSS_WRITE, 0x4B)])
def test_shared_shadow_stack_is_a_reserved_bit_fault_where_vmpl_sss_is_enabled(kind, word):
    request = replace(shared(kind, X), vmpl_sss=True)
    outcome = deny(ON_TURIN, request, Event.PF, "shared-shadow-stack")
    assert outcome.output == Fault(word, G << 12)
    assert access(BASE, request).result == Event.COMPLETES


def test_sub_entry_of_a_2m_page_does_not_speak_for_itself():
    stray = replace(VALID, page_size=PageSize.SIZE_4K)
    system = holding(LARGE_HEAD + 3, stray, holding(LARGE_HEAD, LARGE_VALID))
    deny(system, touch(AccessCode.READ, G, LARGE_HEAD + 3), Event.NPF, "reverse-map")


def test_access_has_the_documented_results():
    agents = {(event, check) for event in REFUSED.values() for check in ("hypervisor-owned", "in-use")}
    causes = ("covered", "assigned", "owner-asid", "immutable", "reverse-map", "page-size", "vmpl-permission")
    completes = ("snp-disabled", "unchecked", "hypervisor-page", "permitted")
    assert checks_of(access) == {
        *agents,
        *((Event.NPF, cause) for cause in causes),
        *((Event.COMPLETES, check) for check in completes),
        (Event.VC, "validated"),
        (Event.VMEXIT, "validated"),
        (Event.PF, "shared-shadow-stack"),
    }
