from dataclasses import replace

import pytest

from impl.machine import GENOA, TURIN, Cpu, Features
from impl.rmp.access import check_access
from impl.rmp.faults import Access
from impl.rmp.layout import RmpEntry
from spec.knobs import Knobs
from spec.vocabulary import AccessKind, Agent, Eax, Event, MappingSize, NpfInfo, PageSize, PfError
from tests.impl.scene import GPA, GUEST_ASID, OTHER_ASID, PAGE, SPA, Scene

HEAD = SPA >> 12
LEGACY = Cpu(9)
VIOLATION = NpfInfo.P | NpfInfo.U | NpfInfo.RMP | NpfInfo.FINAL_GPA
PRIVATE = VIOLATION | NpfInfo.ENC
HOST_VIOLATION = PfError.P | PfError.RMP


@pytest.fixture
def scene() -> Scene:
    scene = Scene(guest_tables=0)
    scene.give()
    return scene


def with_mask(scene: Scene, mask: int) -> None:
    scene.machine.rmp.store(HEAD, replace(scene.machine.rmp.load(HEAD), perms=(0x1F, mask, 0, 0)))


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (AccessKind.WRITE, HOST_VIOLATION | PfError.W),
        (AccessKind.WALK_WRITE, HOST_VIOLATION | PfError.W),
        (AccessKind.WALK_READ, HOST_VIOLATION),
        (AccessKind.SSS_WRITE, HOST_VIOLATION | PfError.W | PfError.SS),
    ],
)
def test_host_access_to_an_assigned_page_is_page_fault(scene, kind, error):
    completion = scene.access(kind, agent=Agent.HOST)
    assert (completion.result, completion.error, completion.address) == (Event.PF, error, SPA)


@pytest.mark.parametrize("kind", [AccessKind.READ, AccessKind.FETCH, AccessKind.SSS_READ])
@pytest.mark.parametrize("agent", [Agent.HOST, Agent.NON_SNP_GUEST])
def test_read_or_fetch_without_snp_of_an_assigned_page_completes(scene, agent, kind):
    assert scene.access(kind, agent=agent, cpu=LEGACY).result == Event.COMPLETES


@pytest.mark.parametrize("entry", [RmpEntry(), RmpEntry(immutable=True)])
@pytest.mark.parametrize("agent", [Agent.HOST, Agent.NON_SNP_GUEST, Agent.DEVICE])
def test_write_to_an_unassigned_page_completes(scene, agent, entry):
    scene.machine.rmp.store(HEAD, entry)
    assert scene.access(AccessKind.WRITE, agent=agent, cpu=LEGACY).result == Event.COMPLETES


def test_host_write_to_an_uncovered_page_completes(scene):
    assert scene.access(AccessKind.WRITE, agent=Agent.HOST, spa=1 << 50).result == Event.COMPLETES


@pytest.mark.parametrize("as_given", [False, True])
def test_page_below_an_unassigned_2m_head_is_taken_for_the_hosts_where_size_is_stored_as_given(as_given):
    scene = Scene(replace(GENOA, knobs=Knobs(unassigned_is_4k=not as_given)), guest_tables=0)
    scene.unassign(SPA, size=1)
    assert scene.rmpupdate(SPA + PAGE, gpa=GPA).result == Eax.SUCCESS
    writes = scene.access(AccessKind.WRITE, agent=Agent.HOST, spa=SPA + PAGE)
    own = scene.access(AccessKind.READ, spa=SPA + PAGE)
    accepts = scene.pvalidate(GPA, SPA + PAGE)
    large = scene.access(AccessKind.WRITE, agent=Agent.HOST, spa=SPA + PAGE, mapping=MappingSize.MAP_2M)
    assert writes.result == (Event.COMPLETES if as_given else Event.PF)
    assert (own.result, own.check) == ((Event.NPF, "guest-owned") if as_given else (Event.VC, "validated"))
    assert (accepts.result, accepts.check) == ((Event.NPF, "guest-owned") if as_given else (Eax.SUCCESS, "changed"))
    assert large.result == Event.PF


