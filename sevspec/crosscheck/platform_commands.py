"""Firmware commands on the platform, and WBINVD, which they wait for."""

from collections.abc import Callable
from typing import Any

from impl.firmware.buffers import ConfigBuffer, ShutdownExBuffer
from impl.firmware.command_ids import CommandId
from sevspec.crosscheck.agreement import Answer
from sevspec.crosscheck.bench import Bench
from sevspec.crosscheck.concretisation import Inexpressible
from sevspec.crosscheck.mailbox import command
from spec.firmware.config import SnpConfig
from spec.firmware.df_flush import DfFlush, Wbinvd
from spec.firmware.shutdown import SnpShutdown, SnpShutdownEx
from spec.vocabulary import Event


def run_df_flush(bench: Bench, op: DfFlush) -> Answer:  # noqa: ARG001 - every runner has operands
    """No buffer."""
    return command(bench, CommandId.DF_FLUSH)


def run_wbinvd(bench: Bench, op: Wbinvd) -> Answer:
    """All cores of one core complex."""
    topology = bench.processor.firmware.environment.topology
    first = op.ccx * topology.cores_per_ccx
    bench.processor.wbinvd(range(first, first + topology.cores_per_ccx) if op.ccx in topology.ccxs else range(0))
    return Answer(Event.COMPLETES, "written-back")


def run_snp_config(bench: Bench, op: SnpConfig) -> Answer:
    """The reported TCB is 0, which means the committed one, or above it."""
    tcb = bench.processor.firmware.environment.committed_tcb
    buffer = ConfigBuffer(reported_tcb=tcb + 1 if op.above_committed_tcb else 0, mask_chip_key=op.mask_chip_key)
    return command(bench, CommandId.CONFIG, buffer, reserved=op.reserved)


def run_snp_shutdown(bench: Bench, op: SnpShutdown) -> Answer:  # noqa: ARG001 - every runner has operands
    """No buffer."""
    return command(bench, CommandId.SHUTDOWN)


def run_snp_shutdown_ex(bench: Bench, op: SnpShutdownEx) -> Answer:
    """Pages of IOMMUs are released in the same command; the specification has a step for each."""
    if op.x86_shutdown and op.iommu_shutdown and not op.x86_shutdown_supported:
        raise Inexpressible("this firmware supports X86_SNP_SHUTDOWN")
    length = ShutdownExBuffer.LENGTH + (0 if op.length_valid else 1)
    flags = {"iommu_snp_shutdown": op.iommu_shutdown, "x86_snp_shutdown": op.x86_shutdown}
    return command(bench, CommandId.SHUTDOWN_EX, ShutdownExBuffer(length=length, **flags), reserved=op.reserved)


RUNNERS: dict[str, Callable[[Bench, Any], Answer]] = {
    "df_flush": run_df_flush,
    "wbinvd": run_wbinvd,
    "snp_config": run_snp_config,
    "snp_shutdown": run_snp_shutdown,
    "snp_shutdown_ex": run_snp_shutdown_ex,
}
