"""The commands of a legacy launch: what each does, and each of its checks by name."""

import hmac
from dataclasses import replace
from hashlib import sha256

import pytest

from impl.firmware.asids import CcxState
from impl.firmware.command_ids import CommandId
from impl.firmware.environment import Environment
from impl.firmware.guest_context import Activation
from impl.firmware.legacy.buffers import (
    LegacyActivateBuffer,
    LegacyInitBuffer,
    LegacyLaunchFinishBuffer,
    LegacyLaunchMeasureBuffer,
    LegacyLaunchStartBuffer,
    LegacyLaunchUpdateBuffer,
)
from impl.firmware.legacy.command_ids import LegacyCommandId
from impl.firmware.legacy.guest import LegacyGuestState, LegacyPolicy
from impl.machine import GENOA
from impl.memory.agents import host_read
from impl.memory.engine import HOST_ASID
from impl.registers import SYSCFG_MEMORY_ENCRYPTION, Msr
from spec.vocabulary import Limit, Status
from tests.impl.firmware.legacy.host import BUFFER, ES, ES_ASID, MEASURED, PAGE, SEV, SEV_ASID, SPA, TMR, LegacyHost

CONTENT = bytes(range(256)) * 16


@pytest.fixture
def host() -> LegacyHost:
    return LegacyHost().initialise()


# --- a whole launch ---


@pytest.mark.parametrize(("policy", "asid"), [(SEV, SEV_ASID), (ES, ES_ASID)], ids=["SEV", "SEV-ES"])
def test_launched_guest_reads_its_memory_and_the_host_reads_ciphertext(host, policy, asid):
    handle = host.launch(policy)
    host.load(handle, SPA, CONTENT)
    assert asid in host.machine.invalid_asids
    host.measure(handle)
    host.finish(handle)
    assert host.machine.memory.read(SPA, PAGE, asid) == CONTENT
    assert host_read(host.machine, SPA, PAGE) != CONTENT
    assert asid not in host.machine.invalid_asids
    assert host.firmware.asids.ccxs_in(asid, CcxState.IN_USE) == {0, 1}
    guest = host.guest(handle)
    assert (guest.state, guest.activation) == (LegacyGuestState.RUNNING, Activation.ACTIVE)


def test_digest_is_sha256_of_data_and_vmsas_in_launch_order(host):
    handle = host.launch(ES)
    host.load(handle, SPA, CONTENT)
    host.load(handle, SPA + 0x5010, b"sixteen bytes !!")
    host.load(handle, SPA + 0x8000, bytes(PAGE), vmsa=True)
    host.measure(handle)
    assert host.digest(handle) == sha256(CONTENT + b"sixteen bytes !!" + bytes(PAGE)).digest()


def test_measurement_binds_digest_policy_version_and_nonce(host):
    handle = host.launch()
    host.load(handle, SPA, CONTENT)
    measurement = host.measure(handle)
    message = bytes([4, 1, 55, 25]) + int(SEV).to_bytes(4, "little") + sha256(CONTENT).digest() + measurement.mnonce
    assert measurement.measure == hmac.digest(bytes(16), message, "sha256")
    assert len(set(measurement.mnonce)) > 1


def test_update_of_a_long_span_is_one_of_its_pages(host):
    spans = host.launch(), host.launch(ES)
    host.load(spans[0], SPA, CONTENT * 40)
    for page in range(40):
        host.load(spans[1], SPA + 0x10_0000 + page * PAGE, CONTENT)
    for handle in spans:
        host.measure(handle)
    assert host.digest(spans[0]) == host.digest(spans[1])
    assert host.machine.memory.read(SPA, 40 * PAGE, SEV_ASID) == CONTENT * 40


def test_update_encrypts_its_blocks_and_no_other(host):
    handle = host.launch()
    host.machine.memory.write_raw(SPA, CONTENT)
    host.load(handle, SPA + 32, CONTENT[32:64])
    after = host_read(host.machine, SPA, PAGE)
    assert after[:32] + after[64:] == CONTENT[:32] + CONTENT[64:]
    assert after[32:64] != CONTENT[32:64]
    assert host.machine.memory.read(SPA + 32, 32, SEV_ASID) == CONTENT[32:64]


