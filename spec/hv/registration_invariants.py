"""What an honest host's answers about the doorbell page say."""

from spec.hv.registration import DOORBELL_EXIT, NO_PAGE, SET, SOURCE, NaeEvent, Registration
from spec.logic import all_of, implies, none_of
from spec.registry import Outcome, invariant
from spec.vocabulary import DoorbellAction, Guarantor


@invariant("HV-REGISTERED", guarantor=Guarantor.HOST, manual=SOURCE)
def registered_page_is_aligned(system: Registration) -> bool:
    """A registered page is a page, and can be told from none."""
    return implies(system.registered, all_of(system.page & 0xFFF == 0, system.page != NO_PAGE))


@invariant("HV-REGISTERED-SET", guarantor=Guarantor.HOST, manual=SOURCE, by=("host_answers_nae",))
def set_page_is_the_registered_one(op: NaeEvent, outcome: Outcome) -> bool:
    """The host that says that it has registered a page has registered that page, and says which."""
    after: Registration = outcome.system
    asked = all_of(op.exit_code == DOORBELL_EXIT, op.info1 == SET, outcome.output.info1 == 0)
    told = all_of(after.registered, after.page == op.info2, outcome.output.info2 == op.info2)
    return implies(asked, told)


@invariant("HV-REGISTERED-ONLY", guarantor=Guarantor.HOST, manual=SOURCE, by=("host_answers_nae",))
def other_events_register_nothing(before: Registration, op: NaeEvent, outcome: Outcome) -> bool:
    """IPIs and timers change no registration; what is refused registers nothing."""
    after: Registration = outcome.system
    other = none_of(op.exit_code == DOORBELL_EXIT)
    kept = all_of(after.registered == before.registered, after.page == before.page)
    refused = implies(
        all_of(outcome.result == DoorbellAction.REFRAINS, none_of(other)), implies(after.registered, kept)
    )
    return all_of(implies(other, kept), refused)


INVARIANTS = (registered_page_is_aligned, set_page_is_the_registered_one, other_events_register_nothing)
