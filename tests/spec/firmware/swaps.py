"""What the tests of both swap commands share: a METADATA page, and the refusals that the two have alike."""

from typing import Any

from spec.firmware.metadata import EntryAddress
from spec.vocabulary import GuestPolicy, GuestState, Status
from tests.spec.firmware.pages import (
    METADATA,
    Case,
    at,
    early,
    uncovered,
    with_entry,
    with_guest,
)

SOURCE, TARGET, ENTRIES = 0x400, 0x800, 0xC00
SLOT = (ENTRIES << 6) | 2
ENTRY = EntryAddress(root=False, at=at(ENTRIES, spa=SLOT << 6))
ROOT = EntryAddress(root=True, at=at(ENTRIES, forbidden=True, in_rmp=True, spa=7))
"""In the context; MDATA_PADDR does not matter."""


def entry_at(page: int, **flags: Any) -> dict[str, EntryAddress]:
    return {"entry": EntryAddress(root=False, at=at(page, **flags))}


SHARED = (
    *early(),
    Case(
        "reserved-bits", Status.INVALID_PARAM, {"source": at(SOURCE, spa=(SOURCE << 12) + 8)}, name="source-unaligned"
    ),
    Case("address", Status.INVALID_ADDRESS, {"destination": at(TARGET, forbidden=True)}, name="destination-address"),
    Case(
        "rmp-page", Status.INVALID_PARAM, {"source": at(SOURCE, in_rmp=True), "context": at(SOURCE)}, name="read-first"
    ),
    Case("mdata-address", Status.INVALID_ADDRESS, entry_at(ENTRIES, forbidden=True)),
    Case("mdata-in-rmp", Status.INVALID_PARAM, entry_at(ENTRIES, in_rmp=True)),
    Case("mdata-alignment", Status.INVALID_PARAM, entry_at(ENTRIES, spa=(ENTRIES << 12) + 32)),
    Case("mdata-overlap", Status.INVALID_PARAM, entry_at(SOURCE), name="mdata-in-source"),
    Case(
        "mdata-overlap", Status.INVALID_PARAM, entry_at(TARGET, spa=(TARGET << 12) + 0xFC0), name="mdata-in-destination"
    ),
    Case("mdata-state", Status.INVALID_PAGE_STATE, entry_at(ENTRIES + 1)),
    Case("mdata-state", Status.INVALID_PAGE_STATE, system=lambda s: uncovered(s, ENTRIES), name="mdata-uncovered"),
    Case("mdata-owner", Status.INVALID_PAGE_OWNER, system=lambda s: with_entry(s, ENTRIES, gfn=METADATA.gfn + 1)),
    Case("guest-state", Status.INVALID_GUEST_STATE, system=lambda s: with_guest(s, state=GuestState.INIT)),
    Case("activated", Status.INACTIVE, system=lambda s: with_guest(s, asid=0)),
    Case("policy", Status.POLICY_FAILURE, system=lambda s: with_guest(s, policy=GuestPolicy.PAGE_SWAP_DISABLE)),
)