def test_guests_that_share_a_key_read_each_other(host):
    first = host.launch()
    host.load(first, SPA, CONTENT)
    second = host.start(SEV, shared=first)
    host.activate(second, SEV_ASID + 1)
    assert host.machine.memory.read(SPA, PAGE, SEV_ASID + 1) == CONTENT


def test_guests_that_share_no_key_do_not(host):
    first, _ = host.launch(), host.launch(asid=SEV_ASID + 1)
    host.load(first, SPA, CONTENT)
    assert host.machine.memory.read(SPA, PAGE, SEV_ASID + 1) != CONTENT


def test_guest_activated_after_its_launch_may_run_at_once(host):
    handle = host.start()
    host.measure(handle)
    host.finish(handle)
    host.activate(handle, SEV_ASID)
    assert host.guest(handle).activation == Activation.ACTIVE
    assert SEV_ASID not in host.machine.invalid_asids


# --- INIT ---

INIT = LegacyCommandId.INIT


def test_init_twice_is_refused(host):
    host.refused(Status.INVALID_PLATFORM_STATE, "platform-state", INIT, LegacyInitBuffer())


def test_init_without_memory_encryption_is_refused():
    host = LegacyHost()
    host.machine.registers[Msr.SYSCFG] &= ~SYSCFG_MEMORY_ENCRYPTION
    host.refused(Status.HARDWARE_PLATFORM, "memory-encryption", INIT, LegacyInitBuffer())
    host = LegacyHost()
    host.firmware.environment = Environment(dram_encryption=False)
    host.refused(Status.HARDWARE_PLATFORM, "memory-encryption", INIT, LegacyInitBuffer())


def test_init_with_reserved_bits_is_refused():
    host = LegacyHost()
    host.machine.memory.write_raw(BUFFER, b"\x02".ljust(LegacyInitBuffer.LENGTH, b"\0"))
    answer = host.processor.execute(INIT, BUFFER)
    assert (answer.result, answer.check) == (Status.INVALID_CONFIG, "reserved-bits")


def test_init_with_snp_enabled_needs_an_rmp():
    LegacyHost(GENOA).refused(Status.INVALID_PLATFORM_STATE, "rmp-initialised", INIT, LegacyInitBuffer())


@pytest.mark.parametrize(
    ("region", "status", "check"),
    [
        ({"tmr_paddr": TMR + PAGE, "tmr_length": 1 << 20}, Status.INVALID_ADDRESS, "tmr-alignment"),
        ({"tmr_paddr": TMR, "tmr_length": 1 << 21}, Status.INVALID_LENGTH, "tmr-length"),
        ({"tmr_paddr": 0xF000_0000, "tmr_length": 1 << 20}, Status.INVALID_ADDRESS, "address"),
        ({"tmr_paddr": 1 << 34, "tmr_length": 1 << 20}, Status.INVALID_CONFIG, "address"),
    ],
)
def test_init_with_an_unusable_trusted_region_is_refused(region, status, check):
    host = LegacyHost()
    host.refused(status, check, INIT, LegacyInitBuffer(es=1, **region))
    assert not host.firmware.sev_initialised


def test_trusted_region_may_not_be_named_by_commands(host):
    handle = host.launch()
    buffer = LegacyLaunchUpdateBuffer(handle=handle, paddr=TMR, length=16)
    host.refused(Status.INVALID_ADDRESS, "address", LegacyCommandId.LAUNCH_UPDATE_DATA, buffer)


def test_snp_is_not_initialised_beside_legacy_sev(host):
    answer = host.processor.execute(CommandId.INIT)
    assert (answer.result, answer.check) == (Status.INVALID_PLATFORM_STATE, "platform-state")


