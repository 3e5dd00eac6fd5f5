"""From GCTX_CREATE to DECOMMISSION: contexts, policies, ASIDs on core complexes, keys."""

from dataclasses import replace

import pytest

from impl.firmware.asids import CcxState
from impl.firmware.buffers import ActivateBuffer, ActivateExBuffer, GuestContextBuffer
from impl.firmware.command_ids import CommandId
from impl.firmware.environment import Environment, Topology
from impl.firmware.guest_context import Activation
from impl.firmware.launch_buffers import LaunchFinishBuffer, LaunchStartBuffer
from impl.firmware.memory_map import Span
from impl.machine import Configuration
from impl.memory.agents import host_read
from impl.memory.encryption_mode import ADDRESS_BOUND, XE_PUBLIC, XEX_SECRET, XTS_128, XTS_256
from spec.vocabulary import GuestPolicy, GuestState, PageState, Status
from tests.impl.firmware.host import ASID, GCTX, GPA, PAGE, POLICY, SPA, TARGET, UNCOVERED, Host

CONTEXT = GuestContextBuffer(gctx_paddr=GCTX)


def test_gctx_create_zeroes_the_page_and_keeps_the_guest_inside():
    host = Host().initialise()
    host.machine.memory.write_raw(GCTX, b"secret")
    guest = host.create()
    assert host.state(GCTX) == PageState.CONTEXT
    assert host.machine.memory.read_raw(GCTX, PAGE) == bytes(PAGE)
    assert (guest.state, guest.asid, guest.launch_digest) == (GuestState.INIT, 0, bytes(48))


@pytest.mark.parametrize(
    ("spa", "status", "check"),
    [
        (GCTX, Status.INVALID_PAGE_STATE, "page-state"),
        (UNCOVERED, Status.INVALID_PAGE_STATE, "page-state"),
        (0x10_0000, Status.INVALID_PARAM, "rmp-address"),
    ],
)
def test_gctx_create_needs_a_donated_page(spa, status, check):
    host = Host().initialise()
    host.refused(status, check, CommandId.GCTX_CREATE, GuestContextBuffer(gctx_paddr=spa))


def test_gctx_create_of_a_2m_page_is_a_size_error():
    host = Host().initialise()
    host.donate(SPA, size=1)
    host.refused(Status.INVALID_PAGE_SIZE, "page-size", CommandId.GCTX_CREATE, GuestContextBuffer(gctx_paddr=SPA))


def test_gctx_create_in_a_ring_buffer_is_an_address_error():
    memory_map = replace(Environment().memory_map, ring_buffers=(Span(GCTX, GCTX + PAGE - 1),))
    host = Host(environment=Environment(memory_map=memory_map)).initialise()
    host.donate(GCTX)
    host.refused(Status.INVALID_ADDRESS, "address", CommandId.GCTX_CREATE, CONTEXT)
    assert host.state(GCTX) == PageState.FIRMWARE


def test_gctx_create_between_regions_of_dram_is_a_config_error():
    memory_map = replace(Environment().memory_map, dram=(Span(0, GCTX + 0x7FF), Span(GCTX + 0x800, 1 << 32)))
    host = Host(environment=Environment(memory_map=memory_map)).initialise()
    host.change_entry(GCTX, **vars(host.entry(0x10_0000)) | {"subpage_count": 0})
    host.refused(Status.INVALID_CONFIG, "dram-region", CommandId.GCTX_CREATE, CONTEXT)


@pytest.mark.parametrize(
    ("policy", "check"),
    [
        (GuestPolicy.SMT, "policy-reserved-one"),
        (GuestPolicy.RESERVED_ONE, "policy-smt"),
        (POLICY | 0x0138, "policy-abi"),
        (POLICY | 0x0200, "policy-abi"),
        (POLICY | 1 << 21, "policy-reserved-bits"),
        (POLICY | 1 << 63, "policy-reserved-bits"),
    ],
)
def test_launch_start_refuses_a_policy_it_cannot_keep(policy, check):
    host = Host().initialise()
    guest = host.create()
    buffer = LaunchStartBuffer(gctx_paddr=GCTX, policy=policy)
    host.refused(Status.POLICY_FAILURE, check, CommandId.LAUNCH_START, buffer)
    assert (guest.state, guest.policy, host.firmware.guest_count) == (GuestState.INIT, 0, 0)


