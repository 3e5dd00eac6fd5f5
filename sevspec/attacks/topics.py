"""What `sevspec explain` says of an attack, of a rule R… or S…, and of a relaxation X-…."""

from sevspec.attacks.catalogue import attacks, relaxations, rules
from sevspec.attacks.entry import Attack, Column, Form, Relaxation, Rule
from sevspec.attacks.trace import ACTORS
from sevspec.proving import invariants
from sevspec.topic import Table, Topic


def attack_topic(attack: Attack) -> Topic:
    """One attack."""
    topic = Topic("attack", f"{attack.id} {attack.name}", attack.title)
    topic.fact("breaks", attack.breaks)
    topic.fact("published", attack.published)
    topic.fact("in the model", attack.status)
    topic.fact("stopped by", [f"{name} ({rules()[name].keeper.value})" for name in attack.rules])
    topic.fact("can be lifted by", dict.fromkeys(name for form in attack.forms for name in form.relax))
    topic.fact("see it run", f"sevspec attack {attack.name}" if attack.runs else "")
    if attack.runs:
        steps = [(str(n), ACTORS[s.actor], s.call, s.words) for n, s in enumerate(attack.trace, 1)]
        topic.tables.append(Table("trace", ("Nr", "Actor", "Step", "What for"), steps))
        columns = ("Rules", *(column.value for column in Column))
        topic.tables.append(Table("expected", columns, [form_row(form) for form in attack.forms]))
    return topic


def form_row(form: Form) -> tuple[str, ...]:
    """What is expected of one form."""
    return (form.words or "all kept", *(form.expected.get(column, "") for column in Column))


def rule_topic(rule: Rule) -> Topic:
    """One rule."""
    topic = Topic("rule", rule.id, rule.words)
    topic.fact("kept by", rule.keeper.value)
    topic.fact("since", rule.since)
    topic.fact("source", rule.manual)
    topic.fact("evidence", rule.evidence.value)
    topic.fact("field of the careful guest", rule.spec)
    topic.fact("rests on it", [f"{claim}{'' if claim in stated() else ' (not stated yet)'}" for claim in rule.claims])
    topic.fact("stops", stopped_by(rule.id))
    topic.fact("lifted by", [r.id for r in relaxations().values() if r.lifts == rule.id])
    shown = next((a for a in attacks() for form in a.forms if form.without == (rule.id,)), None)
    topic.fact("see what it is for", f"sevspec attack {shown.name} --without {rule.id}" if shown else "")
    return topic


def stated() -> set[str]:
    """The identifiers of what `sevspec prove` speaks of."""
    return {info.identifier for info in invariants().values()}


def stopped_by(rule: str) -> list[str]:
    """The attacks that a rule stops."""
    return [f"{attack.id} {attack.name}" for attack in attacks() if rule in attack.rules]


def relaxation_topic(relaxation: Relaxation) -> Topic:
    """One relaxation."""
    topic = Topic("relaxation", relaxation.id, relaxation.words)
    topic.fact("by default", "off")
    topic.fact("lifts", relaxation.lifts)
    topic.fact("seen", relaxation.seen)
    using = [a for a in attacks() if any(relaxation.id in form.relax for form in a.forms)]
    topic.fact("used by", [f"{attack.id} {attack.name}" for attack in using])
    topic.fact("see it", f"sevspec attack {using[0].name} --relax {relaxation.id}" if using else "")
    return topic
