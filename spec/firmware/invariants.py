"""What firmware keeps true of guests, their ASIDs, and what it swapped out for them."""

from spec.firmware.asids import is_taken
from spec.firmware.sealing import LAST_IV
from spec.firmware.state import MAX_CCX, ContextPage, MetadataEntry, MetadataSlot, SealedSlot
from spec.logic import all_of, implies, ite, none_of
from spec.registry import invariant
from spec.rmp.authority import offset_of
from spec.rmp.page_state import is_context
from spec.system.state import System
from spec.vocabulary import Guarantor, GuestState, PageSize, PlatformState

FW = Guarantor.FIRMWARE
ACTIVATION = 'Firmware ABI (56860), "SNP_ACTIVATE"'
SWAPPING = 'Firmware ABI (56860), "SNP_PAGE_SWAP_OUT"'


def asid_of(system: System, context: ContextPage) -> int:
    """The ASID of a guest; 0 if the page holds no guest context, or if it has none."""
    return ite(is_context(system.rmp[context]), system.firmware.contexts[context].asid, 0)


@invariant("RMP-I28", guarantor=FW, manual=ACTIVATION)
def asids_have_one_guest(system: System, context: ContextPage, other: ContextPage) -> bool:
    """No two guests have the same ASID, so none has another's memory key."""
    asid = asid_of(system, context)
    return implies(all_of(asid != 0, asid == asid_of(system, other)), context == other)


@invariant("RMP-I28-TAKEN", guarantor=FW, manual=ACTIVATION)
def bound_asids_are_taken(system: System, context: ContextPage) -> bool:
    """A guest's ASID is allocated or in use on some core complex."""
    asid = asid_of(system, context)
    return implies(asid != 0, is_taken(system.firmware, asid))


@invariant("RMP-I28-DOWN", guarantor=FW, manual='Firmware ABI (56860), "SNP_SHUTDOWN"')
def no_asid_is_bound_while_firmware_is_down(system: System, context: ContextPage) -> bool:
    """Guest contexts outlive a shutdown that keeps the RMP, but not their ASIDs."""
    return implies(system.firmware.state == PlatformState.UNINIT, asid_of(system, context) == 0)


@invariant("RMP-I28-RANGE", guarantor=FW, manual=ACTIVATION)
def bound_asids_exist(system: System, context: ContextPage) -> bool:
    """No guest has an ASID above the machine's highest."""
    return asid_of(system, context) <= system.platform.max_asid


@invariant("RMP-I28-INIT", guarantor=FW, manual=ACTIVATION)
def guests_have_no_asid_before_their_launch(system: System, context: ContextPage) -> bool:
    """SNP_ACTIVATE comes after SNP_LAUNCH_START."""
    state = system.firmware.contexts[context].state
    return implies(state == GuestState.INIT, asid_of(system, context) == 0)


@invariant("RMP-P-CCX", guarantor=Guarantor.PLATFORM, manual="APM Vol. 3, Appendix E")
def the_machine_has_core_complexes(system: System) -> bool:
    """One to sixteen core complexes: firmware has a bit for each."""
    return all_of(system.firmware.ccx_count != 0, system.firmware.ccx_count <= MAX_CCX)


def is_aligned(entry: MetadataEntry) -> bool:
    """An entry for a 2 MiB page of a guest has a 2 MiB-aligned address."""
    large = all_of(entry.valid, none_of(entry.metadata), entry.page_size == PageSize.SIZE_2M)
    return implies(large, offset_of(entry.gfn) == 0)


@invariant("RMP-I8-ENTRY", guarantor=FW, manual=SWAPPING)
def metadata_entries_are_aligned(system: System, slot: MetadataSlot) -> bool:
    """The guest-physical address of a 2 MiB page is still aligned when it comes back."""
    return is_aligned(system.firmware.metadata[slot])


@invariant("RMP-I8-SEALED", guarantor=FW, manual=SWAPPING)
def sealed_entries_are_aligned(system: System, slot: SealedSlot) -> bool:
    """The same of entries in METADATA pages that were swapped out."""
    return is_aligned(system.firmware.sealed[slot])


@invariant("RMP-I8-ROOT", guarantor=FW, manual=SWAPPING)
def root_entries_are_aligned(system: System, context: ContextPage) -> bool:
    """The same of a guest's root entry."""
    return is_aligned(system.firmware.contexts[context].root_metadata)


@invariant("RMP-KEYS-ENTRY", guarantor=Guarantor.CRYPTOGRAPHY, manual=SWAPPING)
def tags_are_of_drawn_keys(system: System, slot: MetadataSlot) -> bool:
    """A random key is none that was used before: no tag was made by a key still to be drawn."""
    return system.firmware.metadata[slot].tag_oek < system.firmware.next_key


@invariant("RMP-KEYS-SEALED", guarantor=Guarantor.CRYPTOGRAPHY, manual=SWAPPING)
def sealed_tags_are_of_drawn_keys(system: System, slot: SealedSlot) -> bool:
    """The same of entries in METADATA pages that were swapped out."""
    return system.firmware.sealed[slot].tag_oek < system.firmware.next_key


@invariant("RMP-KEYS-GUEST", guarantor=Guarantor.CRYPTOGRAPHY, manual='Firmware ABI (56860), "SNP_LAUNCH_START"')
def guests_have_drawn_keys(system: System, context: ContextPage) -> bool:
    """The same of each guest's swapping key and root entry."""
    guest = system.firmware.contexts[context]
    next_key = system.firmware.next_key
    return all_of(guest.oek < next_key, guest.root_metadata.tag_oek < next_key)


@invariant("RMP-IV", guarantor=FW, manual=SWAPPING)
def ivs_do_not_run_out(system: System, context: ContextPage) -> bool:
    """Firmware stops swapping before a guest's IV count would wrap, so no IV is used twice under one key."""
    return system.firmware.contexts[context].iv_count <= LAST_IV


@invariant("RMP-KEYS-LAUNCHED", guarantor=FW, manual='Firmware ABI (56860), "SNP_LAUNCH_START"')
def launched_guests_have_a_key(system: System, context: ContextPage) -> bool:
    """A guest has a swapping key from SNP_LAUNCH_START on."""
    guest = system.firmware.contexts[context]
    return implies(guest.state != GuestState.INIT, guest.oek != 0)


INVARIANTS = (
    launched_guests_have_a_key,
    ivs_do_not_run_out,
    tags_are_of_drawn_keys,
    sealed_tags_are_of_drawn_keys,
    guests_have_drawn_keys,
    asids_have_one_guest,
    bound_asids_are_taken,
    no_asid_is_bound_while_firmware_is_down,
    bound_asids_exist,
    guests_have_no_asid_before_their_launch,
    the_machine_has_core_complexes,
    metadata_entries_are_aligned,
    sealed_entries_are_aligned,
    root_entries_are_aligned,
)
