"""SNP_ACTIVATE and SNP_ACTIVATE_EX: bind a guest to an ASID and install its memory key."""

from impl.firmware.asids import CcxState
from impl.firmware.buffers import ActivateBuffer, ActivateExBuffer
from impl.firmware.guest_context import Activation, GuestContext
from impl.firmware.refusal import require
from impl.firmware.state import Firmware
from spec.vocabulary import ASID_COUNTERS, PAGE_SHIFT, GuestPolicy, GuestState, Status

APIC_ID_BYTES = 4
MAXIMUM_APIC_IDS = 4096 // APIC_ID_BYTES
_HELD = (CcxState.IN_USE, CcxState.ALLOCATED)


def activate(firmware: Firmware, buffer: ActivateBuffer) -> str:
    """Firmware ABI (56860), SNP_ACTIVATE: on every core complex."""
    guest = _guest_to_activate(firmware, buffer)

    # 5. No page of the machine belongs to the ASID.
    _require_no_pages(firmware, buffer.asid)

    # 6. A guest of one socket cannot use them all.
    sockets = firmware.environment.topology.sockets
    require(not guest.policy & GuestPolicy.SINGLE_SOCKET or sockets == 1, Status.POLICY_FAILURE, "policy-single-socket")

    # 7. The ASID exists.
    _require_asid_exists(firmware, buffer.asid)

    # 8. No guest holds it.
    held = firmware.asids.any_in(buffer.asid, *_HELD)
    require(not held or not _exclusive(firmware), Status.ASID_OWNED, "asid-free")

    # 9. The guest has none yet.
    require(guest.activation == Activation.INACTIVE, Status.ACTIVE, "inactive")
    _bind(firmware, guest, buffer.asid, set(firmware.environment.topology.ccxs))
    return guest.activation.name.lower()


def activate_ex(firmware: Firmware, buffer: ActivateExBuffer) -> str:
    """Firmware ABI (56860), SNP_ACTIVATE_EX: on some processors' core complexes; again to add more."""
    # 0. The buffer has the length that this version expects.
    require(buffer.length == ActivateExBuffer.LENGTH, Status.INVALID_PARAM, "length")
    guest = _guest_to_activate(firmware, buffer)

    # 5. No page of the machine belongs to the ASID, unless the guest has it already.
    if guest.activation == Activation.INACTIVE:
        _require_no_pages(firmware, buffer.asid)

    # 6. The ASID exists.
    _require_asid_exists(firmware, buffer.asid)

    # 7. The list has a sensible length and can be read, and every processor in it exists.
    require(0 < buffer.numids <= MAXIMUM_APIC_IDS, Status.INVALID_PARAM, "apic-id-count")
    ccxs = _listed_ccxs(firmware, buffer)

    # 8. A guest of one socket stays on it, and with its migration agent.
    if guest.policy & GuestPolicy.SINGLE_SOCKET:
        _require_one_socket(firmware, guest, ccxs)

    # 9. A guest that has an ASID keeps it.
    require(guest.activation == Activation.INACTIVE or guest.asid == buffer.asid, Status.ACTIVE, "same-asid")
    _bind(firmware, guest, buffer.asid, ccxs)
    return guest.activation.name.lower()


def _guest_to_activate(firmware: Firmware, buffer: ActivateBuffer | ActivateExBuffer) -> GuestContext:
    # 1. Reserved bits.
    require(not buffer.reserved_set, Status.INVALID_PARAM, "reserved-bits")

    # 2. The platform is initialised.
    firmware.require_initialised()

    # 3. The page is a guest context.
    guest = firmware.context(firmware.page(buffer.gctx_paddr))

    # 4. The guest has keys.
    firmware.require_guest_state(guest, GuestState.LAUNCH, GuestState.RUNNING)
    return guest


def _require_no_pages(firmware: Firmware, asid: int) -> None:
    """There are counters for more ASIDs than any processor has; what has none is refused as no ASID afterwards."""
    free = asid >= ASID_COUNTERS or firmware.machine.rmp.load_counter(asid) == 0
    require(free or not _exclusive(firmware), Status.INVALID_CONFIG, "asid-owns-no-page")


def _exclusive(firmware: Firmware) -> bool:
    return firmware.machine.configuration.protections.asid_exclusive


def _require_asid_exists(firmware: Firmware, asid: int) -> None:
    require(1 <= asid <= firmware.machine.configuration.maximum_asid, Status.INVALID_ASID, "asid-range")


def _listed_ccxs(firmware: Firmware, buffer: ActivateExBuffer) -> set[int]:
    listed = firmware.read(buffer.ids_paddr, buffer.numids * APIC_ID_BYTES)
    starts = range(0, len(listed), APIC_ID_BYTES)
    apic_ids = [int.from_bytes(listed[start : start + APIC_ID_BYTES], "little") for start in starts]
    found = [firmware.environment.topology.ccx_of_apic_id(apic_id) for apic_id in apic_ids]
    require(None not in found, Status.INVALID_PARAM, "apic-ids")
    return {ccx for ccx in found if ccx is not None}


def _require_one_socket(firmware: Firmware, guest: GuestContext, ccxs: set[int]) -> None:
    socket_of = firmware.environment.topology.socket_of
    together = guest.ccxs | ccxs
    if guest.migration_agent is not None:
        agent = firmware.contexts.get(guest.migration_agent >> PAGE_SHIFT)
        active = agent is not None and agent.activation == Activation.ACTIVE
        require(active, Status.POLICY_FAILURE, "migration-agent-active")
        together = together | (agent.ccxs if agent is not None else set())
    require(len({socket_of(ccx) for ccx in together}) == 1, Status.POLICY_FAILURE, "policy-single-socket")


def _bind(firmware: Firmware, guest: GuestContext, asid: int, ccxs: set[int]) -> None:
    asids, machine = firmware.asids, firmware.machine
    if guest.activation == Activation.INACTIVE and _exclusive(firmware):
        # 10. The last guest's lines are flushed everywhere.
        require(not asids.any_in(asid, CcxState.DIRTY), Status.DF_FLUSH_REQUIRED, "asid-flushed")

        # 11. No other guest holds the ASID on any core complex.
        require(asids.all_clean(asid), Status.ASID_OWNED, "asid-clean")

    # 12. SEV-ES and SNP guests use the lower ASIDs.
    require(asid < machine.configuration.minimum_sev_asid, Status.INVALID_ASID, "asid-snp")
    if guest.activation == Activation.INACTIVE:
        machine.engine.install_key(asid, guest.memory_key)
        guest.asid = asid
    guest.ccxs |= ccxs
    running = guest.state == GuestState.RUNNING
    guest.activation = Activation.ACTIVE if running else Activation.PENDING
    asids.put(asid, guest.ccxs if running else ccxs, CcxState.IN_USE if running else CcxState.ALLOCATED)
    if running:
        machine.invalid_asids.discard(asid)
