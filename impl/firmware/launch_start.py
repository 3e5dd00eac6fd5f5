"""SNP_LAUNCH_START: a guest gets its policy and its keys."""

from impl.firmware.guest_context import KEY_BYTES, NO_MIGRATION_AGENT, VMPCKS, GuestContext
from impl.firmware.launch_buffers import LaunchStartBuffer
from impl.firmware.refusal import require
from impl.firmware.state import Firmware
from spec.vocabulary import GuestPolicy, GuestState, Status

_REPORT_ID_BYTES = 32
_FIRST_RESERVED_POLICY_BIT = 21
"""Firmware 1.55 refuses the newer policy bits."""


def launch_start(firmware: Firmware, buffer: LaunchStartBuffer) -> str:
    """Firmware ABI (56860), SNP_LAUNCH_START. The guest goes from INIT to LAUNCH."""
    # 1. Reserved bits.
    require(not buffer.reserved_set, Status.INVALID_PARAM, "reserved-bits")

    # 2. The platform is initialised.
    firmware.require_initialised()

    # 3. The page is a guest context.
    guest = firmware.context(firmware.page(buffer.gctx_paddr))

    # 4. The guest is new.
    firmware.require_guest_state(guest, GuestState.INIT)

    # 5. So is the migration agent's page, if there is one.
    agent, agent_spa = None, None
    if buffer.ma_en:
        agent_page = firmware.page(buffer.ma_gctx_paddr)
        agent, agent_spa = firmware.context(agent_page, "migration-agent-context"), agent_page.spa

    # 6. The policy can be kept.
    broken = _policy_failure(firmware, buffer.policy, agent)
    require(not broken, Status.POLICY_FAILURE, broken)

    random = firmware.random_bytes
    guest.policy = buffer.policy
    guest.migration_agent = agent_spa
    guest.offline_key = random(KEY_BYTES)
    guest.vmpcks = [random(KEY_BYTES) for _ in range(VMPCKS)]
    guest.root_key = random(KEY_BYTES)
    guest.report_id = random(_REPORT_ID_BYTES)
    guest.report_id_ma = NO_MIGRATION_AGENT if agent is None else agent.report_id
    guest.imi_en = bool(buffer.imi_en)
    guest.gosvw = buffer.gosvw
    guest.desired_tsc_khz = buffer.desired_tsc_khz
    guest.state = GuestState.LAUNCH
    firmware.guest_count += 1
    return "launching"


def _policy_failure(firmware: Firmware, policy: int, agent: GuestContext | None) -> str:
    """The first rule of the policy that this platform or the migration agent breaks."""
    version, topology = firmware.environment.version, firmware.environment.topology
    if agent is not None and not policy & GuestPolicy.MIGRATE_MA:
        return "policy-migrate-ma"
    if agent is not None and agent.migration_agent is not None:
        return "policy-agent-not-migratable"
    if not policy & GuestPolicy.RESERVED_ONE:
        return "policy-reserved-one"
    if not policy & GuestPolicy.SMT and topology.smt_enabled:
        return "policy-smt"
    if (policy >> 8 & 0xFF, policy & 0xFF) > (version.major, version.minor):
        return "policy-abi"
    if policy >> _FIRST_RESERVED_POLICY_BIT:
        return "policy-reserved-bits"
    if agent is not None and policy & GuestPolicy.SINGLE_SOCKET and not agent.policy & GuestPolicy.SINGLE_SOCKET:
        return "policy-single-socket"
    return ""