def test_legacy_guest_write_to_an_assigned_page_is_nested_fault(scene):
    completion = scene.access(AccessKind.WRITE, agent=Agent.NON_SNP_GUEST, cpu=LEGACY, c_bit=False)
    assert (completion.result, completion.error) == (Event.NPF, VIOLATION | NpfInfo.W)
    assert completion.address == GPA


@pytest.mark.parametrize("agent", [Agent.HOST, Agent.NON_SNP_GUEST])
def test_walk_read_of_an_assigned_page_completes_where_the_knob_says(agent):
    scene = Scene(replace(GENOA, knobs=Knobs(walk_reads_checked=False)), guest_tables=0)
    scene.give()
    assert scene.access(AccessKind.WALK_READ, agent=agent, cpu=LEGACY).result == Event.COMPLETES
    assert scene.access(AccessKind.WALK_WRITE, agent=agent, cpu=LEGACY).result != Event.COMPLETES


def test_device_write_to_an_assigned_page_faults_unless_the_knob_says(scene):
    assert scene.access(AccessKind.WRITE, agent=Agent.DEVICE).result == Event.IOMMU_FAULT
    assert scene.access(AccessKind.READ, agent=Agent.DEVICE).result == Event.COMPLETES
    unchecked = Scene(replace(GENOA, knobs=Knobs(device_writes_checked=False)), guest_tables=0)
    unchecked.give()
    assert unchecked.access(AccessKind.WRITE, agent=Agent.DEVICE).result == Event.COMPLETES


@pytest.mark.parametrize(
    ("entry", "check"),
    [
        (RmpEntry(), "guest-owned"),
        (RmpEntry(True, asid=OTHER_ASID, gfn=GPA >> 12, validated=True), "guest-owned"),
        (RmpEntry(asid=GUEST_ASID, gfn=GPA >> 12, validated=True), "guest-owned"),
        (RmpEntry(True, asid=GUEST_ASID, gfn=(GPA >> 12) + 1, validated=True), "reverse-map"),
        (RmpEntry(True, asid=GUEST_ASID, gfn=GPA >> 12, validated=True, immutable=True), "mutable"),
        (RmpEntry(True, PageSize.SIZE_2M, asid=GUEST_ASID, gfn=GPA >> 12, validated=True), "page-size"),
    ],
)
def test_private_access_failing_one_check_is_nested_fault(scene, entry, check):
    scene.machine.rmp.store(HEAD, entry)
    completion = scene.access(AccessKind.READ)
    assert (completion.result, completion.check, completion.error) == (Event.NPF, check, PRIVATE)


def test_private_access_to_an_uncovered_page_is_nested_fault(scene):
    assert scene.access(AccessKind.READ, spa=1 << 50).check == "covered"


@pytest.mark.parametrize("mapping", [MappingSize.MAP_2M, MappingSize.MAP_1G])
def test_private_access_through_a_large_mapping_needs_a_2m_page(scene, mapping):
    assert scene.access(AccessKind.READ, mapping=mapping).check == "page-size"
    scene.unassign(SPA)
    scene.give(size=PageSize.SIZE_2M)
    where = {"spa": SPA + 7 * PAGE, "gpa": GPA + 7 * PAGE}
    assert scene.access(AccessKind.READ, mapping=mapping, **where).result == Event.COMPLETES
    assert scene.access(AccessKind.READ, mapping=mapping, spa=SPA + 7 * PAGE).check == "reverse-map"


@pytest.mark.parametrize(
    ("kind", "bits"),
    [
        (AccessKind.READ, NpfInfo.FINAL_GPA),
        (AccessKind.WRITE, NpfInfo.FINAL_GPA | NpfInfo.W),
        (AccessKind.FETCH, NpfInfo.FINAL_GPA | NpfInfo.ID),
        (AccessKind.WALK_READ, NpfInfo.WALK),
        (AccessKind.WALK_WRITE, NpfInfo.WALK | NpfInfo.W),
        (AccessKind.SSS_READ, NpfInfo.FINAL_GPA | NpfInfo.SS),
        (AccessKind.SSS_WRITE, NpfInfo.FINAL_GPA | NpfInfo.SS | NpfInfo.W),
    ],
)
def test_private_access_of_each_kind_reports_it(scene, kind, bits):
    completion = scene.access(kind, gpa=GPA + PAGE)
    assert completion.error == NpfInfo.P | NpfInfo.U | NpfInfo.RMP | NpfInfo.ENC | bits


