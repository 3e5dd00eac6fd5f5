"""Under a hostile hypervisor a guest program ends as its instructions say, with the answers that it was given, or the
guest ends itself, or never runs again. It never goes on with anything else.

The reference is the bare processor, whose devices give the answers that the guest took.
"""

from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from impl.cpu.processor import Processor
from impl.cpu.software import Stopped
from impl.ghcb.termination import Terminated
from impl.guest import layout
from impl.guest.kernel import GuestKernel
from impl.hypervisor.emulated import Emulated
from impl.hypervisor.flat_launch import NESTED_ROOT, OPERAND, FlatLaunch
from impl.hypervisor.generation import Generation
from impl.hypervisor.honest import HonestHypervisor
from impl.hypervisor.hostile import Attack, Hostile
from impl.hypervisor.page_states import GuestPages
from impl.vc import handler
from spec.ghcb.vocabulary.exits import GhcbEvent, SvmExit
from spec.ghcb.vocabulary.msr import MsrCode
from spec.ghcb.vocabulary.page import GHCB_SIZE, SHARED_BUFFER_OFFSET, VALID_BITMAP_OFFSET, GhcbField
from tests.impl.guest.bare import Bare, Machine
from tests.impl.guest.programs import PAGE, PROLOGUE, RBX, Step, load
from tests.impl.guest.steps import programs
from tests.impl.guest.test_transparency import assembled, comparable

ENCRYPTED = (Generation.SEV_ES, Generation.SNP)
IMAGE_BYTES = 2 * PAGE
PATIENCE = 600
PRIVATE = (layout.STACK, layout.DATA)
QUESTIONS = ("cpuid read_msr write_msr read_tsc read_tscp read_counter port_in port_out mmio_read mmio_write "
             "write_dr7 write_back_caches hypercall").split()  # fmt: skip


Log = list[tuple[str, tuple[Any, ...], Any]]
"""Questions with their answers."""


class Recorder:
    """The questions of `impl/vc/exits.py`, passed on, with what came back or was raised."""

    def __init__(self, exits: Any) -> None:
        self.log: Log = []
        for name in QUESTIONS:
            setattr(self, name, self._recording(name, getattr(exits, name)))

    def _recording(self, name: str, ask: Any) -> Any:
        def asked(*arguments: Any) -> Any:
            answer = ask(*arguments)
            self.log.append((name, arguments, answer))
            return answer

        return asked


