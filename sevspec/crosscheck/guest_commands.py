"""Firmware commands of a guest's life, on real command buffers."""

from collections.abc import Callable
from typing import Any

from impl.firmware.asids import CcxState
from impl.firmware.buffers import (
    ActivateBuffer,
    ActivateExBuffer,
    GuestContextBuffer,
)
from impl.firmware.command_ids import CommandId
from impl.firmware.launch_buffers import LaunchFinishBuffer, LaunchStartBuffer
from sevspec.crosscheck.agreement import Answer
from sevspec.crosscheck.bench import Bench
from sevspec.crosscheck.concretisation import Inexpressible
from sevspec.crosscheck.mailbox import LIST, PAGE, command, named
from spec.firmware.activate import Activate
from spec.firmware.activate_ex import ActivateEx
from spec.firmware.decommission import Decommission
from spec.firmware.gctx_create import GctxCreate
from spec.firmware.launch_finish import LaunchFinish
from spec.firmware.launch_start import LaunchStart
from spec.vocabulary import PAGE_SHIFT, GuestState


def run_gctx_create(bench: Bench, op: GctxCreate) -> Answer:
    """A context is created with a new memory key."""
    (gctx,) = named(bench, op.context)
    if op.in_dram != in_dram(bench, gctx):
        raise Inexpressible("the memory map says something else of this page")
    with bench.keys.drawing("gctx_create", 1):
        return command(bench, CommandId.GCTX_CREATE, GuestContextBuffer(gctx_paddr=gctx))


def in_dram(bench: Bench, spa: int) -> bool:
    """Whether the page is memory."""
    spans = bench.processor.firmware.environment.memory_map.dram
    return any(span.first <= spa & -PAGE and spa | (PAGE - 1) <= span.last for span in spans)


def run_launch_start(bench: Bench, op: LaunchStart) -> Answer:
    """Keys and REPORT_ID are drawn."""
    gctx, agent = named(bench, op.context, op.agent)
    platform = op.platform
    if platform.smt_enabled != bench.processor.firmware.environment.topology.smt_enabled:
        raise Inexpressible("the topology says something else of SMT")
    enlisted = bench.processor.firmware.contexts.get(agent >> 12)
    if op.agent_enabled and enlisted is not None and enlisted.state == GuestState.INIT:
        raise Inexpressible("the machine accepts a migration agent that was not launched; the sources do not say")
    if platform.cxl_present:
        raise Inexpressible("the machine has no CXL")
    buffer = LaunchStartBuffer(
        gctx_paddr=gctx, policy=op.policy, ma_gctx_paddr=agent, ma_en=op.agent_enabled, imi_en=op.imi_enabled
    )
    with bench.keys.drawing("launch_start", 4):
        return command(bench, CommandId.LAUNCH_START, buffer, reserved=op.reserved)


def run_launch_finish(bench: Bench, op: LaunchFinish) -> Answer:
    """Without an ID block: signatures are ideal in the specification, and none can be made for what it says."""
    if op.id_block_enabled:
        raise Inexpressible("an ID block has real signatures")
    (gctx,) = named(bench, op.context)
    buffer = LaunchFinishBuffer(
        gctx_paddr=gctx,
        auth_key_en=op.author_key_enabled,
        vcek_dis=op.vcek_disabled,
        host_data=op.host_data.to_bytes(32, "little"),
    )
    return command(bench, CommandId.LAUNCH_FINISH, buffer, reserved=op.reserved)


def run_activate(bench: Bench, op: Activate) -> Answer:
    """On every core complex."""
    (gctx,) = named(bench, op.context)
    if op.several_sockets != (bench.processor.firmware.environment.topology.sockets > 1):
        raise Inexpressible("the topology says something else of sockets")
    return command(bench, CommandId.ACTIVATE, ActivateBuffer(gctx_paddr=gctx, asid=op.asid))


def run_activate_ex(bench: Bench, op: ActivateEx) -> Answer:
    """On listed cores: the first core of each core complex."""
    (gctx,) = named(bench, op.context)
    topology = bench.processor.firmware.environment.topology
    if op.list_forbidden or not op.supported or op.several_sockets or topology.sockets > 1:
        raise Inexpressible("the machine can read its list and make its table, and has one socket here")
    bound = bench.processor.firmware.contexts.get(gctx >> PAGE_SHIFT)
    if bound is not None and bound.asid and bench.processor.firmware.asids.any_in(bound.asid, CcxState.DIRTY):
        raise Inexpressible("an ASID that a guest has is dirty nowhere: it was clean everywhere when it was bound")
    listed = [ccx for ccx in topology.ccxs if op.ccxs >> ccx & 1] if op.list_valid else []
    if op.list_valid and op.ccxs >> len(topology.ccxs):
        raise Inexpressible("a valid list names no absent core complex")
    per_core = 2 if topology.smt_enabled else 1
    apic_ids = [ccx * topology.cores_per_ccx * per_core for ccx in listed]
    at = bench.scratch + LIST
    bench.machine.memory.write_raw(at, b"".join(number.to_bytes(4, "little") for number in apic_ids))
    length = ActivateExBuffer.LENGTH + (0 if op.length_valid else 1)
    buffer = ActivateExBuffer(length=length, gctx_paddr=gctx, asid=op.asid, numids=len(apic_ids), ids_paddr=at)
    return command(bench, CommandId.ACTIVATE_EX, buffer, reserved=op.reserved)


def run_decommission(bench: Bench, op: Decommission) -> Answer:
    """The end of a guest."""
    (gctx,) = named(bench, op.context)
    return command(bench, CommandId.DECOMMISSION, GuestContextBuffer(gctx_paddr=gctx))


RUNNERS: dict[str, Callable[[Bench, Any], Answer]] = {
    "gctx_create": run_gctx_create,
    "launch_start": run_launch_start,
    "launch_finish": run_launch_finish,
    "activate": run_activate,
    "activate_ex": run_activate_ex,
    "decommission": run_decommission,
}
