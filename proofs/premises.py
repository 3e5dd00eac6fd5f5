"""What each premise is for: the rules of a careful guest, knobs, the order of things. And what holds under no premise.

Every invariant of a careful guest fails when a rule that it needs is dropped; every needed knob that no single step
shows (`proofs/necessity.py`) has a trace of several steps here. What RMP-I32 says of the launch fails of a guest that
executes before VMRUN enters it.
"""

from collections.abc import Callable, Iterator
from functools import partial

from proofs import small_memory
from proofs.induction import Predicate
from proofs.search import Move
from proofs.small_attestation import attestation_key, attestation_moves, introduced
from proofs.small_levels import everything, level_moves, preparing_moves
from proofs.small_messages import (
    corresponding,
    message_key,
    message_moves,
    message_moves_with_copies,
)
from proofs.small_metadata import (
    Swapped,
    forging_moves,
    forging_moves_in_launch,
    nesting_moves,
    released,
    replaying_moves,
    with_accepted_page,
)
from proofs.small_world import all_moves, has_two_homes, key, launching
from proofs.witnesses import Witness
from spec.attestation import invariants as attestation
from spec.attestation import message_invariants as messages
from spec.attestation.exchange import THRIFTY, Thrift
from spec.attestation.parties import Care, Parties
from spec.attestation.rules import DILIGENT, Diligence
from spec.guest import invariants as pages
from spec.guest import launch_invariants as launch
from spec.guest import mask_invariants as masks
from spec.guest import no_invariants as no
from spec.guest import swapping_invariants as swapping
from spec.guest.world import CAREFUL, Discipline
from spec.knobs import DEFAULT_KNOBS, Knobs
from spec.memory import no_invariants as unkept
from spec.memory.premises import PREMISES
from spec.memory.state import Scene
from spec.record import replace

Case = tuple[tuple[Move[Scene], ...], tuple[Move[Scene], ...]]
TYPES_CHECKED = Knobs(swap_type_checked=True)
"""RMP-I42 speaks of firmware that compares types."""
UNTRACKED = Discipline(tracks_acceptance=False, stops_on_unvalidated=False)
ON_DEMAND = Discipline(stops_on_unvalidated=False)
CARRY_IGNORED = Discipline(checks_carry_on_rescind=False)
SHARED_UNRESCINDED = Discipline(rescinds_before_sharing=False)
LAUNCHED_TWICE = Discipline(launched_without_repeats=False)
OUT_OF_TURN = Discipline(takes_turns=False)
LEFT_OPEN = Discipline(closes_on_accepting=False)
OPEN_VMSA = Discipline(closes_vmsas=False)
OPEN_LAUNCH = Discipline(launched_closed=False)


def in_pages(without: str, rules: Discipline) -> Witness:
    """RMP-I34, of two addresses and three pages; masks do not matter. Two copies are looked for."""
    statement = pages.valid_pages_are_unique
    return Witness(statement, without, partial(launching, rules), all_moves, key, seen=has_two_homes)


def in_levels(statement: Predicate, without: str, rules: Discipline, knobs: Knobs = DEFAULT_KNOBS) -> Witness:
    """One address, two pages, VMPL1, VMSAs."""
    return Witness(statement, without, partial(launching, rules, knobs), level_moves, everything)


def in_running(statement: Predicate, without: str, rules: Discipline, knobs: Knobs = TYPES_CHECKED) -> Witness:
    """The same with a METADATA page, from a running guest that has accepted a page."""
    begins = "a running guest has accepted a page"
    start = partial(with_accepted_page, rules, knobs)
    return Witness(statement, without, start, nesting_moves, everything, begins)


