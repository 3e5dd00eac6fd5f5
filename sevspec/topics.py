"""Names to explanations: every instruction, command, result, page state, invariant, knob, check, rule and attack."""

import difflib
from collections import defaultdict
from collections.abc import Callable
from enum import Enum
from typing import TypeVar

from sevspec import page_states
from sevspec.attacks.catalogue import attacks, relaxations, rules
from sevspec.attacks.topics import attack_topic, relaxation_topic, rule_topic
from sevspec.catalogue import FAMILIES, catalogue
from sevspec.explanations import (
    check_topic,
    invariant_topic,
    knob_topic,
    not_stated_topic,
    result_topic,
    step_topic,
)
from sevspec.guest_rules import guest_rule_topic, guest_rules
from sevspec.refused import Refused
from sevspec.topic import Table, Topic
from spec.features import PLATFORMS
from spec.knobs import KNOBS
from spec.not_stated import NOT_STATED
from spec.vocabulary import PageState

DEFAULT_PLATFORM = "genoa"
T = TypeVar("T")
Maker = Callable[[str], Topic]
"""Explains one thing for a platform's name."""


def key(name: str) -> str:
    """Names are found in any case, with hyphens or underscores."""
    return name.strip().lower().replace("-", "_").replace(" ", "_")


def fixed(maker: Callable[[T], Topic], thing: T) -> Maker:
    """An explanation that is the same on every platform."""
    return lambda _platform: maker(thing)


def state_maker(state: PageState) -> Maker:
    """The explanation of a page state."""
    return lambda platform: page_states.explained(state, PLATFORMS[platform])


def index() -> dict[str, list[Maker]]:
    """Every name, with the explanations of all that it may mean."""
    found: dict[str, list[Maker]] = defaultdict(list)

    def add(maker: Maker, *names: str) -> None:
        for name in dict.fromkeys(map(key, names)):
            found[name].append(maker)

    names = catalogue()
    for step in names.steps:
        add(fixed(step_topic, step), step.name, step.title, step.title.removeprefix("SNP_"))
    for state in PageState:
        add(state_maker(state), state.value)
    for family in FAMILIES:
        for member in family:
            add(fixed(result_topic, member), *spellings(member))
    for prop in names.properties:
        add(fixed(invariant_topic, prop), prop.info.identifier, prop.info.name)
    for item in NOT_STATED:
        add(fixed(not_stated_topic, item), item.identifier)
    for own in guest_rules():
        add(fixed(guest_rule_topic, own), own.name, own.field)
    for knob in KNOBS:
        add(fixed(knob_topic, knob), knob.name, knob.field)
    for check in check_names():
        add(fixed(check_topic, check), check)
    for attack in attacks():
        add(fixed(attack_topic, attack), attack.id, attack.name)
    for rule in rules().values():
        add(fixed(rule_topic, rule), rule.id)
    for relaxation in relaxations().values():
        add(fixed(relaxation_topic, relaxation), relaxation.id)
    return found


def check_names() -> list[str]:
    """The names of all checks."""
    return sorted({check.name for step in catalogue().steps for check in step.checks})


def spellings(member: Enum) -> list[str]:
    """A result's name, and the text that stands for an event."""
    return [member.name, *([member.value] if isinstance(member.value, str) else [])]


def by_code(text: str) -> list[Maker]:
    """The results that have a number: `0x1A` in hexadecimal, `26` in decimal."""
    try:
        number = int(text, 0)
    except ValueError:
        return []
    members = [member for family in FAMILIES for member in family if member.value == number]
    if not members:
        raise Refused(f"no result has the code {text}")
    return [fixed(result_topic, member) for member in members]


def explain(name: str, platform: str = DEFAULT_PLATFORM) -> list[Topic]:
    """What a name means, each meaning one topic; `Refused` with close matches for one that means nothing."""
    if makers := by_code(name):
        return [maker(platform) for maker in makers]
    known = index()
    if key(name) not in known:
        close = difflib.get_close_matches(key(name), known, n=4, cutoff=0.6)
        hint = f"; did you mean {', '.join(close)}?" if close else "; `sevspec explain` alone lists what is known"
        raise Refused(f"nothing is called '{name}'{hint}")
    return [maker(platform) for maker in known[key(name)]]


def overview() -> Topic:
    """Everything that can be explained, by kind."""
    names = catalogue()
    topic = Topic("index", "sevspec explain NAME", "Everything that has an explanation.")
    for kind in dict.fromkeys(step.kind for step in names.steps):
        topic.fact(kind, [step.title for step in names.steps if step.kind == kind])
    topic.fact("page states", [state.value for state in PageState])
    for family in FAMILIES:
        topic.fact(f"results, {family.__name__}", [member.name for member in family])
    topic.fact("knobs", [knob.name for knob in KNOBS])
    topic.fact("rules of a careful guest", [rule.name for rule in guest_rules()])
    topic.fact("checks", check_names())
    topic.fact("attacks", [f"{attack.id} {attack.name}" for attack in attacks()])
    topic.fact("rules that stop attacks", list(rules()))
    topic.fact("relaxations", list(relaxations()))
    rows = [(p.info.identifier, p.info.name, p.doc.partition("\n")[0]) for p in names.properties]
    topic.tables.append(Table("invariants", ("Identifier", "Name", "Claim"), rows))
    missing = [(item.identifier, item.words, item.waits_for) for item in NOT_STATED]
    topic.tables.append(Table("not stated yet", ("Identifier", "Claim", "Waits for"), missing))
    return topic
