"""Requests for reports: sealed by a guest's software, or by somebody who came by its keys (rules S12 and D10)."""

from typing import Annotated

from spec.attestation.parties import GuestNumber, Parties, Request, exposes_keys, is_measured
from spec.attestation.report import ReportData
from spec.logic import all_of, none_of
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.vocabulary import Actor, Bits, Evidence, GuestAction, Vmpl

SOURCE = 'Firmware ABI (56860), "Guest Messages" and "MSG_REPORT_REQ"'


@record
class Asking:
    """A request, and who makes it."""

    guest: GuestNumber
    level: Vmpl
    vmpck: Vmpl
    vmpl: Annotated[int, Bits(32)]
    data: ReportData


def requested(parties: Parties, op: Asking, by_guest: bool) -> Parties:
    """The request is under way."""
    request = Request(
        made=True,
        guest=op.guest,
        vmpck=op.vmpck,
        vmpl=op.vmpl,
        data=op.data,
        by_guest=by_guest,
        level=op.level,
        asked_at=parties.next_nonce,
    )
    requests = parties.requests.set(parties.next_request, request)
    return replace(parties, requests=requests, next_request=parties.next_request + 1)


@transition(actor=Actor.GUEST, manual=SOURCE)
def guest_asks_for_report(parties: Parties, op: Asking) -> Outcome:
    """Software at some VMPL of any guest asks, with whatever report data it likes."""
    # 1. It has the key: the paravisor of a measured guest keeps the more privileged ones (rule D10).
    kept = all_of(is_measured(parties, parties.guests[op.guest]), parties.care.strips_keys)
    if all_of(kept, op.level > op.vmpck):
        return Outcome(GuestAction.REFRAINS, "key-not-given", parties, Evidence.AGREED)

    # 2. The request is sealed.
    return Outcome(GuestAction.CONTINUES, "asked", requested(parties, op, by_guest=True), Evidence.MANUAL)


@transition(actor=Actor.ADVERSARY, manual=SOURCE)
def adversary_asks_for_report(parties: Parties, op: Asking) -> Outcome:
    """The same, by somebody outside of the guest."""
    # 1. The key can be had: by debugging, from a copy, or because an IV was used twice (rule S12).
    if none_of(exposes_keys(parties, parties.guests[op.guest])):
        return Outcome(GuestAction.REFRAINS, "key-secret", parties, Evidence.MANUAL)

    # 2. The request is sealed.
    return Outcome(GuestAction.CONTINUES, "asked", requested(parties, op, by_guest=False), Evidence.MANUAL)
