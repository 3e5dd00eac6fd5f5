"""The rules of a careful guest and of its #HV handler, each a field of a record, and what fails without it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from proofs.hv_premises import OF_HANDLER_RULES
from proofs.premises import OF_RULES
from proofs.witnesses import Witness
from sevspec.catalogue import ALL_TRANSITIONS
from sevspec.documented import attribute_docs
from sevspec.explanations import trace_table
from sevspec.field_use import readers_of
from sevspec.topic import Topic
from spec.guest.following import FOLLOWING
from spec.guest.world import Discipline
from spec.hv.rules import HandlerRules
from spec.record import fields_of

LABEL = re.compile(r"([A-Z]\d+): ")
OWNER = "rules"
"""What steps call the guest's discipline."""


@dataclass(frozen=True)
class GuestRule:
    """A rule that a guest keeps, or does not."""

    record: Any
    """`Discipline` or `HandlerRules`."""
    name: str
    """D1, D2 …; its field where it has no number."""
    field: str
    words: str


@cache
def guest_rules() -> tuple[GuestRule, ...]:
    """Every rule, in the order of the records."""
    return (*rules_of(Discipline), *rules_of(HandlerRules))


def rules_of(record: Any) -> Iterator[GuestRule]:
    """The rules of one record."""
    docs = attribute_docs(record)
    for field in fields_of(record):
        label = LABEL.match(docs[field.name])
        name = label[1] if label else field.name
        words = docs[field.name][label.end() if label else 0 :]
        yield GuestRule(record, name, field.name, words[0].upper() + words[1:])


def breaking(rule: GuestRule) -> list[Witness]:
    """The traces of guests that do not keep a rule."""
    if rule.record is HandlerRules:
        return [w for w in OF_HANDLER_RULES if not getattr(w.start().rules, rule.field)]
    return [w for w in OF_RULES if not getattr(w.start().guest.rules, rule.field)]


def guest_rule_topic(rule: GuestRule) -> Topic:
    """A rule: where steps ask for it, and a trace for each invariant that does not hold without it."""
    topic = Topic("rule of a careful guest", rule.name, rule.words)
    topic.fact("field", f"{rule.record.__name__}.{rule.field}")
    readers = readers_of(OWNER, rule.field, (*ALL_TRANSITIONS, *FOLLOWING.values()))
    topic.fact("read at", [f"{reader.place} ({reader.function})" for reader in readers])
    broken = breaking(rule)
    topic.fact("needed by", list(dict.fromkeys(witness.identifier for witness in broken)))
    first = {witness.identifier: witness for witness in reversed(broken)}
    topic.tables += [trace_table(witness) for witness in reversed(first.values())]
    return topic