def of_rules() -> Iterator[Witness]:
    """Each invariant of a careful guest, without a rule that it needs."""
    yield in_pages("without rules D1 and D4", UNTRACKED)
    yield in_pages("without rule D2", CARRY_IGNORED)
    yield in_pages("without rule D3", LAUNCHED_TWICE)
    yield in_pages("without rule D4", ON_DEMAND)
    yield in_pages("without rule D8", SHARED_UNRESCINDED)
    yield in_pages("without rule D9", OUT_OF_TURN)
    yield in_running(pages.what_is_not_accepted_has_no_home, "without rule D8", SHARED_UNRESCINDED)
    yield in_running(pages.root_entry_is_the_home, "without rule D4", ON_DEMAND)
    yield in_running(pages.entries_are_homes, "without rule D4", ON_DEMAND)
    yield in_running(pages.nested_entries_are_homes, "without rule D4", ON_DEMAND)
    yield in_running(pages.remapped_addresses_fault, "without rule D4", ON_DEMAND)
    yield in_running(pages.lost_pages_stay_lost, "without rule D4", ON_DEMAND)
    yield in_running(masks.levels_have_what_was_given, "without rule D6", LEFT_OPEN)
    yield in_running(masks.levels_use_what_was_given, "without rule D6", LEFT_OPEN)
    yield in_running(masks.root_entry_brings_what_was_given, "without rule D6", LEFT_OPEN)
    yield in_running(masks.entries_bring_what_was_given, "without rule D6", LEFT_OPEN)
    yield in_running(masks.nested_entries_bring_what_was_given, "without rule D6", LEFT_OPEN)
    yield in_running(masks.vmsas_are_closed, "with VMSAs that VMPL1 may write", OPEN_VMSA)
    yield in_levels(masks.vmsas_are_closed, "with a launch that VMPL1 may write", OPEN_LAUNCH, TYPES_CHECKED)
    yield in_running(masks.root_entry_brings_closed_vmsas, "with VMSAs that VMPL1 may write", OPEN_VMSA)
    yield in_running(masks.entries_bring_closed_vmsas, "with VMSAs that VMPL1 may write", OPEN_VMSA)
    yield in_running(masks.nested_entries_bring_closed_vmsas, "with VMSAs that VMPL1 may write", OPEN_VMSA)


def of_execution() -> Iterator[Witness]:
    """What was measured, of a guest that validates a page before VMRUN enters it."""
    start = partial(released, CAREFUL, TYPES_CHECKED)
    begins = "a guest was released, and VMRUN has not entered it"
    for statement in launch.INVARIANTS:
        yield Witness(statement, "if the guest executes all the same", start, nesting_moves, everything, begins)


FORGED = "with K-GPA0 answered otherwise"
FORGED_PAGE = (
    pages.valid_pages_are_unique,
    pages.root_entry_is_the_home,
    pages.nested_entries_are_homes,
    masks.levels_have_what_was_given,
    masks.levels_use_what_was_given,
    masks.root_entry_brings_what_was_given,
    masks.nested_entries_bring_what_was_given,
    masks.vmsas_are_closed,
    masks.root_entry_brings_closed_vmsas,
    masks.nested_entries_bring_closed_vmsas,
    swapping.swapped_pages_come_back_once,
    swapping.root_entry_has_its_place,
    swapping.nested_entries_have_their_places,
)
"""The host forges an entry for a page that is swapped out."""
REPLAYED_PAGE = (
    pages.what_is_not_accepted_has_no_home,
    pages.remapped_addresses_fault,
    pages.lost_pages_stay_lost,
)
"""The same; it takes longer, and fewer kinds of steps."""
FORGED_METADATA = (
    swapping.root_entry_of_a_metadata_page_is_a_live_seal,
    swapping.nested_entries_of_metadata_pages_are_live_seals,
)
"""The host forges an entry for a METADATA page that is swapped out."""
FORGED_IN_LAUNCH = (
    launch.valid_pages_were_measured,
    launch.root_entry_brings_what_was_measured,
    launch.nested_entries_bring_what_was_measured,
    launch.types_of_pages_were_measured,
    launch.root_entry_brings_measured_type,
    launch.nested_entries_bring_measured_types,
)
"""The host forges an entry for a measured page that is swapped out."""


def of_knobs() -> Iterator[Witness]:
    """Each invariant that needs a knob, where no single step shows it."""
    forgeable = replace(TYPES_CHECKED, gpa0_for_asid0=False)
    page, metadata, measured = Swapped(metadata=False), Swapped(metadata=True), Swapped(metadata=False, in_launch=True)
    for statements, swapped, moves in (
        (FORGED_PAGE, page, forging_moves),
        (REPLAYED_PAGE, page, replaying_moves),
        (FORGED_METADATA, metadata, forging_moves),
        (FORGED_IN_LAUNCH, measured, forging_moves_in_launch),
    ):
        start = partial(swapped.start, CAREFUL, forgeable)
        for statement in statements:
            yield Witness(statement, FORGED, start, moves, everything, swapped.words)


