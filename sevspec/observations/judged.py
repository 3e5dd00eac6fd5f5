"""A verdict on every observation: each is put before the specification."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from sevspec.observations import commands, entries, faults, processors, ranges, updates
from sevspec.observations.recorded import Contradiction, Observation, recorded
from sevspec.topic import Table, Topic

AGREES, CONTRADICTS, OPEN, OUTSIDE = "agrees", "contradicts", "open question", "not modelled"

Judge = Callable[[Observation], str]
"""Says how the model gives what was observed, or raises `Contradiction`."""

BY_KIND: dict[str, Judge] = {"rmp-entry": entries.judge, "rmp-range": ranges.judge, "cpuid": processors.judge}
BY_ID: dict[str, Judge] = updates.BY_ID | faults.BY_ID | commands.BY_ID | ranges.BY_ID
NOT_MODELLED = {
    "timing": "the model has no time",
    "tcb": "the version numbers of an attestation report",
    "msr": "SYSCFG is a fact of the platform: the model knows that SNP is enabled, not by which bits",
}


@dataclass(frozen=True)
class Verdict:
    """What the model says of one observation."""

    id: str
    kind: str
    word: str
    how: str
    context: str

    @property
    def contradicts(self) -> bool:
        """The model is refuted."""
        return self.word == CONTRADICTS

    def data(self) -> dict[str, Any]:
        """For machines."""
        return asdict(self)


def verdict(observation: Observation) -> Verdict:
    """The verdict on one."""

    def says(word: str, how: str) -> Verdict:
        return Verdict(observation.id, observation.kind, word, how, observation.context)

    if observation.open:
        return says(OPEN, "more than one reading: docs/open-questions.md")
    judge = BY_ID.get(observation.id) or BY_KIND.get(observation.kind)
    if judge is None:
        return says(OUTSIDE, NOT_MODELLED.get(observation.kind, "no rule speaks of it"))
    try:
        return says(AGREES, judge(observation))
    except Contradiction as contradiction:
        return says(CONTRADICTS, str(contradiction))


def verdicts() -> list[Verdict]:
    """The verdict on every observation."""
    return [verdict(observation) for observation in recorded()]


def table(judged: list[Verdict]) -> Topic:
    """All verdicts, for printing."""
    counts = {word: sum(v.word == word for v in judged) for word in (AGREES, CONTRADICTS, OPEN, OUTSIDE)}
    topic = Topic("recorded hardware", "observations", ", ".join(f"{n} {word}" for word, n in counts.items()))
    rows = [(v.id, v.kind, v.word, v.how, v.context) for v in judged]
    topic.tables.append(Table("", ("Id", "Kind", "Verdict", "How", "Context"), rows))
    return topic
