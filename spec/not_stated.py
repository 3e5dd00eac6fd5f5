"""What is not stated yet, by identifier, and what it waits for. `sevspec prove` lists it beside what is proved."""

from dataclasses import dataclass

CONTENTS = "what memory holds is not state"
CHANNEL = "it is stated of the guest's channel to firmware: RMP-I44-IV"


@dataclass(frozen=True)
class NotStated:
    """An invariant or a rule of the guest."""

    identifier: str
    words: str
    waits_for: str


NOT_STATED = (
    NotStated("GHCB-I33", "no sequence number of a guest message is used for two plaintexts", CHANNEL),
    NotStated("HV-H3", "only the processor and VMPL0 write the event fields of a VMSA", CONTENTS),
    NotStated("HV-H21", "nothing of the doorbell page but vector and flags has an effect", CONTENTS),
    NotStated("HV-H23", "the doorbell page is shared, and nothing private stands there", CONTENTS),
    NotStated("HV-H25", "an interrupt handler that is called for no reason does no harm", "what it does is not state"),
    NotStated("rule D10", "its second half: launch data is untrusted input", CONTENTS),
)
