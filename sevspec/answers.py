"""What the specification answers to the questions of `sevspec/probes.py`, in words."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from sevspec.probes import PROBES, Probe
from sevspec.scene import Scene, state_after
from sevspec.topic import Table
from spec.registry import Outcome
from spec.rmp.fault import Fault
from spec.rmp.pvalidate import PvalidateOutput
from spec.vocabulary import Eax, Event, Status


@dataclass(frozen=True)
class Answer:
    """What the specification says to it."""

    probe: Probe
    outcome: Outcome
    change: str
    """The page's state afterwards, where it is another."""


def answers(scene: Scene) -> list[Answer]:
    """The answer to every question."""
    found = []
    for probe in PROBES:
        outcome = probe.ask(scene)
        after = state_after(scene, outcome.system)
        found.append(Answer(probe, outcome, "" if after == scene.state else after.value))
    return found


def result_text(result: Any) -> str:
    """A result by AMD's name and number."""
    if isinstance(result, Status):
        return f"{result.name} (0x{result.value:02X})"
    if isinstance(result, IntEnum):
        return f"{result.name} ({result.value})"
    return "performed" if result is Event.COMPLETES else str(result.value)


def outcome_text(outcome: Outcome) -> str:
    """A result, with the fault word or the carry flag that comes with it."""
    text = result_text(outcome.result)
    if isinstance(outcome.output, Fault):
        return f"{text} {outcome.output.error:#x}"
    if isinstance(outcome.output, PvalidateOutput) and outcome.result == Eax.SUCCESS:
        return f"{text}, CF={int(outcome.output.carry)}"
    return text


def answer_table(scene: Scene) -> Table:
    """All answers, for printing."""
    owned = scene.system.rmp[scene.page].asid != 0
    rows = []
    for answer in answers(scene):
        agent, outcome = answer.probe.agent, answer.outcome
        agent = agent if owned else agent.replace("owner", "an SNP guest")
        said = (agent, answer.probe.step, outcome_text(outcome), outcome.check, answer.change, outcome.evidence.value)
        rows.append(said)
    return Table("what would be answered", ("Agent", "Step", "Answer", "Check", "State after", "Evidence"), rows)
