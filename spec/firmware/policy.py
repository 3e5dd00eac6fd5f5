"""The guest policy: what a guest's owner asks of firmware, and when SNP_LAUNCH_START refuses (ABI, "Guest Policy")."""

from spec.firmware.state import GuestContext
from spec.logic import all_of, any_of, first_of, none_of
from spec.record import record
from spec.system.state import System
from spec.vocabulary import GuestPolicy, GuestState

ABI_VERSION_MASK = 0xFFFF
"""Policy bits [15:0]: the lowest ABI version that the guest accepts, major in the high byte."""


@record
class LaunchPlatform:
    """Facts of the machine that a policy may ask for."""

    smt_enabled: bool
    cxl_present: bool
    """CXL devices or memory are populated."""
    aes_256_xts: bool
    """Memory is encrypted with AES-256-XTS."""
    rapl_disabled: bool
    ciphertext_hiding: bool


def allows(policy: int, bit: int) -> bool:
    """Whether a bit of the policy is set."""
    return policy & bit != 0


def agent_refused(policy: int, agent: GuestContext, agent_enabled: bool) -> str | None:
    """Why the policy, or the agent's own state, forbids this migration agent."""
    return first_of(
        ("agent-allowed", all_of(agent_enabled, none_of(allows(policy, GuestPolicy.MIGRATE_MA)))),
        # An agent is not migratable itself. Before its launch its own agent field is not the value for "none".
        ("agent-bound", all_of(agent_enabled, any_of(agent.ma_bound, agent.state == GuestState.INIT))),
    )


def policy_refused(system: System, policy: int, platform: LaunchPlatform) -> str | None:
    """Why this firmware on this machine cannot keep the policy."""
    known = system.firmware.policy_bits
    return first_of(
        ("reserved-one", none_of(allows(policy, GuestPolicy.RESERVED_ONE))),
        ("smt", all_of(none_of(allows(policy, GuestPolicy.SMT)), platform.smt_enabled)),
        ("abi-version", policy & ABI_VERSION_MASK > system.firmware.abi_version),
        ("policy-reserved", policy & known != policy),
        ("cxl", all_of(none_of(allows(policy, GuestPolicy.CXL_ALLOW)), platform.cxl_present)),
        ("aes-256-xts", all_of(allows(policy, GuestPolicy.MEM_AES_256_XTS), none_of(platform.aes_256_xts))),
        ("rapl", all_of(allows(policy, GuestPolicy.RAPL_DIS), none_of(platform.rapl_disabled))),
        (
            "ciphertext-hiding",
            all_of(allows(policy, GuestPolicy.CIPHERTEXT_HIDING), none_of(platform.ciphertext_hiding)),
        ),
    )


def single_socket_refused(policy: int, agent: GuestContext, agent_enabled: bool) -> bool:
    """A guest kept to one socket needs an agent that is, too."""
    kept = GuestPolicy.SINGLE_SOCKET
    return all_of(agent_enabled, allows(policy, kept), none_of(allows(agent.policy, kept)))