@pytest.mark.parametrize("command", [LegacyCommandId.SEND_START, LegacyCommandId.SHUTDOWN])
def test_command_that_is_not_built_says_so(host, command):
    host.refused(Limit.NOT_MODELLED, "command-id", command)


def test_legacy_commands_beside_snp_are_not_built():
    host = LegacyHost(GENOA)
    assert host.processor.command(CommandId.INIT) == Status.SUCCESS
    host.refused(Limit.NOT_MODELLED, "snp-initialised", INIT, LegacyInitBuffer())


# --- LAUNCH_START ---

START = LegacyCommandId.LAUNCH_START


def test_launch_start_before_init_is_refused():
    LegacyHost().refused(Status.INVALID_PLATFORM_STATE, "platform-state", START, LegacyLaunchStartBuffer())


def test_launch_start_with_a_session_is_not_built(host):
    host.refused(Limit.NOT_MODELLED, "session", START, LegacyLaunchStartBuffer(dh_cert_paddr=PAGE))


def test_launch_start_sharing_the_key_of_nobody_is_refused(host):
    host.refused(Status.INVALID_GUEST, "shared-handle", START, LegacyLaunchStartBuffer(handle=1))


@pytest.mark.parametrize(("first", "second"), [(SEV, 0), (SEV | LegacyPolicy.NOKS, SEV | LegacyPolicy.NOKS)])
def test_launch_start_sharing_a_key_against_the_policy_is_refused(host, first, second):
    handle = host.start(first)
    buffer = LegacyLaunchStartBuffer(handle=handle, policy=second)
    host.refused(Status.POLICY_FAILURE, "policy-key-sharing", START, buffer)


def test_launch_start_of_an_es_guest_on_a_platform_without_es_is_refused():
    host = LegacyHost().initialise(es=False)
    host.refused(Status.UNSUPPORTED, "policy-es", START, LegacyLaunchStartBuffer(policy=ES))


def test_launch_start_of_one_guest_too_many_is_refused(host):
    handles = [host.start() for _ in range(1024)]
    assert handles == list(range(1, 1025))
    host.refused(Status.RESOURCE_LIMIT, "free-handle", START, LegacyLaunchStartBuffer())


# --- ACTIVATE ---

ACTIVATE = LegacyCommandId.ACTIVATE


@pytest.mark.parametrize("asid", [0, 1007])
def test_activate_with_an_asid_that_does_not_exist_is_refused(host, asid):
    buffer = LegacyActivateBuffer(handle=host.start(), asid=asid)
    host.refused(Status.INVALID_ASID, "asid-range", ACTIVATE, buffer)


def test_activate_with_another_guest_s_asid_is_refused(host):
    host.launch()
    buffer = LegacyActivateBuffer(handle=host.start(), asid=SEV_ASID)
    host.refused(Status.ASID_OWNED, "asid-free", ACTIVATE, buffer)


def test_activate_twice_is_refused(host):
    buffer = LegacyActivateBuffer(handle=host.launch(), asid=SEV_ASID + 1)
    host.refused(Status.ACTIVE, "inactive", ACTIVATE, buffer)


def test_activate_with_a_dirty_asid_is_refused():
    host = LegacyHost()
    host.ok(INIT, LegacyInitBuffer())
    buffer = LegacyActivateBuffer(handle=host.start(), asid=SEV_ASID)
    host.refused(Status.DF_FLUSH_REQUIRED, "asid-flushed", ACTIVATE, buffer)
    host.refused(Status.WBINVD_REQUIRED, "wbinvd", LegacyCommandId.DF_FLUSH)


@pytest.mark.parametrize(("policy", "asid"), [(SEV, SEV_ASID - 1), (ES, SEV_ASID)])
def test_activate_with_an_asid_of_the_other_generation_is_refused(host, policy, asid):
    buffer = LegacyActivateBuffer(handle=host.start(policy), asid=asid)
    host.refused(Status.INVALID_ASID, "asid-generation", ACTIVATE, buffer)
    assert not host.machine.engine.has_key(asid)


# --- LAUNCH_UPDATE ---