def test_size_mismatch_is_reported_before_validated(scene):
    scene.pvalidate(validate=False)
    assert scene.access(AccessKind.READ, mapping=MappingSize.MAP_2M).result == Event.NPF


def test_validated_is_reported_before_vmpl(scene):
    scene.pvalidate(validate=False)
    assert scene.access(AccessKind.READ, cpu=scene.at_vmpl(1)).result == Event.VC


def test_unvalidated_access_with_reflected_vc_exits_with_the_code(scene):
    scene.pvalidate(validate=False)
    completion = scene.access(AccessKind.READ, cpu=replace(scene.cpu, reflect_vc=True))
    assert (completion.result, completion.error) == (Event.VMEXIT, 0x404)


@pytest.mark.parametrize(
    ("mask", "allowed"),
    [
        (0x0, set()),
        (0x1, {AccessKind.READ, AccessKind.WALK_READ, AccessKind.SSS_READ}),
        (0x2, set()),
        (0x3, set(AccessKind) - {AccessKind.FETCH}),
        (0x4, set()),
        (0x8, {AccessKind.FETCH}),
    ],
)
def test_mask_allows_exactly_its_kinds(scene, mask, allowed):
    with_mask(scene, mask)
    cpu = scene.at_vmpl(1)
    assert {kind for kind in AccessKind if scene.access(kind, cpu=cpu).result == Event.COMPLETES} == allowed


def test_execute_user_is_for_cpl_3_only(scene):
    with_mask(scene, 0x4)
    assert scene.access(AccessKind.FETCH, cpu=scene.at_vmpl(1, cpl=3)).result == Event.COMPLETES
    with_mask(scene, 0x8)
    assert scene.access(AccessKind.FETCH, cpu=scene.at_vmpl(1, cpl=3)).error == PRIVATE | NpfInfo.ID | NpfInfo.VMPL


def test_shadow_stack_access_needs_its_bit_where_vmpl_sss_is_enabled(scene):
    with_mask(scene, 0x3)
    cpu = replace(scene.at_vmpl(1), vmpl_sss=True)
    completion = scene.access(AccessKind.SSS_WRITE, cpu=cpu)
    assert completion.error == PRIVATE | NpfInfo.W | NpfInfo.SS | NpfInfo.VMPL
    with_mask(scene, 0x13)
    assert scene.access(AccessKind.SSS_WRITE, cpu=cpu).result == Event.COMPLETES


def test_vmpl_fault_reports_the_shadow_stack_bit_of_the_mask(scene):
    with_mask(scene, 0x10)
    cpu = replace(scene.at_vmpl(1), vmpl_sss=True)
    assert scene.access(AccessKind.READ, cpu=cpu).error == PRIVATE | NpfInfo.VMPL | NpfInfo.SSS
    assert scene.access(AccessKind.READ, cpu=scene.at_vmpl(1)).error == PRIVATE | NpfInfo.VMPL


def test_shadow_stack_bit_means_nothing_without_the_feature():
    scene = Scene(replace(GENOA, features=Features()), guest_tables=0)
    scene.give()
    cpu = replace(scene.cpu, vmpl_sss=True)
    assert scene.machine.rmp.load(HEAD).perms[0] == 0x0F
    assert scene.access(AccessKind.SSS_WRITE, cpu=cpu).result == Event.COMPLETES


def test_shared_shadow_stack_access_is_page_fault_where_vmpl_sss_is_enabled(scene):
    cpu = replace(scene.cpu, vmpl_sss=True)
    completion = scene.access(AccessKind.SSS_READ, cpu=cpu, c_bit=False)
    assert (completion.result, completion.error) == (Event.PF, PfError.P | PfError.RSV | PfError.SS)
    assert scene.access(AccessKind.SSS_READ, c_bit=False).result == Event.COMPLETES


