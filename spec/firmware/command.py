"""What SNP commands share: addresses in command buffers, the refusals in front of every command, guest contexts."""

from spec.firmware.state import GuestContext
from spec.logic import all_of, any_of, none_of
from spec.record import record, replace
from spec.registry import Outcome
from spec.rmp.authority import page_of
from spec.rmp.coverage import is_covered
from spec.rmp.page_state import is_context
from spec.system.state import System
from spec.vocabulary import Address, Evidence, GuestState, Limit, PlatformState, Status


@record
class PageAddress:
    """A *_PADDR field, and what the memory map says of the page (both are facts of the platform, not of the RMP)."""

    spa: Address
    in_rmp: bool
    """The page is part of the RMP itself."""
    forbidden: bool
    """Beyond the highest address, or TSEG, ASEG, a trusted memory region, a ring buffer."""

    @property
    def page(self) -> int:
        """The page frame number."""
        return page_of(self.spa)


def is_page_aligned(address: PageAddress) -> bool:
    """The low 12 bits, reserved in most commands, are 0."""
    return address.spa & 0xFFF == 0


def has_entry(system: System, address: PageAddress) -> bool:
    """The page is covered: not DEFAULT."""
    return is_covered(system, address.spa)


def is_initialised(system: System) -> bool:
    """SNP platform state INIT."""
    return system.firmware.state == PlatformState.INIT


def is_context_page(system: System, address: PageAddress) -> bool:
    """The page is a guest context: state CONTEXT."""
    return all_of(has_entry(system, address), is_context(system.rmp[address.page]))


def context_of(system: System, address: PageAddress) -> GuestContext:
    """The guest context that the page holds; asked after `is_context_page`."""
    return system.firmware.contexts[address.page]


def with_context(system: System, address: PageAddress, context: GuestContext) -> System:
    """The system after firmware has written a guest context back to its page."""
    contexts = system.firmware.contexts.set(address.page, context)
    return replace(system, firmware=replace(system.firmware, contexts=contexts))


def is_launched(context: GuestContext) -> bool:
    """The guest is in LAUNCH or RUNNING."""
    return any_of(context.state == GuestState.LAUNCH, context.state == GuestState.RUNNING)


def is_bound(context: GuestContext) -> bool:
    """The guest has an ASID, activated or pending."""
    return context.asid != 0


def refused_early(system: System, *, reserved: bool) -> Outcome | None:
    """The first two checks of a command: reserved bits of its buffer, and the platform state."""
    # Reserved bits are 0; the low bits of a page's address are among them.
    if reserved:
        return Outcome(Status.INVALID_PARAM, "reserved-bits", system, Evidence.FIRMWARE)

    # SNP is initialised.
    if none_of(is_initialised(system)):
        return Outcome(Status.INVALID_PLATFORM_STATE, "platform-state", system, Evidence.FIRMWARE)
    return None


def refused_address(system: System, *addresses: PageAddress) -> Outcome | None:
    """Pages that firmware may not touch at all; the RMP itself never is named in a command."""
    if any_of(*(address.forbidden for address in addresses)):
        return Outcome(Status.INVALID_ADDRESS, "address", system, Evidence.FIRMWARE)
    if any_of(*(address.in_rmp for address in addresses)):
        return Outcome(Status.INVALID_PARAM, "rmp-page", system, Evidence.FIRMWARE)
    return None


def refused_uncovered(system: System, *addresses: PageAddress) -> Outcome | None:
    """A page without an entry, where the entry's size is asked before its state (knob K-DEFAULT-FW)."""
    uncovered = any_of(*(none_of(has_entry(system, address)) for address in addresses))
    if all_of(uncovered, system.platform.knobs.default_page_state_error):
        return Outcome(Status.INVALID_PAGE_STATE, "covered", system, Evidence.INFERRED)
    if uncovered:
        return Outcome(Limit.UNSPECIFIED, "covered", system, Evidence.INFERRED)
    return None


def refused_before_context(
    system: System, context: PageAddress, *others: PageAddress, reserved: bool
) -> Outcome | None:
    """The checks up to GCTX_PADDR's, or None if the page is a CONTEXT.

    `others` are the pages whose entries the command reads before it judges the context page.
    """
    unaligned = any_of(*(none_of(is_page_aligned(address)) for address in (context, *others)))
    if (refused := refused_early(system, reserved=any_of(reserved, unaligned))) is not None:
        return refused
    if (refused := refused_address(system, context, *others)) is not None:
        return refused

    # GCTX_PADDR names a guest context.
    if none_of(is_context_page(system, context)):
        return Outcome(Status.INVALID_GUEST, "context", system, Evidence.FIRMWARE)
    return None
