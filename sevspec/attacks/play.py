"""Playing a trace on one side: steps in, answers out, evidence to the judge."""

from collections.abc import Callable
from dataclasses import dataclass

from sevspec.attacks.entry import Attack
from sevspec.attacks.event_handlers import handle
from sevspec.attacks.guest_actions import GUEST_ACTIONS
from sevspec.attacks.hypervisor_actions import HYPERVISOR_ACTIONS
from sevspec.attacks.judge import Answer, End, Judge
from sevspec.attacks.player import Player
from sevspec.attacks.setting import Setting, Stage
from sevspec.attacks.side import Side
from sevspec.attacks.trace import Step

ACTIONS = {**GUEST_ACTIONS, **HYPERVISOR_ACTIONS, "handle": handle}
"""What each word of the vocabulary does."""
INSIDE = ("guest", "user", "monitor")
"""Actors that a stopped guest stops."""
SKIPPED = "not reached: the guest stands at the fault, or has ended"


@dataclass(frozen=True)
class Played:
    """One step and what came of it."""

    step: Step
    answer: Answer | None
    """None if it was not reached."""

    @property
    def said(self) -> str:
        """In words."""
        return SKIPPED if self.answer is None else self.answer.said


@dataclass(frozen=True)
class Run:
    """A trace that was played."""

    played: tuple[Played, ...]
    outcome: str


def play(attack: Attack, setting: Setting, make: Callable[[Setting, Stage], Side]) -> Run:
    """The whole trace, as far as it goes. A step that the generation has not makes the cell n/a."""
    stage = Stage(attack)
    side = make(setting, stage)
    player = Player(attack, setting, stage, side, Judge())
    player.begin()
    played = []
    for step in attack.trace:
        if step.actor in INSIDE and player.is_stopped:
            played.append(Played(step, None))
            continue
        answer = ACTIONS[step.action](player, step)
        played.append(Played(step, answer))
        if answer.end is End.ABSENT:
            return Run(tuple(played), End.ABSENT.value)
    return Run(tuple(played), player.judge.outcome())
