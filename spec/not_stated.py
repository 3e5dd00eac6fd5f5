"""What is not stated yet, by identifier, and what it waits for. `sevspec prove` lists it beside what is proved."""

from dataclasses import dataclass

TLB = "translations that processors cache are not state"
CONTENTS = "what memory holds is not state"
CHANNEL = "it is stated of the guest's channel to firmware: RMP-I44-IV"


@dataclass(frozen=True)
class NotStated:
    """An invariant or a rule of the guest."""

    identifier: str
    words: str
    waits_for: str


NOT_STATED = (
    NotStated("RMP-I23", "no private access completes at an unvalidated page, cached translations included", TLB),
    NotStated("RMP-I24", "walks and fetches use only the guest's validated pages, cached translations included", TLB),
    NotStated("RMP-I26", "a VMPL uses only what it had when the translation was cached", TLB),
    NotStated("RMP-I27", "the host reads no plaintext of a guest's private page", CONTENTS),
    NotStated("RMP-I35", "a private read returns what the guest last wrote there", CONTENTS),
    NotStated("RMP-I37", "after a revocation and a flush no access uses the old right", TLB),
    NotStated("RMP-I40", "PAGE_MOVE and swapping keep address, content and masks together", CONTENTS),
    NotStated("RMP-I41", "what VMPL0 left in a recycled page is not read at a lower VMPL", CONTENTS),
    NotStated("RMP-I46", "a launch digest stands for one sequence of launched pages", "the hash is ideal by name only"),
    NotStated("RMP-I49", "not an invariant: ciphertext that is physically replayed is not noticed", CONTENTS),
    NotStated("RMP-I50", "not an invariant: equal plaintext in one place has equal ciphertext", CONTENTS),
    NotStated("GHCB-I33", "no sequence number of a guest message is used for two plaintexts", CHANNEL),
    NotStated("HV-H3", "only the processor and VMPL0 write the event fields of a VMSA", CONTENTS),
    NotStated("HV-H21", "nothing of the doorbell page but vector and flags has an effect", CONTENTS),
    NotStated("HV-H23", "the doorbell page is shared, and nothing private stands there", CONTENTS),
    NotStated("HV-H25", "an interrupt handler that is called for no reason does no harm", "what it does is not state"),
    NotStated("rule D5", "flush after permissions are reduced", TLB),
    NotStated("rule D7", "flush after a page is rescinded", TLB),
    NotStated("rule D10", "its second half: launch data is untrusted input", CONTENTS),
)
"""Rule D6 has a second half, zeroing a page before a lower VMPL gets it: it waits for contents, with RMP-I41."""
