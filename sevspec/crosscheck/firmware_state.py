"""The security processor's memory: as the machine keeps it, and as the specification does."""

from typing import TYPE_CHECKING, TypeVar

from immutables import Map as PersistentMap

from impl.firmware.asids import CcxState
from sevspec.crosscheck.guest_state import ENTRY_BYTES, context_of, kept_of, metadata_in, packed_metadata
from spec.firmware.asids import ccx_of, slots_of
from spec.firmware.state import (
    EMPTY_CONTEXT,
    EMPTY_METADATA,
    CcxAsid,
    Firmware,
)
from spec.maps import Map
from spec.record import replace
from spec.rmp.page_state import is_context, is_metadata
from spec.system.state import System
from spec.vocabulary import PlatformState

if TYPE_CHECKING:
    from sevspec.crosscheck.bench import Bench

V = TypeVar("V")
CCX_CODES = {
    CcxState.DIRTY: CcxAsid.DIRTY,
    CcxState.CLEAN: CcxAsid.CLEAN,
    CcxState.ALLOCATED: CcxAsid.ALLOCATED,
    CcxState.IN_USE: CcxAsid.IN_USE,
}
CCX_STATES = {code: state for state, code in CCX_CODES.items()}
KEY_BYTES = 32


def put_firmware(bench: "Bench", system: System) -> None:
    """Bring the security processor into the specified state."""
    spec, firmware, machine = system.firmware, bench.processor.firmware, bench.machine
    firmware.platform_state = PlatformState(spec.state)
    firmware.sev_initialised = spec.sev_initialised
    tcb = firmware.environment.committed_tcb
    if spec.rmp_initialised:
        firmware.rmp_tcb = tcb if spec.rmp_same_tcb else tcb + 1
    firmware.mask_chip_key = spec.chip_key_masked
    for slot, code in spec.ccx_asids.changed():
        if is_there(bench, slot):
            firmware.asids.put(slot >> 4, (ccx_of(slot),), CCX_STATES[code])
    topology = firmware.environment.topology
    firmware.wbinvd_done = {core for core in topology.cores if spec.ccx_flushed[topology.ccx_of_core(core)]}
    for asid, runnable in spec.asid_runnable.changed():
        if runnable:
            machine.invalid_asids.discard(asid)
    for asid, key in spec.asid_keys.changed():
        if asid and key:
            machine.engine.install_key(asid, bench.keys.make(key))
    pages = {page for page, _ in spec.contexts.changed()}
    for page in pages | {page for page, entry in system.rmp.changed() if is_context(entry)}:
        context = spec.contexts[page]
        ccxs = firmware.asids.ccxs_in(context.asid, CcxState.ALLOCATED) if context.asid else set()
        ccxs |= firmware.asids.ccxs_in(context.asid, CcxState.IN_USE) if context.asid else set()
        firmware.contexts[page] = kept_of(context, ccxs, bench.keys, tcb)
        if context.asid and not machine.engine.has_key(context.asid):
            # No identity: the specification may know of no key here.
            machine.engine.install_key(context.asid, bytes(range(KEY_BYTES)))
    for slot, entry in spec.metadata.changed():
        if not machine.memory.exists(slot * ENTRY_BYTES, ENTRY_BYTES):
            continue
        machine.memory.write_raw(slot * ENTRY_BYTES, packed_metadata(entry, bench.keys).pack())


def firmware_of(bench: "Bench") -> Firmware:
    """The state of the security processor. What it does not keep is taken from the specified one."""
    like, firmware, machine = bench.system.firmware, bench.processor.firmware, bench.machine
    topology, version = firmware.environment.topology, firmware.environment.version
    cores = topology.cores
    waiting = {topology.ccx_of_core(core) for core in cores if core not in firmware.wbinvd_done}
    asids = range(1, machine.configuration.maximum_asid + 1)
    installed = ((asid, machine.engine.key_of(asid)) for asid in asids)
    keys = {asid: bench.keys.identity(key) for asid, key in installed if key is not None}
    contexts = {page: context_of(kept, bench.keys) for page, kept in firmware.contexts.items()}
    return replace(
        like,
        state=int(firmware.platform_state),
        sev_initialised=firmware.sev_initialised,
        rmp_initialised=firmware.rmp_tcb is not None,
        rmp_same_tcb=like.rmp_same_tcb if firmware.rmp_tcb is None else firmware.rmp_tcb == tcb_of(bench),
        ccx_count=len(topology.ccxs),
        contexts=table(EMPTY_CONTEXT, contexts),
        metadata=table(EMPTY_METADATA, metadata_in(bench)),
        ccx_asids=table(CcxAsid.DIRTY, ccx_asids_of(bench)),
        ccx_flushed=table(False, {ccx: True for ccx in topology.ccxs if ccx not in waiting}),
        asid_keys=table(0, keys),
        asid_runnable=table(False, {asid: True for asid in asids if asid not in machine.invalid_asids}),
        next_key=bench.keys.next_key,
        abi_version=version.major << 8 | version.minor,
        chip_key_masked=firmware.mask_chip_key,
    )


def table(usual: V, values: dict[int, V]) -> Map[int, V]:
    """A map of these values."""
    return Map(usual, None, PersistentMap({key: value for key, value in values.items() if value != usual}))


def tcb_of(bench: "Bench") -> int:
    """The TCB of the firmware that runs."""
    return bench.processor.firmware.environment.committed_tcb


def is_there(bench: "Bench", slot: int) -> bool:
    """Whether the machine has the slot's ASID and core complex."""
    ccxs = len(bench.processor.firmware.environment.topology.ccxs)
    return 0 < slot >> 4 <= bench.machine.configuration.maximum_asid and ccx_of(slot) < ccxs


def ccx_asids_of(bench: "Bench") -> dict[int, int]:
    """The ASIDs that are not dirty, by core complex."""
    asids, ccxs = bench.processor.firmware.asids, bench.processor.firmware.environment.topology.ccxs
    found: dict[int, int] = {}
    for asid in range(1, bench.machine.configuration.maximum_asid + 1):
        states = asids.states_of(asid)
        found.update({slots_of(asid) | ccx: CCX_CODES[states[ccx]] for ccx in ccxs if states[ccx] != CcxState.DIRTY})
    return found


def comparable(bench: "Bench", firmware: Firmware) -> Firmware:
    """Without what the machine has no place for: absent core complexes, and entries outside of METADATA pages."""
    rmp, known = bench.system.rmp, range(1, bench.machine.configuration.maximum_asid + 1)
    asids = {slot: code for slot, code in firmware.ccx_asids.changed() if is_there(bench, slot)}
    exists = bench.machine.memory.exists
    entries = {
        slot: entry
        for slot, entry in firmware.metadata.changed()
        if is_metadata(rmp[slot >> 6]) and exists(slot * ENTRY_BYTES, ENTRY_BYTES)
    }
    present = bench.processor.firmware.environment.topology.ccxs
    flushed = {ccx: flag for ccx, flag in firmware.ccx_flushed.changed() if ccx in present}
    return replace(
        firmware,
        ccx_asids=table(CcxAsid.DIRTY, asids),
        asid_runnable=table(False, {asid: on for asid, on in firmware.asid_runnable.changed() if asid in known}),
        asid_keys=table(0, {asid: key for asid, key in firmware.asid_keys.changed() if asid in known}),
        metadata=table(EMPTY_METADATA, entries),
        ccx_flushed=table(False, flushed),
    )
