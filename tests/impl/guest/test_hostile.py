"""Under a hostile hypervisor a guest program ends as its instructions say, with the answers that it was given, or the
guest ends itself, or never runs again. It never goes on with anything else.

The reference is the bare processor, whose devices give the answers that the guest took.
"""

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from impl.guest import layout
from impl.hypervisor.generation import Generation
from impl.hypervisor.hostile import Attack
from impl.vc import handler
from spec.ghcb.vocabulary.exits import SvmExit
from tests.impl.guest.bare import Bare
from tests.impl.guest.plans import attacks, codes, memory_attacks
from tests.impl.guest.programs import PROLOGUE, RBX, Step, load
from tests.impl.guest.steps import programs
from tests.impl.guest.test_transparency import assembled, comparable
from tests.impl.guest.victim import Scripted, Victim

ENCRYPTED = (Generation.SEV_ES, Generation.SNP)


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
