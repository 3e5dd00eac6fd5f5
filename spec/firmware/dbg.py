"""SNP_DBG_DECRYPT and SNP_DBG_ENCRYPT: the host reads and writes memory of a guest whose owner allows it."""

from spec.firmware.command import (
    PageAddress,
    context_of,
    has_entry,
    is_context_page,
    is_initialised,
    is_page_aligned,
    refused_address,
)
from spec.firmware.policy import allows
from spec.logic import all_of, any_of, first_of, ite, none_of
from spec.record import record
from spec.registry import Outcome, transition
from spec.rmp.authority import head_of
from spec.rmp.entry import RmpEntry
from spec.rmp.page_state import is_firmware, is_guest_invalid, is_guest_valid, is_pre_guest, is_pre_swap
from spec.system.state import System
from spec.vocabulary import Actor, Evidence, GuestPolicy, PageSize, Status


@record
class DebugCopy:
    """The command buffer of both commands. 4 KiB are copied, whatever the page sizes."""

    context: PageAddress
    source: PageAddress
    target: PageAddress


@transition(actor=Actor.FIRMWARE, manual='Firmware ABI (56860), "SNP_DBG_DECRYPT"')
def dbg_decrypt(system: System, op: DebugCopy) -> Outcome:
    """The target receives the source's plaintext. No entry changes."""
    # 1. Reserved bits, then the platform state.
    if is_misaligned(op):
        return Outcome(Status.INVALID_PARAM, "reserved-bits", system, Evidence.FIRMWARE)
    if none_of(is_initialised(system)):
        return Outcome(Status.INVALID_PLATFORM_STATE, "platform-state", system, Evidence.FIRMWARE)

    # 2. The three pages can be looked up, and the first is a guest context.
    if (refused := pages_refused(system, op)) is not None:
        return refused

    # 3. The source is a guest's, the target the firmware's.
    source, target = judged_entry(system, op.source), judged_entry(system, op.target)
    if cause := first_of(
        ("source-state", none_of(all_of(has_entry(system, op.source), is_guest_page(source)))),
        ("target-state", none_of(all_of(has_entry(system, op.target), is_firmware(target)))),
    ):
        return Outcome(Status.INVALID_PAGE_STATE, cause, system, Evidence.FIRMWARE)

    # 4. It is this guest's, and this guest may be debugged.
    if (refused := debugging_refused(system, op, source)) is not None:
        return refused
    return Outcome(Status.SUCCESS, "decrypted", system, Evidence.FIRMWARE)


@transition(actor=Actor.FIRMWARE, manual='Firmware ABI (56860), "SNP_DBG_ENCRYPT"')
def dbg_encrypt(system: System, op: DebugCopy) -> Outcome:
    """The target receives the source as the guest's data. No entry changes; any page may be the source."""
    # 1. The platform state, then reserved bits.
    if none_of(is_initialised(system)):
        return Outcome(Status.INVALID_PLATFORM_STATE, "platform-state", system, Evidence.FIRMWARE)
    if is_misaligned(op):
        return Outcome(Status.INVALID_PARAM, "reserved-bits", system, Evidence.FIRMWARE)

    # 2. The three pages can be looked up, and the first is a guest context.
    if (refused := pages_refused(system, op)) is not None:
        return refused

    # 3. The target is a guest's, and immutable.
    target = judged_entry(system, op.target)
    writable = all_of(has_entry(system, op.target), any_of(is_pre_guest(target), is_pre_swap(target)))
    if none_of(writable):
        return Outcome(Status.INVALID_PAGE_STATE, "target-state", system, Evidence.FIRMWARE)

    # 4. It is this guest's, and this guest may be debugged.
    if (refused := debugging_refused(system, op, target)) is not None:
        return refused
    return Outcome(Status.SUCCESS, "encrypted", system, Evidence.FIRMWARE)


def is_misaligned(op: DebugCopy) -> bool:
    """Some address has low bits set."""
    return none_of(all_of(*(is_page_aligned(address) for address in (op.context, op.source, op.target))))


def pages_refused(system: System, op: DebugCopy) -> Outcome | None:
    """All three entries are read before the first is judged."""
    if (refused := refused_address(system, op.context, op.source, op.target)) is not None:
        return refused
    if none_of(is_context_page(system, op.context)):
        return Outcome(Status.INVALID_GUEST, "context", system, Evidence.FIRMWARE)
    return None


def judged_entry(system: System, address: PageAddress) -> RmpEntry:
    """The entry that these commands go by: inside a 2 MiB page the head's, as only they look there."""
    entry, head = system.rmp[address.page], system.rmp[head_of(address.page)]
    inside = all_of(entry.page_size == PageSize.SIZE_4K, entry.asid == 0, head.page_size == PageSize.SIZE_2M)
    return ite(inside, head, entry)


def is_guest_page(entry: RmpEntry) -> bool:
    """One of the four states of a guest's page."""
    return any_of(is_pre_guest(entry), is_pre_swap(entry), is_guest_invalid(entry), is_guest_valid(entry))


def debugging_refused(system: System, op: DebugCopy, entry: RmpEntry) -> Outcome | None:
    """The checks of owner and policy; the guest's state does not matter.

    A guest without an ASID owns no page, so that INACTIVE, which firmware tests last, is never returned.
    """
    context = context_of(system, op.context)
    if entry.asid != context.asid:
        return Outcome(Status.INVALID_PAGE_OWNER, "owner", system, Evidence.FIRMWARE)
    if none_of(allows(context.policy, GuestPolicy.DEBUG)):
        return Outcome(Status.POLICY_FAILURE, "debug", system, Evidence.FIRMWARE)
    return None
