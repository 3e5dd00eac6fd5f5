"""What is not stated yet, by identifier, and what it waits for. `sevspec prove` lists it beside what is proved."""

from dataclasses import dataclass

MESSAGES = "the keys and the counts of guest messages on the guest's side are not state"


@dataclass(frozen=True)
class NotStated:
    """An invariant or a rule of the guest."""

    identifier: str
    words: str
    waits_for: str


NOT_STATED = (
    NotStated("RMP-I44", "a guest message is answered once", MESSAGES),
    NotStated("RMP-I45", "a report names no more privileged VMPL than the key of its request", MESSAGES),
    NotStated("rule D10", "no VMPCK for a level that it is not meant for; launch data is untrusted input", MESSAGES),
)
