"""Page states as the specification decodes them: which entries have a state, and what each agent may do with one.

Nothing is written down here: small entries of every kind are put through `page_state`, and a page of each state
through the transitions.
"""

from functools import cache
from itertools import product

from sevspec.answers import answer_table
from sevspec.catalogue import Step, catalogue
from sevspec.scene import Scene, holding, uncovered
from sevspec.source import reached
from sevspec.topic import Table, Topic
from spec.features import Platform
from spec.record import replace
from spec.rmp.entry import UNASSIGNED, RmpEntry, metadata_gfn
from spec.rmp.page_state import PREDICATES, page_state, tag_of, untagged
from spec.vmpl.permissions import reset_masks
from spec.vocabulary import IOMMU_TAG, TAG_SHIFT, PageState

FLAGS = ("assigned", "validated", "immutable", "lock", "vmsa")
LETTERS = dict(zip(FLAGS, "AVILM", strict=True))
CONTEXT_PAGE = 5
IOMMU_GFN = (IOMMU_TAG << TAG_SHIFT) | 1
FRAMES = (0, 1, 0x144, metadata_gfn(0), metadata_gfn(CONTEXT_PAGE), IOMMU_TAG << TAG_SHIFT, IOMMU_GFN, 3 << TAG_SHIFT)
"""Frame numbers of every kind: zero, plain, with each of firmware's tags and something or nothing below."""


@cache
def sample() -> tuple[RmpEntry, ...]:
    """Entries of every kind that the state can depend on."""
    entries = []
    for flags in product((False, True), repeat=len(FLAGS)):
        for asid, gfn in product((0, 1), FRAMES):
            entries.append(replace(UNASSIGNED, **dict(zip(FLAGS, flags, strict=True)), asid=asid, gfn=gfn))
    return tuple(entries)


def entries_of(state: PageState) -> list[RmpEntry]:
    """The sample's entries of one state."""
    return [entry for entry in sample() if page_state(entry) is state]


def frame_text(gfn: int) -> str:
    """A frame number by kind."""
    if not tag_of(gfn_entry(gfn)):
        return "zero" if gfn == 0 else "not zero"
    below = untagged(gfn_entry(gfn))
    return f"tag {tag_of(gfn_entry(gfn))} over {'zero' if below == 0 else below if below == 1 else 'not zero'}"


def gfn_entry(gfn: int) -> RmpEntry:
    """An entry with a frame number, to ask for its tag."""
    return replace(UNASSIGNED, gfn=gfn)


def pattern(state: PageState) -> str:
    """What all entries of a state have in common."""
    if state is PageState.DEFAULT:
        return "no entry: the page is not covered by the RMP"
    if state is PageState.INVALID:
        return "every entry that has no other state"
    entries = entries_of(state)
    parts = []
    for flag in FLAGS:
        values = {getattr(entry, flag) for entry in entries}
        if len(values) == 1:
            parts.append(f"{LETTERS[flag]}={int(values.pop())}")
    owners = {entry.asid for entry in entries}
    if len(owners) == 1:
        parts.append("ASID=0" if owners == {0} else "ASID≠0")
    frames = {entry.gfn for entry in entries}
    if frames != set(FRAMES):
        parts.append("GPA field " + " or ".join(sorted({frame_text(gfn) for gfn in frames})))
    return " ".join(parts)


def example(state: PageState, platform: Platform) -> RmpEntry:
    """A plain entry of a state: as few bits as possible, and the masks of a page that was just assigned."""
    entries = entries_of(state)
    plain = min(entries, key=lambda e: (sum(getattr(e, f) for f in FLAGS), e.lock != e.immutable, e.gfn))
    if plain.asid:
        plain = replace(plain, gfn=FRAMES[2], masks=reset_masks(platform))
    return replace(plain, lock=plain.immutable and plain.assigned)


def scene_of(state: PageState, platform: Platform) -> Scene:
    """A page of a state."""
    return uncovered(platform) if state is PageState.DEFAULT else holding(example(state, platform), platform)


def overview() -> Table:
    """All states with their patterns."""
    rows = [(state.value, pattern(state)) for state in PageState]
    return Table("page states", ("State", "Entry (A Assigned, V Validated, I Immutable, L Lock, M VMSA)"), rows)


def asks_for(step: Step, state: PageState) -> bool:
    """Whether a step tests for a state."""
    predicates = [predicate for named, predicate in PREDICATES if named is state]
    return any(function.call in predicates for function in reached(step.function))


def explained(state: PageState, platform: Platform) -> Topic:
    """What `sevspec explain guest-valid` says."""
    topic = Topic("page state", state.value, 'Firmware ABI (56860), "Page States"; spec/rmp/page_state.py')
    topic.fact("entry", pattern(state))
    topic.fact("asked for by", [step.title for step in catalogue().steps if asks_for(step, state)])
    if state is not PageState.INVALID:
        topic.tables.append(answer_table(scene_of(state, platform)))
    return topic
