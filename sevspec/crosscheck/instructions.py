"""The RMP instructions, on real operand registers, operand bytes and page tables."""

from collections.abc import Callable
from typing import Any

from impl.completion import Completion
from impl.machine import Cpu as MachineCpu
from impl.rmp.psmash import psmash
from impl.rmp.pvalidate import pvalidate, pvalidate_at
from impl.rmp.rmpadjust import rmpadjust, rmpadjust_at
from impl.rmp.rmpquery import rmpquery, rmpquery_at
from impl.rmp.rmpread import rmpread
from impl.rmp.rmpupdate import rmpupdate
from impl.rmp.state_operand import StateOperand
from sevspec.crosscheck.agreement import Answer, of_completion
from sevspec.crosscheck.bench import Bench
from sevspec.crosscheck.concretisation import Inexpressible
from sevspec.crosscheck.registers import operand_address, operand_bytes, processor
from sevspec.crosscheck.translation import Place, place_of
from spec.rmp.authority import page_of
from spec.rmp.psmash import Psmash
from spec.rmp.pvalidate import Pvalidate
from spec.rmp.rmpadjust import RmpAdjust
from spec.rmp.rmpquery import RmpQuery, RmpQueryOutput
from spec.rmp.rmpread import RmpRead, RmpReadOutput
from spec.rmp.rmpupdate_operand import RmpUpdate
from spec.rmp.translation import Translation
from spec.vocabulary import Eax, PageSize

Registers = Callable[[MachineCpu], Completion]
Placed = Callable[[MachineCpu, int, Place], Completion]


def run_rmpupdate(bench: Bench, op: RmpUpdate) -> Answer:
    """RAX, and RCX with the operand's place in memory."""
    bench.machine.memory.write_raw(bench.scratch, operand_bytes(op))
    with bench.contention(page_of(op.spa), op.contended, op.overlap_contended):
        rax = operand_address(bench, op.spa)
        return of_completion(rmpupdate(bench.machine, processor(op.cpu), rax, bench.scratch))


def run_psmash(bench: Bench, op: Psmash) -> Answer:
    """RAX."""
    with bench.contention(page_of(op.spa), op.contended, False):
        return of_completion(psmash(bench.machine, processor(op.cpu), operand_address(bench, op.spa)))


def run_rmpread(bench: Bench, op: RmpRead) -> Answer:
    """RAX, and RCX with the place of the buffer."""
    bench.machine.memory.write_raw(bench.scratch, bytes(16))
    ended = rmpread(bench.machine, processor(op.cpu), operand_address(bench, op.spa), bench.scratch)
    state = StateOperand.unpack(bench.machine.memory.read_raw(bench.scratch, 16))
    if state.reserved:
        raise AssertionError("RMPREAD stores reserved bits")
    output = RmpReadOutput(
        gpa=state.gpa,
        assigned=state.assigned,
        page_size=int(state.size),
        region_status=state.region_status,
        immutable=state.immutable,
        asid=state.asid,
    )
    return of_completion(ended, output)


def on_page(bench: Bench, cpu: MachineCpu, translation: Translation, walked: Registers, placed: Placed) -> Completion:
    """Through page tables in memory if there can be such tables, else with the translation as given."""
    if bench.walkable(cpu, translation):
        with bench.tables(cpu, translation) as ready:
            return walked(ready)
    return placed(cpu, translation.gva, place_of(translation))


def run_pvalidate(bench: Bench, op: Pvalidate) -> Answer:
    """RAX, ECX and EDX."""
    machine, size, validate = bench.machine, op.page_size, op.validate
    if op.other_mode:
        if op.translation.gva >> 32:
            raise Inexpressible("an address of more than 32 bits outside of 64-bit mode")
        cpu = MachineCpu(op.cpu.asid, op.cpu.vmpl, op.cpu.cpl, op.cpu.snp_active, mode_64bit=False)
    else:
        cpu = processor(op.cpu)
    ended = on_page(
        bench,
        cpu,
        op.translation,
        lambda ready: pvalidate(machine, ready, op.translation.gva, size, int(validate)),
        lambda as_is, gva, at: pvalidate_at(machine, as_is, gva, *at, PageSize(size), validate),
    )
    return of_completion(ended, None if ended.flags is None else ended.flags.cf)


def run_rmpadjust(bench: Bench, op: RmpAdjust) -> Answer:
    """RAX, RCX and RDX; a reserved bit is set in RCX or in RDX."""
    machine, vmsa = bench.machine, op.vmsa
    rcx = op.page_size | (1 << 63 if op.reserved and op.vmsa else 0)
    rdx = op.target_vmpl | op.mask << 8 | vmsa << 16 | (1 << 17 if op.reserved and not op.vmsa else 0)
    ended = on_page(
        bench,
        processor(op.cpu),
        op.translation,
        lambda ready: rmpadjust(machine, ready, op.translation.gva, rcx, rdx),
        lambda as_is, gva, at: rmpadjust_at(
            machine, as_is, gva, *at, PageSize(op.page_size), op.target_vmpl, op.mask, vmsa, op.reserved
        ),
    )
    return of_completion(ended)


def run_rmpquery(bench: Bench, op: RmpQuery) -> Answer:
    """RAX and RDX in; RCX and RDX out."""
    machine, target = bench.machine, op.target_vmpl
    ended = on_page(
        bench,
        processor(op.cpu),
        op.translation,
        lambda ready: rmpquery(machine, ready, op.translation.gva, target),
        lambda as_is, gva, at: rmpquery_at(machine, as_is, gva, *at, target),
    )
    if ended.result != Eax.SUCCESS or ended.rdx is None or ended.rcx is None:
        return of_completion(ended)
    output = RmpQueryOutput(ended.rdx >> 8 & 0xFF, bool(ended.rdx >> 16 & 1), ended.rcx)
    return of_completion(ended, output)


RUNNERS: dict[str, Callable[[Bench, Any], Answer]] = {
    "rmpupdate": run_rmpupdate,
    "psmash": run_psmash,
    "rmpread": run_rmpread,
    "pvalidate": run_pvalidate,
    "rmpadjust": run_rmpadjust,
    "rmpquery": run_rmpquery,
}
