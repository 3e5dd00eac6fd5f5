"""Attestation, small enough to be searched whole: two chips, three guests, and whoever expects one of them."""

from collections.abc import Callable, Hashable, Iterator
from typing import Any

from proofs.search import Move
from proofs.templates import nothing
from spec.attestation.asking import Asking, adversary_asks_for_report, guest_asks_for_report
from spec.attestation.endorsement import Endorsement
from spec.attestation.parties import CAREFUL_OF_KEYS, Care, Chip, Launched, Losses, Parties, Request, Signer
from spec.attestation.reference import Floors, Reference
from spec.attestation.relying_party import (
    Challenge,
    Offered,
    relying_party_challenges,
    relying_party_judges,
)
from spec.attestation.report import NO_AGENT, Report
from spec.attestation.reporting import (
    Forging,
    HostReporting,
    Reporting,
    adversary_signs_report,
    firmware_reports,
    host_asks_for_report,
    report_of,
)
from spec.attestation.rules import Diligence
from spec.attestation.tcb import TcbVersion
from spec.maps import Map
from spec.record import replace
from spec.vocabulary import GuestPolicy, Product

OWN_CHIP, OPENED_CHIP = 1, 2
"""Of the relying party's list, and one that the adversary has opened."""
MEASURED, FOREIGN, DEBUGGED = 1, 2, 3
"""The guest that is expected, another one, and the expected one under a policy that allows debugging."""
MEASUREMENT = 0x4D
OLD, NEW = TcbVersion(0, 1, 0, 1, 1), TcbVersion(0, 2, 0, 2, 2)
OLD_NUMBER, NEW_NUMBER = 0x0101_0000_0000_0001, 0x0202_0000_0000_0002
MOST_SIGNATURES, MOST_NONCES = 3, 3
NONE: Map[int, bool] = Map(False)
POLICY = int(GuestPolicy.RESERVED_ONE | GuestPolicy.SMT)


def chip(number: int) -> Chip:
    """A Genoa with firmware of today."""
    plain: Chip = nothing(Chip)
    return replace(
        plain,
        product=Product.GENOA,
        report_version=3,
        cpuid_family=0x19,
        cpuid_model=0x11,
        chip_id=number,
        current_tcb=NEW_NUMBER,
        committed_tcb=NEW_NUMBER,
        reported_tcb=NEW_NUMBER,
    )


def guest(measurement: int, policy: int = POLICY) -> Launched:
    """A guest on the chip of the list."""
    plain: Launched = nothing(Launched)
    running = replace(plain, chip=OWN_CHIP, report_id_ma=NO_AGENT, launch_tcb=NEW_NUMBER)
    return replace(running, measurement=measurement, policy=policy)


def reference() -> Reference:
    """The chip, the measurement, VMPL0, no debugging and no migration, firmware of today; Milan is not accepted."""
    floors = Floors(NEW_NUMBER, NEW_NUMBER, NEW_NUMBER)
    plain: Reference = nothing(Reference)
    return replace(
        plain,
        genoa_accepted=True,
        list_required=True,
        chips=NONE.set(OWN_CHIP, True),
        floors=floors,
        forbidden_policy=int(GuestPolicy.DEBUG | GuestPolicy.MIGRATE_MA),
        measurements=NONE.set(MEASUREMENT, True),
        any_id_key=True,
        any_author_key=True,
        any_host_data=True,
        any_family_id=True,
        any_image_id=True,
    )


def losses(ask: bool) -> Losses:
    """Milan is broken, one chip is opened, keys of old firmware are out; perhaps the ASK was lost."""
    return Losses(True, False, False, NONE.set(OPENED_CHIP, True), Floors(NEW_NUMBER, NEW_NUMBER, NEW_NUMBER), ask)


def introduced(rules: Diligence, care: Care = CAREFUL_OF_KEYS, ask_lost: bool = False) -> Parties:
    """Nothing has happened yet."""
    chips: Map[int, Chip] = Map(nothing(Chip))
    chips = chips.set(OWN_CHIP, chip(OWN_CHIP)).set(OPENED_CHIP, chip(OPENED_CHIP))
    guests: Map[int, Launched] = Map(nothing(Launched))
    guests = guests.set(MEASURED, guest(MEASUREMENT)).set(FOREIGN, guest(0x46))
    guests = guests.set(DEBUGGED, guest(MEASUREMENT, POLICY | GuestPolicy.DEBUG))
    plain: Parties = nothing(Parties)
    start = replace(plain, chips=chips, guests=guests, losses=losses(ask_lost), care=care, rules=rules)
    return replace(start, reference=reference(), next_nonce=1)


def endorsed(parties: Parties, signer: Signer) -> Endorsement:
    """What AMD's certificates say of a key. An ASK that was lost is revoked."""
    tcb = OLD if signer.tcb == OLD_NUMBER else NEW
    true = dict.fromkeys(
        "complete root_trusted root_signed intermediate_signed leaf_signed constraints_hold in_force list_in_force "
        "key_known extensions_known".split(),
        True,
    )
    return Endorsement(
        **true,
        revoked=parties.losses.ask,
        is_vlek=signer.is_vlek,
        product=signer.product,
        root_product=signer.product,
        tcb=tcb,
        hw_id=signer.holder,
        service=0,
    )


