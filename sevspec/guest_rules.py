"""The rules of a careful guest: D1 and so on, each a field of `Discipline`, and what fails without it."""

import re
from dataclasses import dataclass
from functools import cache

from proofs.premises import OF_RULES
from sevspec.catalogue import ALL_TRANSITIONS
from sevspec.documented import attribute_docs
from sevspec.explanations import trace_table
from sevspec.field_use import readers_of
from sevspec.topic import Topic
from spec.guest.following import FOLLOWING
from spec.guest.world import Discipline
from spec.record import fields_of

LABEL = re.compile(r"([A-Z]\d+): ")
OWNER = "rules"
"""What steps call the guest's discipline."""


@dataclass(frozen=True)
class GuestRule:
    """A rule that a guest keeps, or does not."""

    name: str
    """D1, D2 …; its field where it has no number."""
    field: str
    words: str


@cache
def guest_rules() -> tuple[GuestRule, ...]:
    """Every rule, in the order of `Discipline`."""
    docs = attribute_docs(Discipline)
    found = []
    for field in fields_of(Discipline):
        label = LABEL.match(docs[field.name])
        name = label[1] if label else field.name
        words = docs[field.name][label.end() if label else 0 :]
        found.append(GuestRule(name, field.name, words[0].upper() + words[1:]))
    return tuple(found)


def guest_rule_topic(rule: GuestRule) -> Topic:
    """A rule: where steps ask for it, and a trace for each invariant that does not hold without it."""
    topic = Topic("rule of a careful guest", rule.name, rule.words)
    topic.fact("field", f"{Discipline.__name__}.{rule.field}")
    readers = readers_of(OWNER, rule.field, (*ALL_TRANSITIONS, *FOLLOWING.values()))
    topic.fact("read at", [f"{reader.place} ({reader.function})" for reader in readers])
    broken = [witness for witness in OF_RULES if not getattr(witness.start().guest.rules, rule.field)]
    topic.fact("needed by", list(dict.fromkeys(witness.identifier for witness in broken)))
    first = {witness.identifier: witness for witness in reversed(broken)}
    topic.tables += [trace_table(witness) for witness in reversed(first.values())]
    return topic
