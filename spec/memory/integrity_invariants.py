"""Integrity (theorem T1): a guest's private read that completes returns what the guest last wrote at that address.

The home of an address (RMP-I34) holds it, under the guest's key and for its own place; nobody else can write there, and
every translation leads there, cached or not. What is swapped out is kept by its key and IV until it comes back.
"""

from spec.firmware.state import Firmware
from spec.guest.copies import context, is_running, is_valid_at
from spec.guest.ghost import HomeKind
from spec.guest.invariants import UNIQUE
from spec.guest.world import asid_of
from spec.logic import all_of, any_of, implies, none_of
from spec.memory.block import sealed_frame
from spec.memory.guest import GuestAccess
from spec.memory.state import Scene, content
from spec.memory.told import is_own_private, is_told
from spec.registry import Outcome, invariant
from spec.rmp.authority import effective, offset_of
from spec.rmp.coverage import REGION_SHIFT
from spec.rmp.page_state import is_context
from spec.vocabulary import Event, Gfn, Guarantor, GuestState, Pfn

GUEST, FW, HW = Guarantor.GUEST, Guarantor.FIRMWARE, Guarantor.HARDWARE
ENGINE = "APM Vol. 2, 15.34; 15.36.10"
SWAPPING = 'Firmware ABI (56860), "SNP_PAGE_SWAP_OUT" and "SNP_PAGE_SWAP_IN"'
INTEGRITY = (
    *UNIQUE,
    *("D7", "S17-TABLES"),
    *("R2", "R4", "R5", "R6", "R7", "R13", "R17", "R19", "R20-DROP", "R20-STALE", "R21", "R25", "X-PHYS"),
)
"""The premises of T1."""
NEEDS = ("K-DMA", "K-S-UNASSIGNED")


@invariant("RMP-I35", guarantor=GUEST, manual=ENGINE, needs=NEEDS, premises=INTEGRITY, by=("guest_reads",))
def private_reads_return_what_was_written(before: Scene, op: GuestAccess, outcome: Outcome) -> bool:
    """T1: a private read that completes returns what the guest last wrote at that address, or its launch."""
    if outcome.result != Event.COMPLETES:
        return True
    gfn = op.access.translation.gfn
    spoken = all_of(is_own_private(before, op), is_told(before, gfn))
    return implies(spoken, outcome.output == before.written.last[gfn])


@invariant("RMP-I35-PAGE", guarantor=GUEST, manual=ENGINE, needs=NEEDS, premises=INTEGRITY)
def valid_pages_hold_what_was_written(scene: Scene, page: Pfn) -> bool:
    """A valid page holds what the guest last wrote at its address, under the guest's key."""
    gfn = effective(scene.world.system.rmp, page).gfn
    block, key = content(scene, page), context(scene.world).vek
    right = all_of(block.key == key, block.at == page, block.value == scene.written.last[gfn])
    return implies(all_of(is_valid_at(scene.world, page, gfn), is_told(scene, gfn)), right)


@invariant("RMP-I35-SEALED", guarantor=GUEST, manual=SWAPPING, needs=NEEDS, premises=INTEGRITY)
def sealed_pages_hold_what_was_written(scene: Scene, gfn: Gfn) -> bool:
    """What is swapped out is what the guest last wrote at its address."""
    home = scene.world.ghost.home[gfn]
    kept = scene.memory.sealed[sealed_frame(context(scene.world).oek, home.iv, offset_of(gfn))]
    swapped = all_of(home.kind == HomeKind.TOKEN, is_told(scene, gfn))
    return implies(swapped, kept == scene.written.last[gfn])


@invariant("RMP-I35-IV", guarantor=FW, manual=SWAPPING)
def swapped_homes_have_used_ivs(scene: Scene, gfn: Gfn) -> bool:
    """No page will be sealed with the IV of one that was swapped out."""
    home = scene.world.ghost.home[gfn]
    swapped = all_of(home.kind == HomeKind.TOKEN, is_running(scene.world))
    return implies(swapped, home.iv < context(scene.world).iv_count)


@invariant("RMP-I35-KEY", guarantor=FW, manual='Firmware ABI (56860), "SNP_ACTIVATE"')
def bound_guests_have_their_key(scene: Scene) -> bool:
    """The memory controller has the guest's own key for its ASID."""
    firmware: Firmware = scene.world.system.firmware
    asid = asid_of(scene.world)
    bound = all_of(asid != 0, is_running(scene.world))
    return implies(bound, firmware.asid_keys[asid] == context(scene.world).vek)


@invariant("RMP-I35-DRAWN", guarantor=Guarantor.CRYPTOGRAPHY, manual='Firmware ABI (56860), "SNP_GCTX_CREATE"')
def guests_have_a_memory_key(scene: Scene) -> bool:
    """The next key to be drawn is one, and every guest context has drawn its own."""
    firmware, own = scene.world.system.firmware, context(scene.world)
    born = is_context(scene.world.system.rmp[scene.world.guest.context])
    return all_of(firmware.next_key != 0, implies(all_of(born, is_running(scene.world)), own.vek != 0))


@invariant("RMP-I28-LEGACY", guarantor=FW, manual='Firmware ABI (56860), "SNP_ACTIVATE"', premises=("R25",))
def bound_asids_have_no_legacy_key(scene: Scene) -> bool:
    """No SEV or SEV-ES guest has the guest's ASID."""
    asid = asid_of(scene.world)
    bound = all_of(asid != 0, is_running(scene.world))
    return implies(bound, scene.memory.legacy_keys[asid] == 0)


@invariant("RMP-I35-BORN", guarantor=FW, manual='Firmware ABI (56860), "SNP_LAUNCH_START"')
def guests_without_a_launch_own_nothing(scene: Scene, gfn: Gfn) -> bool:
    """Before SNP_LAUNCH_START a guest has no page anywhere."""
    home = scene.world.ghost.home[gfn]
    launched = context(scene.world).state != GuestState.INIT
    return implies(is_running(scene.world), any_of(launched, home.kind == HomeKind.NONE))


@invariant("RMP-I35-COVERED", guarantor=HW, manual="APM Vol. 2, 15.36.4")
def owned_pages_are_covered(scene: Scene, page: Pfn) -> bool:
    """A page that a guest owns is covered: accesses to it are checked."""
    owned = effective(scene.world.system.rmp, page).asid != 0
    return implies(owned, scene.world.system.covered[page >> REGION_SHIFT])


@invariant("RMP-I27", guarantor=Guarantor.CRYPTOGRAPHY, manual=ENGINE, needs=NEEDS, premises=INTEGRITY)
def guests_pages_are_ciphertext(scene: Scene, page: Pfn) -> bool:
    """What anyone reads of a guest's valid page without its key is ciphertext."""
    gfn = effective(scene.world.system.rmp, page).gfn
    spoken = all_of(is_valid_at(scene.world, page, gfn), is_told(scene, gfn))
    return implies(spoken, none_of(content(scene, page).key == 0))


INVARIANTS = (
    private_reads_return_what_was_written,
    valid_pages_hold_what_was_written,
    sealed_pages_hold_what_was_written,
    swapped_homes_have_used_ivs,
    bound_guests_have_their_key,
    guests_have_a_memory_key,
    bound_asids_have_no_legacy_key,
    guests_without_a_launch_own_nothing,
    owned_pages_are_covered,
    guests_pages_are_ciphertext,
)
