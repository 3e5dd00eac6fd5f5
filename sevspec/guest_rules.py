"""Rules that someone keeps or does not, each a field of a record: of careful guests, and of those who judge reports."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from proofs.hv_premises import OF_HANDLER_RULES
from proofs.premises import OF_ATTESTATION, OF_MESSAGES, OF_RULES
from proofs.witnesses import Witness
from sevspec.catalogue import ALL_TRANSITIONS
from sevspec.documented import attribute_docs
from sevspec.explanations import trace_table
from sevspec.field_use import readers_of
from sevspec.topic import Topic
from spec.attestation.exchange import Thrift
from spec.attestation.parties import Care
from spec.attestation.rules import Diligence
from spec.guest.following import FOLLOWING
from spec.guest.world import Discipline
from spec.hv.rules import HvRules
from spec.record import fields_of

LABEL = re.compile(r"([A-Z]\d+): ")


@dataclass(frozen=True)
class RuleBook:
    """The rules of one kind of actor."""

    kind: str
    record: Any
    owner: str
    """What steps call the record."""
    witnesses: tuple[Witness, ...]
    kept: Callable[[Any], Any]
    """The record in a witness's first state."""


BOOKS = (
    RuleBook("rule of a careful guest", Discipline, "rules", OF_RULES, lambda world: world.guest.rules),
    RuleBook("rule of a #HV handler", HvRules, "rules", OF_HANDLER_RULES, lambda world: world.rules),
    RuleBook("rule of a relying party", Diligence, "rules", OF_ATTESTATION, lambda parties: parties.rules),
    RuleBook("rule of a measured guest", Care, "care", OF_ATTESTATION, lambda parties: parties.care),
    RuleBook("rule of a guest's messages", Thrift, "rules", OF_MESSAGES, lambda exchange: exchange.guest.rules),
)


@dataclass(frozen=True)
class GuestRule:
    """A rule that someone keeps, or does not."""

    name: str
    """D1, V1, S12 …; its field where it has no number."""
    field: str
    words: str
    book: RuleBook


@cache
def guest_rules() -> tuple[GuestRule, ...]:
    """Every rule, in the order of the records."""
    found = []
    for book in BOOKS:
        docs = attribute_docs(book.record)
        for field in fields_of(book.record):
            label = LABEL.match(docs[field.name])
            name = label[1] if label else field.name
            words = docs[field.name][label.end() if label else 0 :]
            found.append(GuestRule(name, field.name, words[0].upper() + words[1:], book))
    return tuple(found)


def guest_rule_topic(rule: GuestRule) -> Topic:
    """A rule: where steps ask for it, and a trace for each invariant that does not hold without it."""
    book = rule.book
    topic = Topic(book.kind, rule.name, rule.words)
    topic.fact("field", f"{book.record.__name__}.{rule.field}")
    readers = readers_of(book.owner, rule.field, (*ALL_TRANSITIONS, *FOLLOWING.values()))
    topic.fact("read at", [f"{reader.place} ({reader.function})" for reader in readers])
    broken = [witness for witness in book.witnesses if not getattr(book.kept(witness.start()), rule.field)]
    topic.fact("needed by", list(dict.fromkeys(witness.identifier for witness in broken)))
    first = {witness.identifier: witness for witness in reversed(broken)}
    topic.tables += [trace_table(witness) for witness in reversed(first.values())]
    return topic