class Scripted(Emulated):
    """Devices that give the answers of a log, and insist on its questions."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self.left = list(log)
        for name in QUESTIONS:
            setattr(self, name, self._answering(name))

    def _answering(self, name: str) -> Any:
        def asked(*arguments: Any) -> Any:
            assert self.left, f"the guest never asked {name}{arguments}"
            asked_before, expected, answer = self.left.pop(0)
            compared = 2 if name == "cpuid" else None  # the bare processor does not say what XCR0 is
            assert (name, arguments[:compared]) == (asked_before, expected[:compared])
            if name == "write_dr7":
                self.dr7 = arguments[0]
            return answer & (1 << 8 * arguments[1]) - 1 if name in ("port_in", "mmio_read") else answer

        return asked


class Victim:
    """A guest that was launched once; each program starts from memory as it was then."""

    def __init__(self, generation: Generation) -> None:
        self.launch = FlatLaunch(generation, bytes(IMAGE_BYTES))
        self.memory = self.launch.machine.memory.snapshot()
        self.checksums = dict(self.launch.machine.vmsa_checksums)

    def run(self, program: bytes, plan: dict[int, Attack], interrupts: dict[int, Attack]) -> tuple[Machine, Log]:
        launch, machine = self.launch, self.launch.machine
        machine.memory.restore(self.memory)
        machine.vmsa_checksums = dict(self.checksums)
        machine.running.clear()
        machine.in_use.clear()
        machine.memory.write(launch.spa(layout.IMAGE.gpa), program.ljust(IMAGE_BYTES, b"\0"), launch.asid)
        snp = launch.generation is Generation.SNP
        pages = GuestPages(machine, launch.asid, NESTED_ROOT, OPERAND) if snp else None
        honest = HonestHypervisor(machine, Emulated(), pages)
        ordered = [interrupts[address] for address in sorted(interrupts)]
        hostile = Hostile(machine, launch.vmcb, honest, plan, ordered, PATIENCE)
        processor = Processor(machine, launch.vmcb, hostile)
        processor.core.breakpoints |= interrupts.keys()
        kernel = RecordedKernel(processor)
        try:
            processor.run(kernel, [0] * 16)
        except Stopped as stopped:
            why = str(stopped)
        except Terminated as terminated:
            why = f"terminated: {terminated}"
        vcpu, fault = processor.vcpu, processor.fault
        why = why if fault is None else f"#{fault.vector.name}"
        memory = b"".join(machine.memory.read(launch.spa(area.gpa), area.pages * PAGE, launch.asid) for area in PRIVATE)
        return Machine(
            why, tuple(vcpu.gpr), vcpu.rip, vcpu.rflags, memory, (), ()
        ), kernel.recorder.log if kernel.recorder else []


class RecordedKernel(GuestKernel):
    """A kernel that remembers what it was answered."""

    recorder: Recorder | None = None

    def with_page(self, *, snp: bool) -> Any:
        self.recorder = Recorder(super().with_page(snp=snp))
        return self.recorder


numbers = st.sampled_from([0, 1, 2, 3, 4, 5, 6, (1 << 64) - 1, 1 << 63]) | st.integers(0, (1 << 64) - 1)
quadwords = numbers.map(lambda number: number.to_bytes(8, "little"))
events = st.builds(
    lambda vector, kind, rest, code: vector | kind << 8 | rest << 11 | code << 32,
    st.sampled_from([6, 13, 14, 29]) | st.integers(0, 255),
    st.sampled_from([3]) | st.integers(0, 7),
    st.sampled_from([1 << 20, 1 << 20 | 1]) | st.integers(0, (1 << 21) - 1),
    st.integers(0, (1 << 32) - 1),
).map(lambda event: event.to_bytes(8, "little"))
"""SW_EXITINFO2 in the form of EVENTINJ, more and less well-formed."""
fields = st.dictionaries(
    st.sampled_from([int(one) for one in GhcbField]) | st.integers(SHARED_BUFFER_OFFSET, GHCB_SIZE - 8),
    quadwords,
    max_size=3,
)
bitmaps = st.sampled_from([bytes(16), b"\xff" * 16]) | st.binary(min_size=16, max_size=16)
replies = st.builds(
    lambda answer, info2, rest, bitmap: {
        int(GhcbField.SW_EXITINFO1): answer, int(GhcbField.SW_EXITINFO2): info2, **rest, VALID_BITMAP_OFFSET: bitmap
    },
    st.sampled_from([0, 1, 2, 3, 1 << 32, 1 << 32 | 1]).map(lambda number: number.to_bytes(8, "little")),
    quadwords | events,
    fields,
    bitmaps,
)  # fmt: skip
messages = st.builds(
    lambda code, data: code | data << 12, st.sampled_from([*MsrCode][1:]), st.integers(0, (1 << 52) - 1)
)
CODES = sorted({*SvmExit, *GhcbEvent, *range(0x20, 0xB0), 0x404, 0x406})
codes = st.sampled_from(CODES) | st.integers(0, (1 << 32) - 1)
attacks = st.one_of(
    st.builds(Attack, writes=fields),
    st.builds(Attack, writes=replies),
    st.builds(Attack, writes=bitmaps.map(lambda bitmap: {VALID_BITMAP_OFFSET: bitmap})),
    st.builds(Attack, msr=messages),
    st.builds(Attack, replay=st.integers(0, 50)),
    st.builds(Attack, inject=codes),
    st.builds(Attack, inject=st.just(0), vector=st.sampled_from([6, 13, 14])),
    st.just(Attack(silent=True)),
    st.builds(Attack, silent=st.just(True), writes=replies),
    st.just(Attack(stall=True)),
)
private_pages = st.sampled_from([layout.IMAGE.gpa, layout.DATA.gpa, layout.STACK.end - PAGE, layout.TABLES.gpa])
memory_attacks = st.builds(Attack, take=private_pages) | st.builds(
    Attack, remap=st.tuples(private_pages | st.just(layout.GHCB.gpa), private_pages)
)
"""Only the RMP stops these: the hypervisor of an SEV-ES guest can corrupt memory."""


def is_repeated(step: Step | None) -> bool:
    return step is not None and (b"\xf3" in step.code[:4] or b"\xf2" in step.code[:4])


def check(bare: Bare, victim: Victim, steps: list[Step], plan: dict[int, Attack], interrupts: dict[int, Attack]) -> str:
    """How the guest ended; whatever it did is what the bare processor does with the answers that the guest took."""
    program, where = assembled(steps)
    found, log = victim.run(program, plan, interrupts)
    if found.why != "HLT" and not found.why.startswith("#"):
        return found.why.split(":")[0]
    until = None if found.why == "HLT" else found.rip
    if until is not None and is_repeated(where.get(until)):
        return "fault in a repeated string"
    scripted = Scripted(log)
    expected = bare.run(program, where, until, scripted)
    assert scripted.left == [], "the guest asked more than the program does"
    compared = expected._replace(why=found.why, memory=expected.memory[: len(found.memory)], traffic=(), platform=())
    assert comparable(found, steps, False) == comparable(compared, steps, False)
    return found.why


class World:
    def __init__(self) -> None:
        self.bare = Bare()
        self.victims = {generation: Victim(generation) for generation in ENCRYPTED}


@pytest.fixture(scope="module")
def world() -> World:
    return World()


STEPS = programs(layout.IMAGE.gpa + len(PROLOGUE), 5).filter(
    lambda steps: all(s.name not in ("cmps", "gp") for s in steps)
)


@st.composite
def interrupted(draw: st.DrawFn, steps: list[Step]) -> dict[int, Attack]:
    """Attacks in front of instructions, those that are intercepted and those that are not."""
    _, where = assembled(steps)
    places = [address for address, step in where.items()] + [
        address - len(step.setup) for address, step in where.items() if step.setup
    ]
    chosen = draw(st.lists(st.sampled_from(places), max_size=2, unique=True))
    return {place: draw(st.builds(Attack, inject=codes) | attacks) for place in chosen}


@settings(suppress_health_check=list(HealthCheck))
@given(data=st.data(), steps=STEPS, generation=st.sampled_from(ENCRYPTED))
def test_a_hostile_hypervisor_gets_the_right_result_or_none(
    world: World, data: st.DataObject, steps: list[Step], generation: Generation
) -> None:
    kinds = attacks | memory_attacks if generation is Generation.SNP else attacks
    plan = data.draw(st.dictionaries(st.integers(0, 250), kinds, max_size=4))
    event(check(world.bare, world.victims[generation], steps, plan, data.draw(interrupted(steps))))


PLAIN = Step(b"", b"\x48\xff\xc3")
"""INC RBX: not intercepted."""


def test_a_forged_vc_at_an_ordinary_instruction_ends_the_guest(world: World) -> None:
    """WeSee: the handler would write RAX and RDX, and skip the instruction."""
    for generation in ENCRYPTED:
        program, where = assembled([PLAIN])
        found, log = world.victims[generation].run(program, {}, {next(iter(where)): Attack(inject=SvmExit.RDTSC)})
        assert (found.why, log) == ("the guest asks for its termination: set 0, reason 0", [])


def test_a_handler_that_believes_the_exit_code_is_noticed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handler, "require_admitted", lambda *_: None)
    _, where = assembled([PLAIN])
    for generation in ENCRYPTED:
        with pytest.raises(AssertionError):
            check(world.bare, world.victims[generation], [PLAIN], {}, {next(iter(where)): Attack(inject=SvmExit.RDTSC)})


@pytest.mark.parametrize("gpa", [layout.DATA.gpa, layout.IMAGE.gpa, layout.TABLES.gpa])
def test_a_page_that_is_taken_from_an_snp_guest_ends_it(world: World, gpa: int) -> None:
    read = Step(load(RBX, layout.DATA.gpa), b"\x48\x8b\x03")
    program, where = assembled([read])
    found, _ = world.victims[Generation.SNP].run(program, {}, {next(iter(where)): Attack(take=gpa)})
    assert found.why.split(":")[0] == "the guest asks for its termination" or found.why.startswith("NPF")
