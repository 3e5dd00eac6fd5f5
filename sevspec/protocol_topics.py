"""Explanations of the GHCB protocol: events, messages over the MSR, and the theorems about them."""

from collections.abc import Iterable

from proofs.breaches import Breach, shown
from proofs.host_breaches import HOST_BREACHES
from proofs.list_breaches import LIST_BREACHES
from proofs.theorem import Theorem
from proofs.theorems import knobs_of
from proofs.vc_breaches import VC_BREACHES
from sevspec.catalogue import catalogue
from sevspec.topic import Table, Topic
from spec.ghcb.event import EventRow
from spec.ghcb.events import EVENTS
from spec.ghcb.msr_codes import Message
from spec.ghcb.vocabulary.hv_features import HvFeature

BREACHES = (*VC_BREACHES, *HOST_BREACHES, *LIST_BREACHES)
LAYOUT = 'GHCB (56421), "Standard VMGEXIT Events"'


def codes() -> dict[str, tuple[EventRow, ...]]:
    """The forms of each event, by the name of its code."""
    names = dict.fromkeys(row.code for row in EVENTS)
    return {code_name(code): tuple(row for row in EVENTS if row.code == code) for code in names}


def code_name(code: int) -> str:
    """The name of an exit code or event; several events may be told apart by SW_EXITINFO1."""
    return str(getattr(code, "name", hex(code)))


def breach_table(breach: Breach) -> Table:
    """A run after which a claim does not hold."""
    rows = [(str(n), *taken.cells()) for n, taken in enumerate(shown(breach).trace, 1)]
    begins = breach.begins[0].upper() + breach.begins[1:]
    title = f"{breach.identifier} does not hold without {breach.rule}: {breach.attack}. {begins}"
    return Table(title, ("Nr", "Actor", "Step", "Operands", "Answer"), rows)


def breach_tables(identifier: str) -> list[Table]:
    """What comes back for a claim without the rules that it needs."""
    return [breach_table(breach) for breach in BREACHES if breach.identifier == identifier]


def fields_text(fields: Iterable[object], *, scratch: bool, info2: bool = False) -> str:
    """Fields by name, besides those that every request or reply has."""
    names = [str(getattr(field, "name", field)) for field in fields]
    return ", ".join([*names, *(["scratch data"] if scratch else []), *(["SW_EXITINFO2"] if info2 else [])]) or "none"


def event_topic(name: str) -> Topic:
    """An event of the page protocol, with its forms."""
    forms = codes()[name]
    topic = Topic("event of the GHCB protocol", name, forms[0].title if len(forms) == 1 else "")
    topic.fact("code", f"{forms[0].code:#x}")
    topic.fact("manual", LAYOUT)
    rows = [
        (
            row.title,
            f"{row.info1_value:#x} under {row.info1_mask:#x}" if row.info1_mask else "any",
            fields_text(row.inputs, scratch=row.scratch_in),
            fields_text(row.outputs, scratch=row.scratch_out, info2=row.info2_out),
            needs_text(row.since, row.feature, row.snp),
            row.evidence.value,
        )
        for row in forms
    ]
    columns = ("Form", "SW_EXITINFO1", "Inputs", "Results", "Needs", "Evidence")
    topic.tables.append(Table("forms", columns, rows))
    return topic


def needs_text(since: int, feature: int, snp: bool) -> str:
    """Version, features and kind of guest."""
    features = [str(member.name) for member in HvFeature if feature & member]
    return ", ".join([f"version {since}", *features, *(["an SNP guest"] if snp else [])])


def message_topic(message: Message) -> Topic:
    """A request over the GHCB MSR, with its response."""
    topic = Topic("message over the GHCB MSR", message.request.name, "")
    topic.fact("codes", f"{message.request:#05x}, answered by {message.response:#05x} ({message.response.name})")
    topic.fact("needs", needs_text(message.since, message.feature, message.snp))
    topic.fact("zero in the request", f"data bits {message.zero_in_request:#x}" if message.zero_in_request else "")
    topic.fact("zero in the response", f"data bits {message.zero_in_response:#x}" if message.zero_in_response else "")
    topic.fact("manual", 'GHCB (56421), "GHCB MSR Protocol"')
    return topic


def theorem_topic(theorem: Theorem) -> Topic:
    """A theorem: what it says, what it rests on, and which claims make it up."""
    topic = Topic("theorem", theorem.name, theorem.words)
    topic.fact("rules", theorem.rules)
    topic.fact("knobs at their defaults", knobs_of(theorem))
    topic.fact("given", theorem.given)
    rows = [
        (prop.info.identifier, prop.info.name, prop.info.guarantor.value)
        for prop in catalogue().properties
        if prop.info.name in theorem.claims
    ]
    topic.tables.append(Table("claims", ("Identifier", "Name", "Guaranteed by"), rows))
    return topic
