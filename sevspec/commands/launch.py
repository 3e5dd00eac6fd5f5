"""`sevspec launch`: a real firmware image, page by page through the machine and, for SNP, the specification."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from impl.hypervisor.cpu_types import CPU_TYPES
from impl.hypervisor.options import LEGACY_MODES, LaunchMode
from impl.hypervisor.vmsa import Vmm
from sevspec.launch import legacy_report, report
from sevspec.launch.drive import launch as perform
from sevspec.launch.legacy import launch_legacy
from sevspec.launch.request import LegacyPrepared, Prepared, Request, prepare, prepare_legacy
from sevspec.launch.twins import Disagreement, StepFailed
from sevspec.terminal import console, grid, print_json
from sevspec.topic import Table

HELP = """Launch a firmware image and print its measurement: every page through the specification and the machine.

The options mean what they mean to sev-snp-measure. The last line of the output is the measurement alone.

Guests of the modes sev and seves are launched by the machine; the specification says what their digest is.

Examples:

    sevspec launch examples/firmware/debian-OVMF.fd --vcpus 1 --vcpu-type EPYC-v4

    sevspec launch OVMF.fd --vcpus 2 --vcpu-sig 0xa10f10 --kernel bzImage --append console=ttyS0 --json

    sevspec launch OVMF.fd --mode seves --vcpus 2 --vcpu-type EPYC-Rome

    sevspec launch OVMF.fd --mode snp:svsm --svsm svsm.bin --vars-size 540672 --vcpus 4 --vcpu-type EPYC-Milan
"""
TYPES = f"Model of the vCPUs: {', '.join(CPU_TYPES)}."


class OutputFormat(Enum):
    """How the measurement is printed."""

    HEX = "hex"
    BASE64 = "base64"


def launch(
    firmware: Annotated[Path, typer.Argument(help="An OVMF image; for SNP, with SEV metadata.")],
    mode: Annotated[LaunchMode, typer.Option(help="What is launched.")] = LaunchMode.SNP,
    vcpus: Annotated[int | None, typer.Option(help="Number of vCPUs.")] = None,
    vcpu_type: Annotated[str | None, typer.Option(help=TYPES)] = None,
    vcpu_sig: Annotated[str | None, typer.Option(help="CPUID signature (function 1, EAX), instead of a type.")] = None,
    vcpu_family: Annotated[int | None, typer.Option(help="Family, with model and stepping.")] = None,
    vcpu_model: Annotated[int | None, typer.Option(help="Model, with family and stepping.")] = None,
    vcpu_stepping: Annotated[int | None, typer.Option(help="Stepping, with family and model.")] = None,
    guest_features: Annotated[str | None, typer.Option(help="SEV_FEATURES of the VMSAs; default 0x1.")] = None,
    vmm_type: Annotated[Vmm, typer.Option(help="Whose initial registers.")] = Vmm.QEMU,
    kernel: Annotated[Path | None, typer.Option(help="A kernel that is booted directly.")] = None,
    initrd: Annotated[Path | None, typer.Option(help="Its initrd.")] = None,
    append: Annotated[str | None, typer.Option(help="Its command line.")] = None,
    svsm: Annotated[Path | None, typer.Option(help="The SVSM image of mode snp:svsm.")] = None,
    vars_size: Annotated[int | None, typer.Option(help="Bytes of the variable store, mode snp:svsm.")] = None,
    vars_file: Annotated[Path | None, typer.Option(help="A variable store of that size.")] = None,
    snp_ovmf_hash: Annotated[str | None, typer.Option(help="Digest of mode snp:ovmf-hash, in hexadecimal.")] = None,
    dump_vmsa: Annotated[bool, typer.Option("--dump-vmsa", help="Write the VMSAs to vmsa<N>.bin.")] = False,
    output_format: Annotated[OutputFormat, typer.Option(help="Of the last line.")] = OutputFormat.HEX,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    request = Request(
        firmware, mode, vcpus, vcpu_type, vcpu_sig, vcpu_family, vcpu_model, vcpu_stepping, guest_features,
        vmm_type, kernel, initrd, append, svsm, vars_size, vars_file, snp_ovmf_hash,
    )  # fmt: skip
    prepared = prepare_legacy(request) if mode in LEGACY_MODES else prepare(request)
    for note in prepared.notes:
        sys.stderr.write(f"note: {note}\n")
    if dump_vmsa and not prepared.plan.vmsas:
        sys.stderr.write(f"note: --dump-vmsa: mode {mode.value} launches no VMSA\n")
    if dump_vmsa:
        report.dump_vmsas(prepared.plan, Path())
    try:
        told = told_legacy(prepared) if isinstance(prepared, LegacyPrepared) else told_snp(prepared)
    except (Disagreement, StepFailed) as failure:
        if json:
            print_json({"schema": report.SCHEMA, "measurement": None, "failed": str(failure)})
        else:
            console().print(f"FAILED  {failure}", markup=False, soft_wrap=True)
        return 1
    if json:
        print_json(told.document)
    else:
        show(told, output_format.value)
    return 0


launch.__doc__ = HELP


@dataclass(frozen=True)
class Told:
    """A launch that holds, as it is printed."""

    measurement: bytes
    tables: tuple[Table, ...]
    summary: str
    document: dict[str, Any]


def told_snp(prepared: Prepared) -> Told:
    """An SNP guest, launched by the specification and by the machine."""
    plan, notes = prepared.plan, prepared.notes
    with progress("pages", len(plan.pages)) as advance:
        launched = perform(plan, prepared.regions, advance)
    tables = (report.life_table(launched), report.step_table(launched))
    return Told(launched.measurement, tables, report.summary(launched, plan), report.document(launched, plan, notes))


def told_legacy(prepared: LegacyPrepared) -> Told:
    """An SEV or SEV-ES guest, launched by the machine."""
    plan, notes = prepared.plan, prepared.notes
    with progress("updates", len(plan.updates)) as advance:
        launched = launch_legacy(plan, advance)
    return Told(
        launched.measurement,
        legacy_report.tables(launched, plan),
        legacy_report.summary(launched, plan),
        legacy_report.document(launched, plan, notes),
    )


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar on a terminal's standard error."""
    columns = (TextColumn("launching"), BarColumn(), MofNCompleteColumn(), TextColumn(what), TimeElapsedColumn())
    with Progress(*columns, transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("", total=total)
        yield lambda done: bar.update(task, completed=done)


def show(told: Told, output_format: str) -> None:
    """The tables, one line of totals, the measurement."""
    out = console()
    for table in told.tables:
        out.print(grid(table))
    out.print(told.summary, markup=False)
    sys.stdout.write(report.spelled(told.measurement, output_format) + "\n")