DATA, VMSA = LegacyCommandId.LAUNCH_UPDATE_DATA, LegacyCommandId.LAUNCH_UPDATE_VMSA


@pytest.mark.parametrize("command", [DATA, VMSA])
def test_launch_update_without_guests_or_of_another_handle_is_refused(host, command):
    buffer = LegacyLaunchUpdateBuffer(handle=7, paddr=SPA, length=PAGE)
    host.refused(Status.INVALID_PLATFORM_STATE, "platform-state", command, buffer)
    host.start()
    host.refused(Status.INVALID_GUEST, "handle", command, buffer)


def test_launch_update_after_the_measurement_is_refused(host):
    handle = host.launch()
    host.measure(handle)
    buffer = LegacyLaunchUpdateBuffer(handle=handle, paddr=SPA, length=PAGE)
    host.refused(Status.INVALID_GUEST_STATE, "guest-state", DATA, buffer)


def test_launch_update_without_an_asid_is_refused(host):
    buffer = LegacyLaunchUpdateBuffer(handle=host.start(), paddr=SPA, length=PAGE)
    host.refused(Status.INACTIVE, "active", DATA, buffer)


@pytest.mark.parametrize(
    ("paddr", "length", "status", "check"),
    [
        (SPA + 8, 16, Status.INVALID_ADDRESS, "alignment"),
        (SPA, 24, Status.INVALID_LENGTH, "length"),
        (SPA, 0, Status.INVALID_LENGTH, "length"),
        (0xF000_0000, 16, Status.INVALID_ADDRESS, "address"),
        (1 << 34, 16, Status.INVALID_CONFIG, "address"),
    ],
)
def test_launch_update_of_anything_but_blocks_in_dram_is_refused(host, paddr, length, status, check):
    buffer = LegacyLaunchUpdateBuffer(handle=host.launch(), paddr=paddr, length=length)
    host.refused(status, check, DATA, buffer)


def test_launch_update_vmsa_of_anything_but_a_page_is_refused(host):
    buffer = LegacyLaunchUpdateBuffer(handle=host.launch(ES), paddr=SPA, length=2 * PAGE)
    host.refused(Status.INVALID_LENGTH, "vmsa-length", VMSA, buffer)


def test_launch_update_vmsa_of_a_guest_without_es_is_refused(host):
    buffer = LegacyLaunchUpdateBuffer(handle=host.launch(SEV), paddr=SPA, length=PAGE)
    host.refused(Status.UNSUPPORTED, "policy-es", VMSA, buffer)


# --- LAUNCH_MEASURE and LAUNCH_FINISH ---


def test_launch_measure_without_room_says_how_much_it_wants(host):
    handle = host.launch()
    buffer = LegacyLaunchMeasureBuffer(handle=handle, measure_paddr=MEASURED, measure_len=47)
    host.refused(Status.INVALID_LENGTH, "measure-length", LegacyCommandId.LAUNCH_MEASURE, buffer)
    assert host.answered(LegacyLaunchMeasureBuffer) == replace(buffer, measure_len=48)
    assert host.machine.memory.read(MEASURED, 48, HOST_ASID) == bytes(48)


def test_launch_measure_twice_is_refused(host):
    handle = host.launch()
    host.measure(handle)
    buffer = LegacyLaunchMeasureBuffer(handle=handle, measure_paddr=MEASURED, measure_len=48)
    host.refused(Status.INVALID_GUEST_STATE, "guest-state", LegacyCommandId.LAUNCH_MEASURE, buffer)


def test_launch_finish_before_the_measurement_is_refused(host):
    buffer = LegacyLaunchFinishBuffer(handle=host.launch())
    host.refused(Status.INVALID_GUEST_STATE, "guest-state", LegacyCommandId.LAUNCH_FINISH, buffer)


def test_launch_finish_of_a_guest_without_an_asid_leaves_it_inactive(host):
    handle = host.start()
    host.measure(handle)
    host.finish(handle)
    assert host.guest(handle).activation == Activation.INACTIVE
