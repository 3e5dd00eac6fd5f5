"""Breadth-first search on the specification for a shortest trace to an outcome."""

import copy
from collections.abc import Hashable
from dataclasses import replace

from sevspec.attacks.entry import Attack, Column, Form
from sevspec.attacks.hypervisor_actions import FLIP
from sevspec.attacks.judge import End, Judge
from sevspec.attacks.play import ACTIONS, INSIDE
from sevspec.attacks.player import Player
from sevspec.attacks.searching.found import Found
from sevspec.attacks.searching.words import KEPT, steps_of
from sevspec.attacks.setting import Setting, Stage, setting_of
from sevspec.attacks.specification.firmware import OnSpecification
from sevspec.attacks.trace import Step

MOST_STATES = 12_000


class TooMany(Exception):
    """The bound was reached before the outcome."""


def search(attack: Attack, form: Form, column: Column, most: int = MOST_STATES) -> Found | None:
    """A shortest trace to what is expected of the cell; None if the words of the attack do not lead there."""
    goal = form.expected[column].partition("+")[0]
    start, known = first(attack, setting_of(attack, form, column)), steps_of(attack)
    origin: list[tuple[int, Step | None]] = [(0, None)]
    states, seen = [start], {key(start)}
    at = 0
    while at < len(states):
        for step in known:
            after, went = taken(states[at], step)
            if goal in after.judge.harms():
                trace = (*path(origin, at), step)
                return found_as(attack, form, column, trace, len(states))
            if went and (mark := key(after)) not in seen:
                seen.add(mark)
                states.append(after)
                origin.append((at, step))
        if len(states) > most:
            raise TooMany(f"{attack.id} {column.value}: more than {most} states")
        at += 1
    return None


def found_as(attack: Attack, form: Form, column: Column, trace: tuple[Step, ...], states: int) -> Found:
    """What was found, of which cell."""
    rules = (form.without, form.added, form.relax)
    return Found(attack.id, column, *rules, form.expected[column], trace, states)


def first(attack: Attack, setting: Setting) -> Player:
    """Before the trace."""
    stage = Stage(attack)
    player = Player(attack, setting, stage, OnSpecification(setting, stage), Judge())
    player.begin()
    return player


def taken(before: Player, step: Step) -> tuple[Player, bool]:
    """The state after a step, and whether it went through; what was stopped is seen, but leads no further."""
    if not can_be_taken(before, step):
        return before, False
    after = cloned(before)
    return after, ACTIONS[step.action](after, step).end is End.DONE


def can_be_taken(before: Player, step: Step) -> bool:
    """The actor is not stopped, what is written was read, and registers are where the step looks for them."""
    if step.actor in INSIDE and before.is_stopped:
        return False
    if any(name.startswith(KEPT) and name.removesuffix(FLIP) not in before.kept for name in step.operands):
        return False
    if step.action in ("force_exit", "load"):
        return running(before) is not None
    return step.action not in ("vmcb_get", "vmcb_set", "inject") or running(before) is None


def running(player: Player) -> str | None:
    """The virtual processor that runs."""
    assert isinstance(player.side, OnSpecification), "the search is on the specification"
    return player.side.running


def cloned(player: Player) -> Player:
    """A copy of everything that steps change; scenes are never changed."""
    side = copy.copy(player.side)
    assert isinstance(side, OnSpecification), "the search is on the specification"
    side.at, side.large, side.virtual = dict(side.at), set(side.large), dict(side.virtual)
    judge = replace(
        player.judge,
        secrets=set(player.judge.secrets),
        public=set(player.judge.public),
        handed_out=set(player.judge.handed_out),
        written={frame: list(words) for frame, words in player.judge.written.items()},
        found=dict(player.judge.found),
        false_reads=list(player.judge.false_reads),
        stops=[],
    )
    return replace(
        player,
        side=side,
        judge=judge,
        kept=dict(player.kept),
        shared=set(player.shared),
        of_monitor=set(player.of_monitor),
    )


def key(player: Player) -> Hashable:
    """What tells states apart."""
    side, judge = player.side, player.judge
    assert isinstance(side, OnSpecification), "the search is on the specification"
    memory, world = side.scene.memory, side.scene.world
    pages = player.stage.pages
    entries = [memory.tlb[slot] for slot in range(side.slots)]
    cached = frozenset((e.vcpu, e.asid, e.vmpl, e.gva, e.page, e.private, e.mask) for e in entries if e.present)
    kept = tuple(sorted((name, str(block)) for name, block in player.kept.items()))
    return (
        tuple(memory.contents[page] for page in pages),
        tuple(memory.behind[page] for page in pages),
        tuple(memory.lines[page] for page in pages),
        tuple(world.system.rmp[page] for page in pages),
        tuple(sorted(side.at.items())),
        tuple(world.guest.accepted[frame] for frame in player.stage.frames),
        cached,
        tuple(sorted(side.virtual.items())),
        kept,
        tuple(sorted((frame, words[-1]) for frame, words in judge.written.items())),
        frozenset(judge.secrets),
        frozenset(judge.handed_out),
        frozenset(player.shared),
        (player.stands_at, player.ended, player.running, player.saved, player.stack, side.running, side.has_stranger),
        (side.pending, player.injected, side.delivered()),
        (memory.registers[side.vcpu("main")], memory.contents[side.vcpu("main")]),
    )


def path(origin: list[tuple[int, Step | None]], at: int) -> tuple[Step, ...]:
    """The steps to a state."""
    steps = []
    while (step := origin[at][1]) is not None:
        steps.append(step)
        at = origin[at][0]
    return tuple(reversed(steps))