def of_memory(statement: Predicate, case: Case, without: str, begins: str) -> Witness:
    """A guest with a page of its own, and memory as it is: without a rule that is not one of the machine's."""
    given, moves = case
    premise = next(p for p in PREMISES if p.name == without)

    def start() -> Scene:
        return small_memory.after(small_memory.start(premise), given)

    return Witness(
        statement,
        "",
        start,
        lambda: list(moves),
        small_memory.everything,
        f"a running guest has written an accepted page, {begins}",
        is_over=small_memory.ended,
    )


def of_nothing() -> Iterator[Witness]:
    """What is no invariant, under no premise: a careful guest, default knobs."""
    yield in_levels(no.masks_shrink_with_privilege, "", CAREFUL)
    yield in_levels(no.accepted_pages_stay_usable, "", CAREFUL)
    yield in_running(no.vmsas_are_closed_anyway, "", CAREFUL, DEFAULT_KNOBS)
    yield of_memory(
        unkept.replay_at_the_bus_is_noticed,
        small_memory.CASES["X-PHYS"],
        "X-PHYS",
        "and someone at the bus has read the page before",
    )
    yield of_memory(
        unkept.every_store_changes_the_ciphertext,
        small_memory.EQUAL_CIPHERTEXTS,
        "R23",
        "and may write it again",
    )
    yield Witness(no.types_were_measured_anyway, "", partial(launching, CAREFUL), preparing_moves, everything)


IVS = messages.no_number_got_a_second_plaintext
ACCEPTANCE = attestation.accepted_reports_were_asked_for
WITHOUT_RULE = {
    "V1": Diligence(checks_chain=False),
    "V3": Diligence(checks_signature=False),
    "V4": Diligence(binds_tcb=False),
    "V5": Diligence(binds_chip=False),
    "V6": Diligence(asks_product=False),
    "V7": Diligence(asks_chip=False),
    "V8": Diligence(asks_tcb=False),
    "V9": Diligence(asks_policy=False),
    "V10": Diligence(asks_measurement=False),
    "V11": Diligence(asks_vmpl=False),
    "V12": Diligence(asks_nonce=False),
}


def in_attestation(without: str, start: Callable[[], Parties]) -> Witness:
    """What an accepted report means, of two chips and three guests."""
    return Witness(ACCEPTANCE, without, start, attestation_moves, attestation_key, is_over=lambda _: False)


def of_attestation() -> Iterator[Witness]:
    """What an accepted report means, without each rule of the relying party and of the measured guest."""
    for name, rules in WITHOUT_RULE.items():
        yield in_attestation(f"without rule {name}", partial(introduced, rules))
    lost = partial(introduced, Diligence(checks_revocation=False), ask_lost=True)
    yield in_attestation("without rule V2, where the ASK was lost and revoked", lost)
    yield in_attestation("without rule S12", partial(introduced, DILIGENT, Care(never_reseals=False)))
    yield in_attestation("without rule D10", partial(introduced, DILIGENT, Care(strips_keys=False)))


def of_messages() -> Iterator[Witness]:
    """Guest messages without either half of rule S12, and with a migration agent that copies the guest."""
    for without, rules in (
        ("without rule S12, of requests that were not answered", Thrift(resends_unchanged=False)),
        ("without rule S12, of requests that failed", Thrift(wipes_on_failure=False)),
    ):
        start = partial(corresponding, rules)
        yield Witness(IVS, without, start, message_moves, message_key, is_over=lambda _: False)
    yield Witness(
        messages.no_request_was_answered_twice,
        "if a migration agent copies the guest",
        partial(corresponding, THRIFTY),
        message_moves_with_copies,
        message_key,
        is_over=lambda _: False,
    )


OF_ATTESTATION = tuple(of_attestation())
OF_MESSAGES = tuple(of_messages())
OF_NOTHING = tuple(of_nothing())
OF_RULES = tuple(of_rules())
OF_EXECUTION = tuple(of_execution())
OF_KNOBS = tuple(of_knobs())
