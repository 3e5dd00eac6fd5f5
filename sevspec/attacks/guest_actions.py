"""The guest's words of the vocabulary, in terms of what a side can do."""

from collections.abc import Callable

from sevspec.attacks.judge import Answer, End, Word
from sevspec.attacks.player import DONE, IGNORED, Player
from sevspec.attacks.setting import word
from sevspec.attacks.side import ABSENT, VIRTUAL_PAGE
from sevspec.attacks.trace import Step

VIRTUAL = "va:"
MEASURED_KERNEL = "kernel of the launch"
"""What the owner meant to be loaded; its hash stands in the launch."""


def wr(player: Player, step: Step) -> Answer:
    """Write a value of its own."""
    if step.actor == "monitor" and not player.has_monitor():
        return ABSENT
    name, value = step.operands
    frame = player.stage.frame(name)
    shared = frame in player.shared
    number = word(value) if shared else player.value(value, step)
    if shared:
        player.judge.published(number)
    if step.actor == "monitor":
        player.of_monitor.add(number)
    return stored(player, step, frame, number)


def stored(player: Player, step: Step, frame: int, number: Word) -> Answer:
    """A write, and what the owner of the address remembers of it."""
    shared = frame in player.shared
    answer = player.side.store(player.who(step), frame, number, shared=shared)
    if answer.end is not End.DONE:
        return player.stopped(frame, answer, private=not shared)
    if not shared:
        player.judge.wrote(frame, number)
    return answer


def read(player: Player, step: Step, frame: int) -> Answer:
    """A read, judged if it is private."""
    shared = frame in player.shared
    answer = player.side.load(player.who(step), frame, shared=shared)
    if answer.end is not End.DONE:
        return player.stopped(frame, answer, private=not shared)
    assert answer.value is not None, "a read that completes has a value"
    if shared:
        return answer
    if step.actor == "other":
        player.judge.stranger_loaded()
    elif answer.value in player.of_monitor:
        player.judge.seen(answer.value)
    else:
        player.judge.loaded(frame, answer.value)
    return answer


def rd(player: Player, step: Step) -> Answer:
    """Read a page."""
    return read(player, step, player.stage.frame(step.operands[0]))


def fetch(player: Player, step: Step) -> Answer:
    """Execute what stands at an address of the running process."""
    name = step.operands[0].removeprefix(VIRTUAL)
    frame = player.stage.frame(name)
    virtual = VIRTUAL_PAGE if step.operands[0].startswith(VIRTUAL) else None
    answer = player.side.load(player.who(step), frame, shared=False, fetch=True, virtual=virtual)
    if answer.end is not End.DONE:
        return player.stopped(frame, answer, private=True)
    assert answer.value is not None, "a fetch that completes has a value"
    if step.actor != "user":
        player.judge.executed(frame, answer.value)
    return answer


def copy(player: Player, step: Step) -> Answer:
    """Read one page, write another; either may be shared."""
    source, target = map(player.stage.frame, step.operands)
    loaded = read(player, step, source)
    if loaded.value is None:
        return loaded
    if player.judge.is_last_written(source, loaded.value) and target in player.shared:
        player.judge.published(loaded.value)
    return stored(player, step, target, loaded.value)


def boot(player: Player, step: Step) -> Answer:
    """Copy what was handed over. With hashes in the launch, anything but the measured kernel ends the guest."""
    source, target = map(player.stage.frame, step.operands)
    loaded = read(player, step, source)
    if loaded.value is None:
        return loaded
    if player.setting.keeps("R15") and loaded.value != word(MEASURED_KERNEL):
        return player.refused(Answer(End.DETECT, "the hash is not that of the launch; the guest ends"))
    return stored(player, step, target, loaded.value)


def ret(player: Player, step: Step) -> Answer:
    """Return to the address on top of the stack, wherever the stack pointer is."""
    pushed = player.stage.frame(step.operands[0])
    frame = pushed if player.stack is None else player.stack
    answer = player.side.load(player.who(step), frame, shared=False)
    if answer.end is not End.DONE:
        return player.stopped(frame, answer, private=True)
    assert answer.value is not None, "a read that completes has a value"
    player.judge.executed(pushed, answer.value)
    return answer


def load(player: Player, step: Step) -> Answer:
    """A value in a register."""
    player.saved = player.value(step.operands[0], step)
    return player.side.compute(player.saved)


def pvalidate(player: Player, step: Step) -> Answer:
    """Accept a page."""
    frame = player.stage.frame(step.operands[0])
    answer = player.refused(player.side.accept(frame))
    if answer.end is End.DONE and answer.value is not None:
        player.judge.wrote(frame, answer.value)
    return answer


def rescind(player: Player, step: Step) -> Answer:
    """Take it back."""
    return player.refused(player.side.rescind(player.stage.frame(step.operands[0])))


def private(player: Player, step: Step) -> Answer:
    """The guest's own tables say private from now on."""
    frame = player.stage.frame(step.operands[0])
    player.shared.discard(frame)
    return player.side.change_to_private(frame)


def shift_stack(player: Player, step: Step) -> Answer:
    """Move the stack pointer, if that is assumed to be possible."""
    if "X-rsp" not in player.setting.relax:
        return IGNORED
    player.stack = player.stage.frame(step.operands[1])
    return DONE


GUEST_ACTIONS: dict[str, Callable[[Player, Step], Answer]] = {
    action.__name__: action
    for action in (wr, rd, fetch, copy, boot, ret, load, pvalidate, rescind, private, shift_stack)
}
