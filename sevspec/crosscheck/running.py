"""VMRUN, and the exit that ends it."""

from collections.abc import Callable
from typing import Any

from impl.completion import Completion
from impl.machine import Running
from impl.rmp.vmrun import vmexit, vmrun
from sevspec.crosscheck.accesses import require_memory
from sevspec.crosscheck.agreement import Answer, of_completion
from sevspec.crosscheck.bench import Bench
from sevspec.crosscheck.concretisation import Inexpressible
from sevspec.crosscheck.control_block import with_control_block
from sevspec.crosscheck.registers import processor
from spec.rmp.authority import page_of
from spec.rmp.run_pages import RunPages, Vmexit
from spec.rmp.vmrun import Vmrun
from spec.vocabulary import Event

PAGE = 0x1000
EXIT_CODE = 0x60
"""VMEXIT_INTR: as good as any."""


def run_vmrun(bench: Bench, op: Vmrun) -> Answer:
    """RAX, and a VMCB, a VMSA and registers as the operand says."""
    machine = bench.machine
    require_memory(op.pages.avic_backing)
    if op.asid > machine.configuration.maximum_asid and bench.system.firmware.asid_runnable[op.asid]:
        raise Inexpressible("an ASID that the processor has not is never runnable")
    registers = dict(machine.registers)
    pages = [spa & -PAGE for spa in (op.pages.vmcb, op.pages.vmsa) if machine.memory.exists(spa & -PAGE, PAGE)]
    contents = [machine.memory.read_raw(spa, PAGE) for spa in pages]
    with_control_block(bench, op)
    ended: Running | Completion = vmrun(machine, processor(op.cpu), op.pages.vmcb)
    machine.registers.update(registers)
    if isinstance(ended, Completion):
        # Who may not run from a page had no right to put anything there.
        for spa, content in zip(pages, contents, strict=True):
            machine.memory.write_raw(spa, content)
        return of_completion(ended)
    return Answer(Event.COMPLETES, "entered")


def run_vmexit(bench: Bench, op: Vmexit) -> Answer:
    """The exit of the virtual processor that has these pages."""
    if not bench.machine.snp_enabled:
        raise Inexpressible("without SNP no page is in use, and nothing tells which processor exits")
    pages = (op.pages.vmcb, op.pages.vmsa)
    if not all(bench.machine.memory.exists(spa, PAGE) for spa in pages):
        raise Inexpressible("there is no page of memory at this address")
    for running in bench.machine.running:
        if runs_from(running, op.pages):
            vmexit(bench.machine, running, EXIT_CODE)
            return Answer(Event.COMPLETES, "released")
    raise Inexpressible("no virtual processor runs with these pages")


def runs_from(running: Running, pages: RunPages) -> bool:
    """Whether this is the virtual processor that VMRUN entered with these pages."""
    vmsa_alike = (running.vmsa is not None) == pages.sev_es
    return running.vmcb == pages.vmcb and vmsa_alike and running.held == held_by(pages)


def held_by(pages: RunPages) -> frozenset[int]:
    """The frames that a virtual processor holds."""
    named = ((True, pages.vmcb), (pages.sev_es, pages.vmsa), (pages.avic, pages.avic_backing))
    return frozenset(page_of(spa) for there, spa in named if there)


RUNNERS: dict[str, Callable[[Bench, Any], Answer]] = {"vmrun": run_vmrun, "vmexit": run_vmexit}
