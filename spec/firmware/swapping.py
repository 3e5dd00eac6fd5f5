"""What the commands that move or swap a guest's pages check alike (firmware ABI 56860)."""

from typing import Annotated

from spec.firmware.command import PageAddress, context_of, is_bound, is_launched, refused_before_context
from spec.firmware.metadata import EntryAddress, refused_entry_address
from spec.logic import none_of
from spec.registry import Outcome
from spec.system.state import System
from spec.vocabulary import Bits, Evidence, GuestPolicy, Status


def refused_guest(system: System, context: PageAddress) -> Outcome | None:
    """Commands that move or swap a guest's pages: its state, its key, its policy."""
    guest = context_of(system, context)
    if none_of(is_launched(guest)):
        return Outcome(Status.INVALID_GUEST_STATE, "guest-state", system, Evidence.FIRMWARE)
    if none_of(is_bound(guest)):
        return Outcome(Status.INACTIVE, "activated", system, Evidence.FIRMWARE)

    # Firmware that does not know the policy bit has refused the guest's launch.
    if guest.policy & GuestPolicy.PAGE_SWAP_DISABLE != 0:
        return Outcome(Status.POLICY_FAILURE, "policy", system, Evidence.INFERRED)
    return None


def refused_before_swap(
    system: System,
    context: PageAddress,
    entry: EntryAddress,
    *pages: PageAddress,
    page_size: Annotated[int, Bits(1)],
    reserved: bool,
) -> Outcome | None:
    """The first checks of both swap commands; `pages` are the source and the destination."""
    # Reserved bits, platform state, addresses, GCTX_PADDR.
    if (refused := refused_before_context(system, context, *pages, reserved=reserved)) is not None:
        return refused

    # MDATA_PADDR.
    return refused_entry_address(system, entry, context, *pages, page_size=page_size)
