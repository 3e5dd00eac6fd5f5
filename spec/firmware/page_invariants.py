"""What firmware and hardware together keep true of page states, VMSA pages, VMPL0's masks and launched guests."""

from spec.firmware.asids import is_taken
from spec.firmware.invariants import asid_of
from spec.firmware.launch_update import LaunchUpdate
from spec.firmware.state import ContextPage, MetadataEntry, MetadataSlot, SealedSlot
from spec.logic import all_of, any_of, implies, none_of
from spec.registry import Outcome, invariant
from spec.rmp.authority import effective
from spec.rmp.page_state import PREDICATES, is_context
from spec.system.state import System
from spec.vmpl.permissions import full_mask
from spec.vocabulary import Asid, Guarantor, GuestState, PageSize, Pfn, Status

FW = Guarantor.FIRMWARE
STATES = 'Firmware ABI (56860), "Page States"'
SWAPPING = 'Firmware ABI (56860), "SNP_PAGE_SWAP_OUT"'
FINISH = 'Firmware ABI (56860), "SNP_LAUNCH_FINISH"'
MIGRATION = ("guest_request_import", "guest_request_absorb", "guest_request_absorb_noma", "guest_request_vmrk")


@invariant("RMP-I4", guarantor=FW, manual=STATES, needs=("K-GPA0",))
def no_page_is_in_an_invalid_state(system: System, page: Pfn) -> bool:
    """Every entry is in one of the page states."""
    entry = effective(system.rmp, page)
    return any_of(*(holds(entry) for _, holds in PREDICATES))


@invariant("RMP-I5", guarantor=FW, manual="APM Vol. 2, 15.36.12", needs=("K-RADJ-2MVMSA",))
def vmsa_pages_are_small(system: System, page: Pfn) -> bool:
    """The VMSA attribute stands only on a guest's 4 KiB page, or on a guest context."""
    entry = effective(system.rmp, page)
    small = all_of(entry.asid != 0, entry.page_size == PageSize.SIZE_4K)
    return implies(entry.vmsa, any_of(small, is_context(entry)))


@invariant("RMP-I6", guarantor=FW, manual="APM Vol. 2, 15.36.7")
def vmpl0_is_never_restricted(system: System, page: Pfn) -> bool:
    """VMPL0 has every permission on every page of its guest."""
    entry = effective(system.rmp, page)
    return implies(entry.asid != 0, entry.masks.vmpl0 == full_mask(system.platform))


def keeps_vmpl0(system: System, entry: MetadataEntry) -> bool:
    """A guest page comes back with everything granted to VMPL0."""
    return implies(all_of(entry.valid, none_of(entry.metadata)), entry.masks.vmpl0 == full_mask(system.platform))


@invariant("RMP-I6-ENTRY", guarantor=FW, manual=SWAPPING)
def entries_keep_vmpl0(system: System, slot: MetadataSlot) -> bool:
    """Swapping restricts VMPL0 no more than anything else."""
    return keeps_vmpl0(system, system.firmware.metadata[slot])


@invariant("RMP-I6-SEALED", guarantor=FW, manual=SWAPPING)
def sealed_entries_keep_vmpl0(system: System, slot: SealedSlot) -> bool:
    """The same of entries in METADATA pages that were swapped out."""
    return keeps_vmpl0(system, system.firmware.sealed[slot])


@invariant("RMP-I6-ROOT", guarantor=FW, manual=SWAPPING)
def root_entries_keep_vmpl0(system: System, context: ContextPage) -> bool:
    """The same of a guest's root entry."""
    return keeps_vmpl0(system, system.firmware.contexts[context].root_metadata)


@invariant("RMP-I31", guarantor=FW, manual=FINISH)
def guests_do_not_run_before_launch_finish(system: System, context: ContextPage) -> bool:
    """VMRUN accepts no ASID of a guest that is still being launched."""
    asid = asid_of(system, context)
    launching = all_of(asid != 0, system.firmware.contexts[context].state == GuestState.LAUNCH)
    return implies(launching, none_of(system.firmware.asid_runnable[asid]))


@invariant("RMP-I31-TAKEN", guarantor=FW, manual=FINISH)
def runnable_asids_are_taken(system: System, asid: Asid) -> bool:
    """VMRUN accepts only ASIDs that some guest has."""
    return implies(system.firmware.asid_runnable[asid], is_taken(system.firmware, asid))


def keeps_running(before: System, after: System, context: ContextPage) -> bool:
    """The page holds the context of a running guest before the step, and a guest context after it."""
    running = before.firmware.contexts[context].state == GuestState.RUNNING
    return all_of(is_context(before.rmp[context]), running, is_context(after.rmp[context]))


@invariant("RMP-I47", guarantor=FW, manual=FINISH, unless=MIGRATION)
def launched_guests_keep_their_identity(before: System, after: System, context: ContextPage) -> bool:
    """Policy, host data and ID block of a running guest never change, unless it is migrated."""
    old, new = before.firmware.contexts[context], after.firmware.contexts[context]
    return implies(
        keeps_running(before, after, context),
        all_of(
            old.policy == new.policy,
            old.host_data == new.host_data,
            old.id_block_enabled == new.id_block_enabled,
            old.author_key_enabled == new.author_key_enabled,
            old.guest_svn == new.guest_svn,
        ),
    )


@invariant("RMP-I47-DIGEST", guarantor=FW, manual=FINISH, unless=(*MIGRATION, "launch_update"))
def launched_guests_keep_their_digest(before: System, after: System, context: ContextPage) -> bool:
    """The launch digest of a running guest never changes; SNP_LAUNCH_UPDATE, which extends it, is refused (RMP-I31)."""
    old, new = before.firmware.contexts[context], after.firmware.contexts[context]
    return implies(keeps_running(before, after, context), old.launch_digest == new.launch_digest)


@invariant("RMP-I31-UPDATE", guarantor=FW, manual=FINISH, by=("launch_update",))
def only_guests_in_launch_are_extended(before: System, op: LaunchUpdate, outcome: Outcome) -> bool:
    """SNP_LAUNCH_UPDATE adds pages only to a guest in LAUNCH: what runs was measured."""
    state = before.firmware.contexts[op.context.page].state
    return implies(outcome.result == Status.SUCCESS, state == GuestState.LAUNCH)


INVARIANTS = (
    launched_guests_keep_their_digest,
    only_guests_in_launch_are_extended,
    no_page_is_in_an_invalid_state,
    vmsa_pages_are_small,
    vmpl0_is_never_restricted,
    entries_keep_vmpl0,
    sealed_entries_keep_vmpl0,
    root_entries_keep_vmpl0,
    guests_do_not_run_before_launch_finish,
    runnable_asids_are_taken,
    launched_guests_keep_their_identity,
)