@pytest.mark.parametrize("policy", [POLICY, POLICY | 0x0137, POLICY | 0x00FF])
def test_launch_start_takes_a_policy_up_to_its_own_version(policy):
    host = Host().initialise()
    host.create()
    host.ok(CommandId.LAUNCH_START, LaunchStartBuffer(gctx_paddr=GCTX, policy=policy))


def test_launch_start_without_smt_takes_a_policy_without_smt():
    host = Host(environment=Environment(topology=Topology(smt_enabled=False))).initialise()
    host.create()
    host.ok(CommandId.LAUNCH_START, LaunchStartBuffer(gctx_paddr=GCTX, policy=GuestPolicy.RESERVED_ONE))


def test_launch_start_with_a_migration_agent_checks_both_policies():
    host = Host().initialise()
    agent_page, policy = GCTX + PAGE, POLICY | GuestPolicy.MIGRATE_MA
    agent = host.create(agent_page)
    guest = host.create()
    buffer = LaunchStartBuffer(gctx_paddr=GCTX, policy=policy, ma_en=1, ma_gctx_paddr=agent_page)
    strict = replace(buffer, policy=policy | GuestPolicy.SINGLE_SOCKET)
    host.refused(Status.POLICY_FAILURE, "policy-single-socket", CommandId.LAUNCH_START, strict)
    agent.migration_agent = 0x1000
    host.refused(Status.POLICY_FAILURE, "policy-agent-not-migratable", CommandId.LAUNCH_START, buffer)
    agent.migration_agent = None
    agent.report_id = b"agent".ljust(32)
    host.ok(CommandId.LAUNCH_START, buffer)
    assert (guest.migration_agent, guest.report_id_ma) == (agent_page, agent.report_id)


def test_launch_start_draws_keys_that_all_differ():
    host = Host().initialise()
    guest = host.launch()
    keys = [guest.memory_key, guest.offline_key, guest.root_key, guest.report_id, *guest.vmpcks]
    assert len(set(keys)) == 8
    assert guest.report_id_ma == b"\xff" * 32
    assert host.firmware.guest_count == 1


def started(environment: Environment | None = None, policy: int = POLICY) -> Host:
    host = Host(environment=environment).initialise()
    host.create()
    host.ok(CommandId.LAUNCH_START, LaunchStartBuffer(gctx_paddr=GCTX, policy=policy))
    return host


def activate(asid: int = ASID) -> ActivateBuffer:
    return ActivateBuffer(gctx_paddr=GCTX, asid=asid)


def test_activate_right_after_init_needs_a_flush():
    host = Host()
    host.ok(CommandId.INIT)
    host.create()
    host.ok(CommandId.LAUNCH_START, LaunchStartBuffer(gctx_paddr=GCTX, policy=POLICY))
    host.refused(Status.DF_FLUSH_REQUIRED, "asid-flushed", CommandId.ACTIVATE, activate())
    host.refused(Status.WBINVD_REQUIRED, "wbinvd", CommandId.DF_FLUSH)
    host.processor.wbinvd(range(2))
    host.refused(Status.WBINVD_REQUIRED, "wbinvd", CommandId.DF_FLUSH)
    assert host.firmware.asids.ccxs_in(ASID, CcxState.CLEAN) == {0}  # the cores of the first CCX are done
    host.refused(Status.DF_FLUSH_REQUIRED, "asid-flushed", CommandId.ACTIVATE, activate())
    host.flush()
    host.ok(CommandId.ACTIVATE, activate())


@pytest.mark.parametrize(
    ("asid", "status", "check"),
    [
        (2048, Status.INVALID_ASID, "asid-range"),
        (1007, Status.INVALID_ASID, "asid-range"),
        (0, Status.INVALID_ASID, "asid-range"),
        (100, Status.INVALID_ASID, "asid-snp"),
    ],
)
def test_activate_of_an_asid_that_snp_guests_cannot_have(asid, status, check):
    started().refused(status, check, CommandId.ACTIVATE, activate(asid))


def test_activate_with_a_page_still_assigned_is_a_config_error():
    """Vector 27; it is judged before the ASID's range."""
    host = started()
    host.rmpupdate(SPA, asid=ASID, gpa=GPA, immutable=False)
    host.refused(Status.INVALID_CONFIG, "asid-owns-no-page", CommandId.ACTIVATE, activate())
    host.release(SPA)
    host.ok(CommandId.ACTIVATE, activate())


