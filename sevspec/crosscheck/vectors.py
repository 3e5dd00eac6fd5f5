"""The specification's own cases, one for each path and more, run on the machine."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from impl.firmware.environment import Topology
from impl.machine import Cpu, Running
from proofs.vectors import Case, cases, targets
from sevspec.crosscheck.bench import Bench
from sevspec.crosscheck.concretisation import Inexpressible, bench_of, environment_with
from sevspec.crosscheck.operands import take
from sevspec.crosscheck.plausible import adapted, apart, plausible
from sevspec.crosscheck.running import held_by
from spec.firmware.command import PageAddress
from spec.firmware.gctx_create import GctxCreate
from spec.firmware.launch_start import LaunchStart
from spec.firmware.page_set_state import PageSetState
from spec.firmware.page_unsmash import PageUnsmash
from spec.registry import transition_info
from spec.rmp.run_pages import RunPages, Vmexit


@dataclass(frozen=True)
class Ran:
    """What became of one case."""

    case: Case
    reason: str
    """Why the machine could not take the step; empty if it did, and agreed."""


def addresses_in(value: Any) -> Iterator[PageAddress]:
    """Every page that a command names."""
    if isinstance(value, PageAddress):
        yield value
    elif isinstance(value, tuple):
        for part in value:
            yield from addresses_in(part)


def bench_for(case: Case) -> Bench:
    """A machine in the case's state, on a platform that says of the named pages what the case says."""
    named = list(addresses_in(case.op))
    own = {address.page for address in named if address.in_rmp}
    if isinstance(case.op, PageUnsmash) and case.op.overlaps_rmp:
        own.add(case.op.address.page + 1)
    if isinstance(case.op, PageSetState):
        own |= {page for page, is_own in case.op.rmp_pages.changed() if is_own}
    forbidden = {address.page for address in named if address.forbidden}
    firmware = case.before.firmware
    several = getattr(case.op, "several_sockets", False)
    topology = Topology(
        sockets=2 if several else 1,
        ccxs_per_socket=max(1, firmware.ccx_count // (2 if several else 1)),
        smt_enabled=case.op.platform.smt_enabled if isinstance(case.op, LaunchStart) else True,
    )
    if len(topology.ccxs) != firmware.ccx_count:
        raise Inexpressible("no topology has so many core complexes")
    no_dram = case.op.context.page if isinstance(case.op, GctxCreate) and not case.op.in_dram else None
    environment = environment_with(forbidden, no_dram=no_dram, topology=topology, version=firmware.abi_version)
    bench = bench_of(case.before, environment, own)
    if isinstance(case.op, Vmexit):
        resume(bench, case.op.pages)
    return bench


def resume(bench: Bench, pages: RunPages) -> None:
    """A virtual processor that runs with these pages, if they are in use."""
    held = held_by(pages)
    if held <= bench.machine.in_use:
        bench.machine.engine.install_key(1, bytes(range(32)))
        vmsa = pages.vmsa if pages.sev_es else None
        bench.machine.running.append(Running(Cpu(asid=1), pages.vmcb, vmsa, held))


def run_case(transition: Any, case: Case) -> Ran:
    """Take one case's step on the machine; a difference raises `Disagreement`."""
    try:
        special = {address.page for address in addresses_in(case.op) if address.in_rmp or address.forbidden}
        case = replace(case, before=plausible(case.before), op=apart(case.op, special))
        bench = bench_for(case)
        op = adapted(bench, case.op)
        if transition(case.before, op).check != case.outcome.check:
            raise Inexpressible("no platform and no page is as the case says")
        take(bench, transition, op)
    except Inexpressible as reason:
        return Ran(case, str(reason))
    return Ran(case, "")


def run_cases(name: str) -> Iterator[Ran]:
    """All cases of one transition."""
    for suite, transition in targets():
        if transition_info(transition).name == name:
            for case in cases(suite, transition):
                yield run_case(transition, case)


def unreached(ran: list[Ran]) -> set[tuple[str, str]]:
    """The checks that no case reached on the machine, with their transition."""
    reached = {(each.case.transition, each.case.outcome.check) for each in ran if not each.reason}
    return {(each.case.transition, each.case.outcome.check) for each in ran} - reached
