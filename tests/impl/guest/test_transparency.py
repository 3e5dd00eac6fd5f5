"""A guest program does the same on a bare processor, and in a guest of each generation: nobody notices who emulates.

For the hypervisor of an SEV guest some instructions are out of reach, and it says so; up to there all is the same.
"""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from impl.cpu.processor import Processor
from impl.cpu.software import Stopped
from impl.decode.semantics import Extension, Operation
from impl.guest import layout
from impl.guest.kernel import GuestKernel
from impl.hypervisor.emulated import Emulated
from impl.hypervisor.flat_launch import NESTED_ROOT, OPERAND, FlatLaunch
from impl.hypervisor.generation import Generation
from impl.hypervisor.honest import HonestHypervisor
from impl.hypervisor.page_states import GuestPages
from impl.vc import mmio
from impl.vc.vcpu import AF, RAX, RBX, RCX
from spec.ghcb.vocabulary.exits import SvmExit
from tests.impl.guest.bare import Bare, Machine, platform_of
from tests.impl.guest.programs import HLT, PAGE, PROLOGUE, Step, load
from tests.impl.guest.steps import programs

IMAGE_BYTES = 2 * PAGE
STEPS = programs(layout.IMAGE.gpa + len(PROLOGUE))


class Launched:
    """A guest that was launched once; each program starts from memory as it was then."""

    def __init__(self, generation: Generation) -> None:
        self.launch = FlatLaunch(generation, bytes(IMAGE_BYTES))
        self.memory = self.launch.machine.memory.snapshot()
        self.checksums = dict(self.launch.machine.vmsa_checksums)

    def run(self, program: bytes) -> tuple[Machine, HonestHypervisor]:
        launch, machine = self.launch, self.launch.machine
        machine.memory.restore(self.memory)
        machine.vmsa_checksums = dict(self.checksums)
        machine.running.clear()
        machine.in_use.clear()
        machine.memory.write(launch.spa(layout.IMAGE.gpa), program.ljust(IMAGE_BYTES, b"\0"), launch.asid)
        emulated = Emulated()
        snp = launch.generation is Generation.SNP
        pages = GuestPages(machine, launch.asid, NESTED_ROOT, OPERAND) if snp else None
        hypervisor = HonestHypervisor(machine, emulated, pages)
        processor = Processor(machine, launch.vmcb, hypervisor)
        with pytest.raises(Stopped) as stopped:
            processor.run(GuestKernel(processor), [0] * 16)
        vcpu, fault = processor.vcpu, processor.fault
        why = str(stopped.value) if fault is None else f"#{fault.vector.name}"
        areas = [(layout.STACK, launch.asid), (layout.DATA, launch.asid), (layout.SHARED, 0)]
        memory = b"".join(machine.memory.read(launch.spa(area.gpa), area.pages * PAGE, asid) for area, asid in areas)
        ended = Machine(
            why, tuple(vcpu.gpr), vcpu.rip, vcpu.rflags, memory, tuple(emulated.traffic), platform_of(emulated)
        )
        return ended, hypervisor


class Everywhere:
    """The bare processor, and a guest of each generation."""

    def __init__(self) -> None:
        self.bare = Bare()
        self.guests = {generation: Launched(generation) for generation in Generation}


@pytest.fixture(scope="module")
def everywhere() -> Everywhere:
    return Everywhere()


def assembled(steps: Sequence[Step]) -> tuple[bytes, dict[int, Step]]:
    program, where = PROLOGUE, {}
    for step in steps:
        program += step.setup
        where[layout.IMAGE.gpa + len(program)] = step
        program += step.code
    return program + HLT, where


def comparable(machine: Machine, steps: Sequence[Step], cmps: bool) -> Machine:
    """Without AF where it is undefined, and without the order of the two reads of CMPS."""
    undefined = AF if any(step.logic for step in steps) else 0
    traffic = tuple(sorted(machine.traffic)) if cmps else machine.traffic
    return machine._replace(rflags=machine.rflags & ~undefined, traffic=traffic)


def check(everywhere: Everywhere, steps: Sequence[Step]) -> None:
    program, where = assembled(steps)
    cmps = any(step.name == "cmps" for step in steps)
    expected = everywhere.bare.run(program, where)
    for generation in (Generation.SEV_ES, Generation.SNP):
        found, hypervisor = everywhere.guests[generation].run(program)
        assert comparable(found, steps, cmps) == comparable(expected, steps, cmps), generation
        assert all(seen.stray == 0 for seen in hypervisor.seen if seen.exit_code == SvmExit.VMGEXIT)
    beyond = next((address for address, step in where.items() if step.beyond_sev), None)
    found, _ = everywhere.guests[Generation.SEV].run(program)
    if beyond is not None:
        expected = everywhere.bare.run(program, where, beyond)
        assert "cannot emulate" in found.why
        found = found._replace(why="until")
    assert comparable(found, steps, cmps) == comparable(expected, steps, cmps), Generation.SEV


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(steps=STEPS)
def test_a_program_does_the_same_everywhere(everywhere: Everywhere, steps: list[Step]) -> None:
    check(everywhere, steps)


@pytest.mark.slow
@settings(max_examples=10_000, suppress_health_check=list(HealthCheck))
@given(steps=STEPS)
def test_ten_thousand_programs_do_the_same_everywhere(everywhere: Everywhere, steps: list[Step]) -> None:
    check(everywhere, steps)


READ_SIGNED = Step(load(RAX, 0x1234) + load(RBX, layout.BLOCK_DEVICE.gpa + PAGE + 20), b"\x48\x0f\xbe\x03")
"""MOVSX of a byte of the device, whose sign is set."""


def test_a_program_with_mmio_passes(everywhere: Everywhere) -> None:
    check(everywhere, [READ_SIGNED])


def unsigned(machine: Any, instruction: Any, work: Any, place: Any) -> None:
    mmio.move_extended(machine, instruction, work._replace(extension=Extension.ZERO), place)


def another_register(machine: Any, instruction: Any, work: Any, place: Any) -> None:
    mmio.move_extended(machine, instruction, work, place)
    machine.vcpu.gpr[RCX] ^= 1


def read_twice(machine: Any, instruction: Any, work: Any, place: Any) -> None:
    mmio.get(machine, place, 1)
    mmio.move_extended(machine, instruction, work, place)


@pytest.mark.parametrize("mistake", [unsigned, another_register, read_twice])
def test_a_mistake_of_the_emulation_is_noticed(
    everywhere: Everywhere, monkeypatch: pytest.MonkeyPatch, mistake: Any
) -> None:
    monkeypatch.setitem(mmio.CARRIED_OUT, Operation.MOVE_EXTENDED, mistake)
    with pytest.raises(AssertionError, match="SEV_ES"):
        check(everywhere, [READ_SIGNED])
