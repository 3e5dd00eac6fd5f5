"""SNP_LAUNCH_START: the launch of a guest begins, under the policy of its owner."""

from typing import Annotated

from spec.firmware.command import (
    PageAddress,
    context_of,
    is_context_page,
    is_page_aligned,
    refused_before_context,
    with_context,
)
from spec.firmware.keys import after_drawing, drawn_key
from spec.firmware.policy import LaunchPlatform, agent_refused, policy_refused, single_socket_refused
from spec.firmware.state import GuestContext
from spec.logic import all_of, any_of, ite, none_of
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.system.state import System
from spec.vocabulary import Actor, Bits, Evidence, GuestState, Status


@record
class LaunchStart:
    """The command buffer, without TSC frequency and GOSVW, on which nothing here depends; facts of the machine."""

    context: PageAddress
    policy: Annotated[int, Bits(64)]
    agent: PageAddress
    """MA_GCTX_PADDR."""
    agent_enabled: bool
    imi_enabled: bool
    reserved: bool
    platform: LaunchPlatform


@transition(actor=Actor.FIRMWARE, manual='Firmware ABI (56860), "SNP_LAUNCH_START"')
def launch_start(system: System, op: LaunchStart) -> Outcome:
    """Guest state INIT becomes LAUNCH."""
    # 1. Reserved bits, platform state, address, and the page is a guest context.
    reserved = any_of(op.reserved, none_of(is_page_aligned(op.agent)))
    if (refused := refused_before_context(system, op.context, reserved=reserved)) is not None:
        return refused

    # 2. The guest was not launched yet.
    context = context_of(system, op.context)
    if context.state != GuestState.INIT:
        return Outcome(Status.INVALID_GUEST_STATE, "guest-state", system, Evidence.FIRMWARE)

    # 3. The migration agent's page, if there is one.
    if all_of(op.agent_enabled, op.agent.forbidden):
        return Outcome(Status.INVALID_ADDRESS, "agent-address", system, Evidence.FIRMWARE)
    if all_of(op.agent_enabled, op.agent.in_rmp):
        return Outcome(Status.INVALID_PARAM, "agent-rmp-page", system, Evidence.FIRMWARE)
    if all_of(op.agent_enabled, none_of(is_context_page(system, op.agent))):
        return Outcome(Status.INVALID_GUEST, "agent-context", system, Evidence.FIRMWARE)

    # 4. Policy, agent and machine go together.
    agent = context_of(system, op.agent)
    if (cause := agent_refused(op.policy, agent, op.agent_enabled)) is not None:
        return Outcome(Status.POLICY_FAILURE, cause, system, Evidence.FIRMWARE)
    if (cause := policy_refused(system, op.policy, op.platform)) is not None:
        return Outcome(Status.POLICY_FAILURE, cause, system, Evidence.FIRMWARE)
    if single_socket_refused(op.policy, agent, op.agent_enabled):
        return Outcome(Status.POLICY_FAILURE, "single-socket", system, Evidence.FIRMWARE)

    # 5. New keys, and the launch begins.
    launched = with_context(system, op.context, launching(system, op, context, agent))
    drawn = replace(launched, firmware=after_drawing(launched.firmware, 4))
    return Outcome(Status.SUCCESS, "launch-started", drawn, Evidence.FIRMWARE)


def launching(system: System, op: LaunchStart, context: GuestContext, agent: GuestContext) -> GuestContext:
    """The guest in LAUNCH: its policy is fixed, and its agent; its keys and its REPORT_ID are new."""
    return replace(
        context,
        state=GuestState.LAUNCH,
        policy=op.policy,
        oek=drawn_key(system.firmware, 0),
        vmpcks=drawn_key(system.firmware, 1),
        vmrk=drawn_key(system.firmware, 2),
        report_id=drawn_key(system.firmware, 3),
        ma_bound=op.agent_enabled,
        ma_context=ite(op.agent_enabled, op.agent.page, 0),
        report_id_ma=ite(op.agent_enabled, agent.report_id, 0),
        imi_enabled=op.imi_enabled,
    )