def test_activate_of_another_guests_asid_is_owned():
    host = started()
    host.ok(CommandId.ACTIVATE, activate())
    host.create(TARGET)
    host.ok(CommandId.LAUNCH_START, LaunchStartBuffer(gctx_paddr=TARGET, policy=POLICY))
    other = ActivateBuffer(gctx_paddr=TARGET, asid=ASID)
    host.refused(Status.ASID_OWNED, "asid-free", CommandId.ACTIVATE, other)
    host.refused(Status.ACTIVE, "inactive", CommandId.ACTIVATE, activate(6))


def test_activate_of_a_single_socket_guest_on_two_sockets_is_a_policy_failure():
    environment = Environment(topology=Topology(sockets=2))
    host = started(environment, POLICY | GuestPolicy.SINGLE_SOCKET)
    host.refused(Status.POLICY_FAILURE, "policy-single-socket", CommandId.ACTIVATE, activate(0))


def activate_ex(host: Host, *apic_ids: int, asid: int = ASID) -> ActivateExBuffer:
    host.machine.memory.write_raw(TARGET, b"".join(each.to_bytes(4, "little") for each in apic_ids))
    return ActivateExBuffer(length=0x20, gctx_paddr=GCTX, asid=asid, numids=len(apic_ids), ids_paddr=TARGET)


def test_activate_ex_adds_core_complexes_and_keeps_the_asid():
    host = started()
    host.ok(CommandId.ACTIVATE_EX, activate_ex(host, 0, 1))
    assert host.firmware.asids.ccxs_in(ASID, CcxState.ALLOCATED) == {0}
    host.refused(Status.ACTIVE, "same-asid", CommandId.ACTIVATE_EX, activate_ex(host, 4, asid=6))
    host.rmpupdate(SPA, asid=ASID, gpa=GPA)  # the counter is not asked again
    host.ok(CommandId.ACTIVATE_EX, activate_ex(host, 4))
    assert host.firmware.asids.ccxs_in(ASID, CcxState.ALLOCATED) == {0, 1}
    host.finish()
    assert host.firmware.asids.ccxs_in(ASID, CcxState.IN_USE) == {0, 1}


def test_activate_ex_of_a_processor_that_does_not_exist_is_refused():
    host = started()
    host.refused(Status.INVALID_PARAM, "apic-ids", CommandId.ACTIVATE_EX, activate_ex(host, 0, 99))


def test_activate_ex_keeps_a_single_socket_guest_on_its_socket():
    host = started(Environment(topology=Topology(sockets=2)), POLICY | GuestPolicy.SINGLE_SOCKET)
    host.refused(Status.POLICY_FAILURE, "policy-single-socket", CommandId.ACTIVATE_EX, activate_ex(host, 0, 8))
    host.ok(CommandId.ACTIVATE_EX, activate_ex(host, 8))
    host.refused(Status.POLICY_FAILURE, "policy-single-socket", CommandId.ACTIVATE_EX, activate_ex(host, 0))


def activation(host: Host) -> Activation:
    return host.firmware.contexts[GCTX >> 12].activation


def test_asid_is_runnable_only_once_the_launch_is_finished():
    host = Host().initialise()
    host.launch()
    assert activation(host) == Activation.PENDING
    assert ASID in host.machine.invalid_asids
    assert host.machine.engine.has_key(ASID)
    host.finish()
    assert activation(host) == Activation.ACTIVE
    assert ASID not in host.machine.invalid_asids


@pytest.mark.parametrize("mode", [XE_PUBLIC, XEX_SECRET, ADDRESS_BOUND, XTS_128, XTS_256], ids=repr)
def test_firmware_makes_a_key_of_the_machine_s_cipher_and_installs_it(mode):
    host = Host(Configuration(encryption=mode)).initialise()
    host.launch()
    key = host.firmware.contexts[GCTX >> 12].memory_key
    assert len(key) == mode.key_bytes
    assert host.machine.engine.key_of(ASID) == key
    host.finish()
    host.machine.memory.write(SPA, b"private", ASID)
    assert host.machine.memory.read(SPA, 7, ASID) == b"private"
    assert host_read(host.machine, SPA, 7) != b"private"


