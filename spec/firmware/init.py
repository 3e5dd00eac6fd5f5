"""SNP_INIT and SNP_INIT_EX: firmware checks the machine, builds the RMP or keeps it, and initialises SNP."""

from spec.firmware.asids import ALL_ASIDS, slots_of
from spec.firmware.initial_table import MemoryMap
from spec.firmware.machine import Machine, machine_refused
from spec.firmware.state import MAX_CCX, CcxAsid
from spec.logic import all_of, any_of, first_of, none_of
from spec.maps import Map
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.rmp.entry import RmpEntry
from spec.system.state import System
from spec.vocabulary import Actor, Evidence, Pfn, PlatformState, Status


@record
class SnpInit:
    """No command buffer; what the machine is, and the table that firmware builds for it."""

    machine: Machine
    memory: MemoryMap
    table: Map[Pfn, RmpEntry]
    """Premise: every entry is as `follows_memory_map` says; `initial_table` makes such a table."""


@record
class SnpInitEx:
    """The command buffer (ABI, "SNP_INIT_EX"), and what SNP_INIT has."""

    init_rmp: bool
    list_enabled: bool
    """LIST_PADDR_EN: further pages become HV_FIXED; they are `memory`'s. A malformed list is silently truncated."""
    reserved: bool
    machine: Machine
    memory: MemoryMap
    table: Map[Pfn, RmpEntry]


@transition(actor=Actor.FIRMWARE, manual='Firmware ABI (56860), "SNP_INIT"')
def snp_init(system: System, op: SnpInit) -> Outcome:
    """SNP_INIT_EX with INIT_RMP=1 and no list."""
    # 1. Neither SNP nor SEV is initialised.
    if is_up(system):
        return Outcome(Status.INVALID_PLATFORM_STATE, "platform-state", system, Evidence.FIRMWARE)

    # 2. The machine is safe, and the table can be built.
    if (refused := machine_refused(system, op.machine, rebuild=True)) is not None:
        return refused

    # 3. The new table.
    return Outcome(Status.SUCCESS, "initialised", restarted(rebuilt(system, op.table)), Evidence.FIRMWARE)


@transition(actor=Actor.FIRMWARE, manual='Firmware ABI (56860), "SNP_INIT_EX"')
def snp_init_ex(system: System, op: SnpInitEx) -> Outcome:
    """With INIT_RMP=0 the RMP, and the guest contexts in it, outlive a shutdown."""
    # 1. Reserved bits.
    if op.reserved:
        return Outcome(Status.INVALID_PARAM, "reserved-bits", system, Evidence.FIRMWARE)

    # 2. Neither SNP nor SEV is initialised.
    if is_up(system):
        return Outcome(Status.INVALID_PLATFORM_STATE, "platform-state", system, Evidence.FIRMWARE)

    # 3. An RMP can be kept only if firmware of this TCB has built it.
    keep = none_of(op.init_rmp)
    if cause := first_of(
        ("rmp-initialised", all_of(keep, none_of(system.firmware.rmp_initialised))),
        ("rmp-tcb", all_of(keep, none_of(system.firmware.rmp_same_tcb))),
    ):
        return Outcome(Status.RMP_INIT_REQUIRED, cause, system, Evidence.FIRMWARE)

    # 4. A range list is of use only for a new RMP.
    if all_of(keep, op.list_enabled):
        return Outcome(Status.INVALID_PARAM, "list-without-init", system, Evidence.FIRMWARE)

    # 5. The machine is safe, and the table can be built.
    if (refused := machine_refused(system, op.machine, rebuild=op.init_rmp)) is not None:
        return refused

    # 6. The old table, or the new one.
    if keep:
        return Outcome(Status.SUCCESS, "rmp-kept", restarted(system), Evidence.FIRMWARE)
    return Outcome(Status.SUCCESS, "initialised", restarted(rebuilt(system, op.table)), Evidence.FIRMWARE)


def is_up(system: System) -> bool:
    """SNP or legacy SEV is initialised."""
    return any_of(system.firmware.state != PlatformState.UNINIT, system.firmware.sev_initialised)


def rebuilt(system: System, table: Map[Pfn, RmpEntry]) -> System:
    """The RMP is the new table. It names no guest, so all per-ASID counters are 0."""
    pages = system.asid_pages.set_range(0, ALL_ASIDS, lambda _: 0)
    firmware = replace(system.firmware, rmp_initialised=True, rmp_same_tcb=True)
    return replace(system, rmp=table, asid_pages=pages, firmware=firmware)


def restarted(system: System) -> System:
    """SNP is initialised; no TLB has a translation; every ASID is dirty everywhere, and VMRUN accepts none."""
    firmware = system.firmware
    firmware = replace(
        firmware,
        state=PlatformState.INIT,
        ccx_asids=firmware.ccx_asids.set_range(0, slots_of(ALL_ASIDS), lambda _: CcxAsid.DIRTY),
        ccx_flushed=firmware.ccx_flushed.set_range(0, MAX_CCX, lambda _: False),
        asid_runnable=firmware.asid_runnable.set_range(0, ALL_ASIDS, lambda _: False),
    )
    return replace(system, firmware=firmware)
