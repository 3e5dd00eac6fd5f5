"""What the security processor keeps: platform and guest states, and the checks that most commands begin with."""

from collections.abc import Callable

from impl.firmware.asids import AsidTable
from impl.firmware.environment import Environment
from impl.firmware.guest_context import Activation, GuestContext
from impl.firmware.legacy.guest import LegacyGuest
from impl.firmware.memory_map import Span, page_span
from impl.firmware.page_states import NamedPage, read_page, write_entry
from impl.firmware.refusal import Refused, require
from impl.machine import Machine
from impl.memory.engine import HOST_ASID
from impl.memory.paging import C_BIT
from impl.rmp.layout import RmpEntry
from spec.vocabulary import GuestState, PageState, PlatformState, Status

OUTPUT_STATES = (PageState.FIRMWARE, PageState.DEFAULT)
"""Pages that the firmware writes status and ciphertext to."""


class Firmware:
    """The state of the SNP firmware. Commands are functions that take it first."""

    def __init__(self, machine: Machine, environment: Environment, random_bytes: Callable[[int], bytes]) -> None:
        """A firmware just loaded: no RMP, no guests."""
        self.machine = machine
        self.environment = environment
        self.random_bytes = random_bytes
        self.platform_state = PlatformState.UNINIT
        self.sev_initialised = False
        """Legacy SEV is in its INIT state; SNP must be initialised first."""
        self.sev_es_initialised = False
        """Legacy SEV has memory for the registers of SEV-ES guests."""
        self.legacy_guests: dict[int, LegacyGuest] = {}
        """SEV and SEV-ES guests by handle."""
        self.rmp_tcb: int | None = None
        """TCB of the firmware that built the RMP; None while there is no initialised RMP."""
        self.contexts: dict[int, GuestContext] = {}
        """Guest contexts by the frame number of their CONTEXT page."""
        self.guest_count = 0
        """Guests between LAUNCH_START and DECOMMISSION."""
        self.reported_tcb = environment.committed_tcb
        self.mask_chip_id = False
        self.mask_chip_key = False
        self.meanwhile: Callable[[], None] = lambda: None
        """What other cores do while SNP_INIT builds the RMP."""
        self.wbinvd_done: set[int] = set()
        """Cores that executed WBINVD since their CCX last ran a guest that is gone."""
        self.reset_asids()

    def reset_asids(self) -> None:
        """Every ASID is dirty and may not run."""
        maximum = self.machine.configuration.maximum_asid
        self.asids = AsidTable(maximum, len(self.environment.topology.ccxs))
        self.machine.invalid_asids = set(range(1, maximum + 1))

    # --- checks ---

    def require_initialised(self) -> None:
        """SNP_INIT was done."""
        require(self.platform_state == PlatformState.INIT, Status.INVALID_PLATFORM_STATE, "platform-state")

    def page(self, spa: int) -> NamedPage:
        """The page at `spa`."""
        (page,) = self.pages(spa)
        return page

    def pages(self, *spas: int) -> tuple[NamedPage, ...]:
        """The pages at these addresses, looked up together. Some memory, and the RMP, a command may never name."""
        memory_map, table = self.environment.memory_map, self.machine.rmp
        addresses = [spa & ~C_BIT for spa in spas]
        require(not any(memory_map.forbids(page_span(spa)) for spa in addresses), Status.INVALID_ADDRESS, "address")
        require(not any(table.contains(spa) for spa in addresses), Status.INVALID_PARAM, "rmp-address")
        return tuple(read_page(self.machine, spa) for spa in addresses)

    def require_covered(self, page: NamedPage) -> None:
        """The command needs an RMP entry. What a DEFAULT page gives is a knob (K-DEFAULT-FW)."""
        settled = self.machine.knobs.default_page_state_error
        status = Status.INVALID_PAGE_STATE if settled else Status.INVALID_ADDRESS
        require(page.state != PageState.DEFAULT, status, "covered")

    def require_size(self, page: NamedPage, size: int) -> None:
        """The RMP holds the page in the size that the command gives."""
        self.require_covered(page)
        require(page.entry.page_size == size, Status.INVALID_PAGE_SIZE, "page-size")

    def require_state(self, page: NamedPage, *states: PageState, check: str = "page-state") -> None:
        """The page is in one of the states."""
        require(page.state in states, Status.INVALID_PAGE_STATE, check)

    def context(self, page: NamedPage, check: str = "context") -> GuestContext:
        """The guest whose context page this is."""
        require(page.state == PageState.CONTEXT, Status.INVALID_GUEST, check)
        return self.contexts[page.pfn]

    def require_guest_state(self, guest: GuestContext, *states: GuestState) -> None:
        """The guest is in one of the states."""
        require(guest.state in states, Status.INVALID_GUEST_STATE, "guest-state")

    def require_asid(self, guest: GuestContext) -> None:
        """The guest is active, or will be when its launch finishes."""
        require(guest.activation != Activation.INACTIVE, Status.INACTIVE, "active")

    def require_accessible(self, spa: int, length: int) -> None:
        """The firmware may read and write these bytes."""
        span = Span(spa & ~C_BIT, (spa & ~C_BIT) + length - 1)
        refusal = self.environment.memory_map.refusal(span, self.machine.rmp)
        if refusal is not None:
            raise Refused(refusal, "address")

    # --- memory ---

    def read(self, spa: int, length: int, asid: int = HOST_ASID) -> bytes:
        """Bytes that a command names, through the key of `asid`."""
        self.require_accessible(spa, length)
        return self.machine.memory.read(spa & ~C_BIT, length, asid)

    def write(self, spa: int, data: bytes, asid: int = HOST_ASID) -> None:
        """Write bytes that a command names, through the key of `asid`."""
        self.require_accessible(spa, len(data))
        self.machine.memory.write(spa & ~C_BIT, data, asid)

    def write_entry(self, page: NamedPage, entry: RmpEntry) -> None:
        """Replace the RMP entry of a page."""
        write_entry(self.machine, page.pfn, entry)
