"""Firmware commands that answer the host in a page of its choice."""

from collections.abc import Callable
from typing import Any

from impl.firmware.buffers import FeatureInfoBuffer, GuestStatusBuffer, PlatformStatusBuffer
from impl.firmware.command_ids import CommandId
from impl.firmware.layout import parse
from impl.firmware.status import GuestStatus as GuestStatusBytes
from impl.firmware.status import PlatformStatus as PlatformStatusBytes
from sevspec.crosscheck.agreement import Answer
from sevspec.crosscheck.bench import Bench
from sevspec.crosscheck.concretisation import Inexpressible
from sevspec.crosscheck.mailbox import PAGE, command, named, with_output
from spec.firmware.guest_status import GuestStatus, GuestStatusAnswer
from spec.firmware.platform_status import FeatureInfo, PlatformStatus, PlatformStatusAnswer
from spec.vocabulary import PlatformState, Status


def require_initialised(bench: Bench, *, in_rmp: bool) -> None:
    """Before SNP_INIT the sources do not say what the firmware does with an answer's page in the RMP."""
    if in_rmp and bench.processor.firmware.platform_state == PlatformState.UNINIT:
        raise Inexpressible("before SNP_INIT the machine still writes no answer to the RMP; the sources do not say")


def run_guest_status(bench: Bench, op: GuestStatus) -> Answer:
    """The answer is read back."""
    gctx, at = named(bench, op.context, op.answer)
    if op.crosses_page != (at % PAGE + GuestStatusBytes.LENGTH > PAGE):
        raise Inexpressible("whether an answer crosses its page follows from its address")
    answer = command(bench, CommandId.GUEST_STATUS, GuestStatusBuffer(gctx_paddr=gctx, status_paddr=at))
    if answer.result != Status.SUCCESS:
        return answer
    told = parse(GuestStatusBytes, bench.machine.memory.read_raw(at, GuestStatusBytes.LENGTH))
    return with_output(answer, GuestStatusAnswer(told.policy, told.asid, told.state, bool(told.vcek_dis)))


def run_platform_status(bench: Bench, op: PlatformStatus) -> Answer:
    """The answer is read back."""
    (at,) = named(bench, op.answer)
    require_initialised(bench, in_rmp=op.answer.in_rmp or op.answer.forbidden)
    if op.crosses_page != (at % PAGE + PlatformStatusBytes.LENGTH > PAGE):
        raise Inexpressible("whether an answer crosses its page follows from its address")
    answer = command(bench, CommandId.PLATFORM_STATUS, PlatformStatusBuffer(status_paddr=at))
    if answer.result != Status.SUCCESS:
        return answer
    told = parse(PlatformStatusBytes, bench.machine.memory.read_raw(at, PlatformStatusBytes.LENGTH))
    flags = (bool(told.is_rmp_init), bool(told.mask_chip_key), bool(told.vlek_en))
    return with_output(answer, PlatformStatusAnswer(told.state, *flags))


def run_feature_info(bench: Bench, op: FeatureInfo) -> Answer:
    """What the words say is not compared."""
    (at,) = named(bench, op.answer)
    require_initialised(bench, in_rmp=op.answer.in_rmp or op.answer.forbidden)
    if op.misplaced != (at % 4 != 0 or at % PAGE + 16 > PAGE):
        raise Inexpressible("whether an answer is misplaced follows from its address")
    length = FeatureInfoBuffer.LENGTH + (0 if op.length_valid else 1)
    buffer = FeatureInfoBuffer(length=length, ecx_in=op.function, feature_info_paddr=at)
    return command(bench, CommandId.FEATURE_INFO, buffer)


RUNNERS: dict[str, Callable[[Bench, Any], Answer]] = {
    "guest_status": run_guest_status,
    "platform_status": run_platform_status,
    "feature_info": run_feature_info,
}