def test_decommission_of_a_guest_that_ran_makes_its_asid_dirty_and_keeps_the_key():
    host = Host().initialise()
    host.run_guest()
    host.ok(CommandId.DECOMMISSION, CONTEXT)
    assert host.state(GCTX) == PageState.FIRMWARE
    assert host.firmware.asids.ccxs_in(ASID, CcxState.DIRTY) == {0, 1}
    assert (ASID in host.machine.invalid_asids, host.machine.engine.has_key(ASID)) == (True, True)
    assert host.firmware.guest_count == 0
    host.refused(Status.WBINVD_REQUIRED, "wbinvd", CommandId.DF_FLUSH)


def test_decommission_of_a_guest_that_never_ran_leaves_its_asid_clean():
    host = Host().initialise()
    host.launch()
    host.ok(CommandId.DECOMMISSION, CONTEXT)
    assert host.firmware.asids.all_clean(ASID)


def test_launch_finish_twice_is_a_guest_state_error():
    host = Host().initialise()
    host.run_guest()
    host.refused(
        Status.INVALID_GUEST_STATE, "guest-state", CommandId.LAUNCH_FINISH, LaunchFinishBuffer(gctx_paddr=GCTX)
    )


def test_running_guest_that_gets_an_asid_is_active_at_once():
    host = Host().initialise()
    guest = host.create()
    guest.state = GuestState.RUNNING  # as after an import
    host.ok(CommandId.ACTIVATE, activate())
    assert (guest.activation, ASID in host.machine.invalid_asids) == (Activation.ACTIVE, False)
    assert host.firmware.asids.ccxs_in(ASID, CcxState.IN_USE) == {0, 1}


def test_activate_ex_keeps_a_single_socket_guest_with_its_migration_agent():
    host = Host(environment=Environment(topology=Topology(sockets=2))).initialise()
    agent_page, policy = GCTX + PAGE, POLICY | GuestPolicy.SINGLE_SOCKET
    agent = host.create(agent_page)
    host.ok(CommandId.LAUNCH_START, LaunchStartBuffer(gctx_paddr=agent_page, policy=policy))
    host.create()
    bound = LaunchStartBuffer(
        gctx_paddr=GCTX, policy=policy | GuestPolicy.MIGRATE_MA, ma_en=1, ma_gctx_paddr=agent_page
    )
    host.ok(CommandId.LAUNCH_START, bound)
    refused = (Status.POLICY_FAILURE, "migration-agent-active", CommandId.ACTIVATE_EX)
    host.refused(*refused, activate_ex(host, 0))
    host.ok(CommandId.ACTIVATE_EX, replace(activate_ex(host, 8, asid=6), gctx_paddr=agent_page))
    host.refused(*refused, activate_ex(host, 8))  # pending is not active
    host.finish(agent_page)
    assert agent.ccxs == {2}
    host.refused(Status.POLICY_FAILURE, "policy-single-socket", CommandId.ACTIVATE_EX, activate_ex(host, 0))
    host.ok(CommandId.ACTIVATE_EX, activate_ex(host, 8))


@pytest.mark.parametrize(
    ("asid", "status", "check"),
    [
        (ASID, Status.INVALID_CONFIG, "asid-owns-no-page"),
        (2048, Status.INVALID_ASID, "asid-range"),
        (1007, Status.INVALID_ASID, "asid-range"),
        (100, Status.INVALID_ASID, "asid-snp"),
    ],
)
def test_activate_ex_judges_the_asid_as_activate_does(asid, status, check):
    host = started()
    host.rmpupdate(SPA, asid=ASID, gpa=GPA)
    host.refused(status, check, CommandId.ACTIVATE_EX, activate_ex(host, 0, asid=asid))


def test_activate_ex_of_another_guests_asid_is_owned():
    host = started()
    host.ok(CommandId.ACTIVATE_EX, activate_ex(host, 0))
    other = TARGET + PAGE
    host.create(other)
    host.ok(CommandId.LAUNCH_START, LaunchStartBuffer(gctx_paddr=other, policy=POLICY))
    taken = replace(activate_ex(host, 4), gctx_paddr=other)
    host.refused(Status.ASID_OWNED, "asid-clean", CommandId.ACTIVATE_EX, taken)
