"""Explanations of steps, results, invariants, knobs and checks, from the catalogue."""

from enum import Enum, IntEnum

from proofs.premises import OF_EXECUTION, OF_NOTHING, OF_RULES
from proofs.witnesses import Witness, shown
from sevspec.answers import result_text
from sevspec.catalogue import ALL_INVARIANTS, ALL_TRANSITIONS, Property, Step, catalogue
from sevspec.checks import Check
from sevspec.documented import attribute_docs, class_line, doc_line
from sevspec.knob_use import default_of, readers_of
from sevspec.source import reached
from sevspec.topic import Table, Topic
from spec.knobs import Knob
from spec.not_stated import NotStated
from spec.vocabulary import Status


def results_text(check: Check) -> str:
    """The results of a check; several where data decides."""
    return " or ".join(result_text(result) for result in check.results)


def check_row(number: int, check: Check) -> tuple[str, ...]:
    """One line of a table of checks."""
    evidence = check.evidence.value if check.evidence else ""
    return (str(number), check.name, results_text(check), check.sentence.text, evidence, check.place)


def step_topic(step: Step) -> Topic:
    """An instruction, an access, a command."""
    topic = Topic(step.kind, step.title, step.summary)
    topic.fact("manual", step.info.manual)
    topic.fact("actor", step.info.actor.value)
    topic.fact("source", step.function.place)
    about = doc_line(step.function.node)
    topic.fact("note", about if about != step.summary else "")
    topic.fact("knobs", [knob.name for knob in step.knobs])
    topic.fact("used by", users_of(step))
    topic.fact("invariants about it", [p.info.identifier for p in catalogue().properties if step.name in p.info.by])
    exempt = [p.info.identifier for p in catalogue().properties if step.name in p.info.unless]
    topic.fact("exempt from", exempt)
    operands = [(o.name, o.width, o.doc) for o in step.operands]
    topic.tables.append(Table("operands", ("Operand", "Width", "Meaning"), operands))
    rows = [check_row(number, check) for number, check in enumerate(step.checks, start=1)]
    columns = ("Nr", "Check", "Result", "Rule", "Evidence", "Source")
    topic.tables.append(Table("checks, in order; the first that applies decides", columns, rows))
    return topic


def users_of(step: Step) -> list[str]:
    """Other transitions that take this step."""
    return [
        other.title
        for other in catalogue().steps
        if other is not step and any(function.call is step.call for function in reached(other.function))
    ]


def positions(checks: list[tuple[Step, Check]]) -> Table:
    """Where checks stand: step, position among its checks, and what follows."""
    rows = []
    for step, check in checks:
        place = f"{step.checks.index(check) + 1} of {len(step.checks)}"
        evidence = check.evidence.value if check.evidence else ""
        rows.append((step.title, check.name, place, results_text(check), check.sentence.text, evidence, check.place))
    return Table("checks", ("Step", "Check", "Nr", "Result", "Rule", "Evidence", "Source"), rows)


def result_topic(result: Enum) -> Topic:
    """A result code, an event, a status, a limit."""
    family = type(result)
    topic = Topic("result", result.name, class_line(family))
    value = result.value
    if isinstance(result, Status):
        topic.fact("code", f"0x{value:02X}")
    elif isinstance(result, IntEnum):
        topic.fact("code", str(value))
    else:
        topic.fact("means", str(value))
    topic.fact("about", attribute_docs(family).get(result.name, ""))
    given = list(catalogue().giving(result))
    if given:
        topic.tables.append(positions(given))
    else:
        topic.fact("given by", "no step that is modelled")
    return topic


def check_topic(name: str) -> Topic:
    """A check by its name, in every step that has it."""
    topic = Topic("check", name, "")
    topic.tables.append(positions(list(catalogue().named(name))))
    return topic


def invariant_topic(prop: Property) -> Topic:
    """An invariant."""
    info = prop.info
    topic = Topic("invariant", info.identifier, prop.doc)
    topic.fact("function", info.name)
    topic.fact("guaranteed by", info.guarantor.value)
    topic.fact("manual", info.manual)
    topic.fact("source", prop.function.place)
    topic.fact("needs at their defaults", info.needs)
    topic.fact("speaks of", info.by or "every step")
    topic.fact("exempts", info.unless)
    witnesses = (*OF_NOTHING, *OF_RULES, *OF_EXECUTION)
    topic.tables += [trace_table(w) for w in witnesses if w.identifier == info.identifier]
    return topic


def trace_table(witness: Witness) -> Table:
    """A trace after which a statement does not hold."""
    begins = f", once {witness.begins}" if witness.begins else ""
    rows = [(str(n), *taken.cells()) for n, taken in enumerate(shown(witness).trace, 1)]
    title = (
        f"{witness.identifier} does not hold {witness.without}".rstrip()
        + f"{begins}: a trace, found by search and replayed"
    )
    return Table(title, ("Nr", "Actor", "Step", "Operands", "Answer"), rows)


def not_stated_topic(item: NotStated) -> Topic:
    """What is not stated yet."""
    topic = Topic("not stated yet", item.identifier, item.words)
    topic.fact("waits for", item.waits_for)
    return topic


def knob_topic(knob: Knob) -> Topic:
    """A knob: what the sources leave open."""
    topic = Topic("knob", knob.name, knob.default)
    topic.fact("otherwise", knob.otherwise)
    topic.fact("field", f"{knob.field} = {default_of(knob)} by default")
    places = readers_of(knob, (*ALL_TRANSITIONS, *ALL_INVARIANTS))
    topic.fact("read at", [f"{reader.place} ({reader.function})" for reader in places])
    topic.fact("steps that depend on it", [s.title for s in catalogue().steps if knob in s.knobs])
    needing = [p.info.identifier for p in catalogue().properties if knob.name in p.info.needs]
    topic.fact("invariants that need the default", needing)
    topic.fact("the question", f"docs/open-questions.md, {knob.name}")
    return topic