def wished(parties: Parties, **changed: Any) -> Report:
    """The report that the adversary would like to have: of the measured guest, with the nonce of the moment."""
    request = replace(nothing(Request), data=parties.reference.report_data)
    return replace(report_of(chip(OWN_CHIP), guest(MEASUREMENT), request, False), **changed)


# --- who may do what ---


def challenge_moves() -> Iterator[Move[Parties]]:
    """A nonce, a few times."""
    yield Move(relying_party_challenges, lambda p: Challenge() if p.next_nonce < MOST_NONCES else None)


def asking_moves() -> Iterator[Move[Parties]]:
    """Each guest by each means: VMPL0 and VMPL2 with their keys, VMPL2 with the key of VMPL0, the adversary."""
    for who in (MEASURED, FOREIGN, DEBUGGED):
        for take, level, vmpck in (
            (guest_asks_for_report, 0, 0),
            (guest_asks_for_report, 2, 2),
            (guest_asks_for_report, 2, 0),
            (adversary_asks_for_report, 0, 0),
        ):
            yield Move(take, asking(who, level, vmpck))


def asking(who: int, level: int, vmpck: int) -> Callable[[Parties], Any]:
    """With the nonce of the moment as report data."""

    def operands(parties: Parties) -> Asking | None:
        data = parties.reference.report_data
        return Asking(who, level, vmpck, vmpck, data) if data and not parties.next_request else None

    return operands


def signing_moves() -> Iterator[Move[Parties]]:
    """The last request is answered; the host asks; keys that were lost sign what the adversary wishes."""
    yield Move(firmware_reports, while_few(lambda p: Reporting(p.next_request - 1, OWN_CHIP, False), asked=True))
    yield Move(host_asks_for_report, while_few(lambda _: HostReporting(MEASURED, False)))
    for signer, changed in (
        (Signer(False, OWN_CHIP, Product.GENOA, NEW_NUMBER), {}),
        (Signer(False, OPENED_CHIP, Product.GENOA, NEW_NUMBER), {}),
        (Signer(False, OPENED_CHIP, Product.GENOA, NEW_NUMBER), {"chip_id": OPENED_CHIP}),
        (Signer(False, OWN_CHIP, Product.GENOA, OLD_NUMBER), {}),
        (Signer(False, OWN_CHIP, Product.GENOA, OLD_NUMBER), {"reported_tcb": OLD_NUMBER}),
        (Signer(False, OWN_CHIP, Product.MILAN, NEW_NUMBER), {"cpuid_model": 1}),
    ):
        yield Move(adversary_signs_report, while_few(forging(signer, changed)))


def forging(signer: Signer, changed: dict[str, int]) -> Callable[[Parties], Any]:
    """What the adversary wishes, by a key."""
    return lambda parties: Forging(signer, wished(parties, **changed)) if parties.reference.report_data else None


def while_few(operands: Callable[[Parties], Any], asked: bool = False) -> Callable[[Parties], Any]:
    """There are not too many signatures yet, and there is a request where one is needed."""

    def few(parties: Parties) -> Any:
        ready = parties.next_request or not asked
        return operands(parties) if ready and parties.next_signature < MOST_SIGNATURES - 1 else None

    return few


def judging_moves() -> Iterator[Move[Parties]]:
    """Each signature with its report and its certificate; and what the adversary signs with keys of his own."""
    for number in range(MOST_SIGNATURES):
        yield Move(relying_party_judges, offering(number))
    for leaf_signed, self_made in ((False, True), (True, True), (True, False)):
        yield Move(relying_party_judges, offering_own(leaf_signed, self_made))


def offering(number: int) -> Callable[[Parties], Any]:
    """A signature that was made."""

    def operands(parties: Parties) -> Offered | None:
        made = parties.signatures[number]
        ready = made.made and parties.reference.report_data
        return Offered(made.report, True, number, endorsed(parties, made.signer), False) if ready else None

    return operands


def offering_own(leaf_signed: bool, self_made: bool) -> Callable[[Parties], Any]:
    """A signature that no certified key made."""
    own = Signer(False, OWN_CHIP, Product.GENOA, NEW_NUMBER)

    def operands(parties: Parties) -> Offered | None:
        if not parties.reference.report_data:
            return None
        endorsement = replace(endorsed(parties, own), leaf_signed=leaf_signed)
        return Offered(wished(parties), True, MOST_SIGNATURES, endorsement, self_made)

    return operands


def attestation_moves() -> list[Move[Parties]]:
    """Everything that anyone may do."""
    return [*challenge_moves(), *asking_moves(), *signing_moves(), *judging_moves()]


def attestation_key(parties: Parties) -> Hashable:
    """What tells states apart: the rest never changes."""
    tables: tuple[tuple[Map[int, Any], int], ...] = (
        (parties.requests, parties.next_request),
        (parties.signatures, parties.next_signature),
    )
    return parties.next_nonce, *(tuple(table[number] for number in range(end)) for table, end in tables)