@pytest.mark.parametrize("kind", [AccessKind.FETCH, AccessKind.WALK_READ, AccessKind.WALK_WRITE])
def test_fetch_and_walk_are_private_whatever_the_c_bit(scene, kind):
    assert scene.access(kind, c_bit=False).result == Event.COMPLETES
    scene.unassign(SPA)
    completion = scene.access(kind, c_bit=False)
    assert completion.result == Event.NPF
    assert completion.error & NpfInfo.ENC


# Recorded: a host write to the AVIC backing page of a running guest without SNP takes #PF 8000_0003h.
def test_host_write_to_a_page_in_use_faults_with_the_recorded_word():
    scene = Scene(guest_tables=0)
    scene.machine.in_use.add(HEAD)
    completion = scene.access(AccessKind.WRITE, agent=Agent.HOST)
    assert (completion.check, completion.error) == ("in-use", 0x8000_0003)


def test_host_write_to_a_page_in_use_completes_with_the_feature():
    scene = Scene(TURIN, guest_tables=0)
    scene.machine.in_use.add(HEAD)
    assert scene.access(AccessKind.WRITE, agent=Agent.HOST).result == Event.COMPLETES
    assert scene.access(AccessKind.WRITE, agent=Agent.NON_SNP_GUEST, cpu=LEGACY).check == "in-use"
    scene.rmpupdate(SPA + PAGE)
    scene.machine.in_use.add(HEAD + 1)
    assert scene.access(AccessKind.WRITE, agent=Agent.HOST, spa=SPA + PAGE).check == "hypervisor-owned"


def test_page_in_use_fails_its_owner_and_lets_unchecked_reads_pass(scene):
    scene.machine.in_use.add(HEAD)
    assert scene.access(AccessKind.READ).check == "in-use"
    assert scene.access(AccessKind.READ, c_bit=False).result == Event.COMPLETES
    assert scene.access(AccessKind.WRITE, c_bit=False).check == "in-use"
    assert scene.access(AccessKind.READ, agent=Agent.HOST).result == Event.COMPLETES


def test_secure_avic_backing_page_faults_are_not_restartable(scene):
    access = Access(Agent.SNP_GUEST, AccessKind.WRITE, SPA, gpa=GPA + PAGE, c_bit=True, restartable=False)
    assert check_access(scene.machine, scene.cpu, access).error == PRIVATE | NpfInfo.W | NpfInfo.NOT_RESTARTABLE
    scene.pvalidate(validate=False)
    unvalidated = check_access(scene.machine, scene.cpu, replace(access, gpa=GPA))
    assert (unvalidated.result, unvalidated.error) == (Event.VC, 0x406)


def test_no_access_is_checked_without_snp():
    scene = Scene(replace(GENOA, snp_enabled=False), guest_tables=0)
    scene.machine.rmp.store(HEAD, RmpEntry(True))
    assert scene.access(AccessKind.WRITE, agent=Agent.HOST).result == Event.COMPLETES


@pytest.mark.parametrize(
    ("agent", "error"),
    [
        (Agent.HOST, HOST_VIOLATION | PfError.W | PfError.RSV),
        (Agent.SNP_GUEST, PRIVATE | NpfInfo.W | NpfInfo.RSV),
    ],
)
def test_access_meeting_a_reserved_segment_bit_faults_with_rsv(agent, error):
    limits = replace(TURIN.segment_limits, only_cached_usable=False)
    scene = Scene(replace(TURIN, segment_limits=limits), guest_tables=0)
    scene.machine.memory.write_raw(0x10_4006, b"\x10")
    assert scene.access(AccessKind.WRITE, agent=agent).error == error


def test_legacy_guest_walk_of_an_assigned_page_reports_its_own_c_bit(scene):
    kind, agent = AccessKind.WALK_WRITE, Agent.NON_SNP_GUEST
    plain = scene.access(kind, agent=agent, cpu=LEGACY, c_bit=False)
    assert plain.error == NpfInfo.P | NpfInfo.U | NpfInfo.RMP | NpfInfo.WALK | NpfInfo.W
    assert scene.access(kind, agent=agent, cpu=LEGACY).error == plain.error | NpfInfo.ENC
