"""Cache lines, as far as coherence (R20) matters: what is newer in a cache, and what outlives a change of owner."""

from spec.logic import none_of
from spec.memory.state import NO_LINE, Scene, cell, storing
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.vocabulary import Actor, Event, Evidence, Pfn

COHERENCE = "APM Vol. 2, 15.36.14"


@record
class LineStep:
    """The page whose lines the step is about."""

    page: Pfn


@transition(actor=Actor.HARDWARE, manual=COHERENCE)
def processor_writes_back(scene: Scene, op: LineStep) -> Outcome:
    """A modified line goes to memory, at any time."""
    place = cell(scene, op.page)
    behind = scene.memory.behind.set(place, scene.memory.contents[place])
    after = replace(scene, memory=replace(scene.memory, behind=behind))
    return Outcome(Event.COMPLETES, "written-back", after, Evidence.MANUAL)


@transition(actor=Actor.HYPERVISOR, manual='APM Vol. 3, "INVD"')
def host_drops_lines(scene: Scene, op: LineStep) -> Outcome:
    """INVD, which drops modified lines. With SNP enabled it must not (R20; X-drop is a processor that does)."""
    if scene.rules.lines_kept:
        return Outcome(Event.GP, "lines-kept", scene, Evidence.INFERRED)
    after = storing(scene, op.page, scene.memory.behind[cell(scene, op.page)])
    return Outcome(Event.COMPLETES, "dropped", after, Evidence.INFERRED)


@transition(actor=Actor.HARDWARE, manual=COHERENCE)
def processor_evicts(scene: Scene, op: LineStep) -> Outcome:
    """A line that the host modified while the page was its own leaves the cache late: after the page was given away."""
    # 1. Processors keep caches coherent across owners (R20; X-stale is one that does not).
    line = scene.memory.lines[op.page]
    if scene.rules.lines_coherent:
        return Outcome(Event.COMPLETES, "coherent", scene, Evidence.MANUAL)
    if none_of(line.present):
        return Outcome(Event.COMPLETES, "no-line", scene, Evidence.MANUAL)
    after = storing(scene, op.page, line.block)
    lines = after.memory.lines.set(op.page, NO_LINE)
    after = replace(after, memory=replace(after.memory, lines=lines))
    return Outcome(Event.COMPLETES, "evicted", after, Evidence.INFERRED)


def evicted(scene: Scene, first: Pfn, count: int) -> Scene:
    """No line of these pages' shared life remains: the guest has evicted them (rule S18)."""
    lines = scene.memory.lines.set_range(first, count, lambda _: NO_LINE)
    return replace(scene, memory=replace(scene.memory, lines=lines))


TRANSITIONS = (processor_writes_back, host_drops_lines, processor_evicts)
