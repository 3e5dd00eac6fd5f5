"""Keys of memory: the guest's is its own, on this machine and under every ASID (for theorem T2)."""

from spec.firmware.state import ContextPage
from spec.guest.copies import context, is_running
from spec.guest.world import asid_of
from spec.logic import all_of, implies, none_of
from spec.memory.block import FIRST_LEGACY_KEY
from spec.memory.state import Scene
from spec.registry import invariant
from spec.rmp.page_state import is_context
from spec.vocabulary import Asid, Guarantor, GuestState

CRYPTOGRAPHY, FW = Guarantor.CRYPTOGRAPHY, Guarantor.FIRMWARE
CREATION = 'Firmware ABI (56860), "SNP_GCTX_CREATE"'
ACTIVATION = 'Firmware ABI (56860), "SNP_ACTIVATE"'


@invariant("RMP-KEYS-MEMORY", guarantor=CRYPTOGRAPHY, manual=CREATION)
def memory_keys_are_drawn(scene: Scene, other: ContextPage) -> bool:
    """Every guest's memory key is one that was drawn."""
    firmware = scene.world.system.firmware
    return firmware.contexts[other].vek < firmware.next_key


@invariant("RMP-KEYS-ASID", guarantor=CRYPTOGRAPHY, manual=ACTIVATION)
def keys_of_asids_are_drawn(scene: Scene, asid: Asid) -> bool:
    """So is the key that the memory controllers have for an ASID."""
    firmware = scene.world.system.firmware
    return firmware.asid_keys[asid] < firmware.next_key


@invariant("RMP-KEYS-LEGACY", guarantor=CRYPTOGRAPHY, manual='SEV API (55766), "ACTIVATE"')
def keys_of_legacy_guests_are_others(scene: Scene, asid: Asid) -> bool:
    """The key of a legacy guest is no SNP guest's."""
    key = scene.memory.legacy_keys[asid]
    return implies(key != 0, key >= FIRST_LEGACY_KEY)


@invariant("RMP-KEYS-OWN", guarantor=CRYPTOGRAPHY, manual=CREATION)
def no_other_guest_has_the_memory_key(scene: Scene, other: ContextPage) -> bool:
    """The guest's memory key is its own, and no key for swapping; before its context is created it has none."""
    key = context(scene.world).vek
    oek, theirs = context(scene.world).oek, scene.world.system.firmware.contexts[other].vek
    shared = all_of(key != 0, theirs == key, is_running(scene.world))
    mixed = all_of(oek != 0, theirs == oek, is_running(scene.world))
    unborn = all_of(none_of(is_context(scene.world.system.rmp[scene.world.guest.context])), is_running(scene.world))
    own = implies(shared, other == scene.world.guest.context)
    return all_of(own, none_of(mixed), implies(unborn, key == 0))


@invariant("RMP-KEYS-OWN-ASID", guarantor=FW, manual=ACTIVATION)
def no_other_asid_has_the_memory_key(scene: Scene, asid: Asid) -> bool:
    """The memory controllers use the guest's key for the guest's ASID only."""
    key = context(scene.world).vek
    used = all_of(key != 0, scene.world.system.firmware.asid_keys[asid] == key, is_running(scene.world))
    oek = context(scene.world).oek
    mixed = all_of(oek != 0, scene.world.system.firmware.asid_keys[asid] == oek, is_running(scene.world))
    return all_of(implies(used, all_of(asid == asid_of(scene.world), asid != 0)), none_of(mixed))


@invariant("RMP-KEYS-UNLAUNCHED", guarantor=FW, manual='Firmware ABI (56860), "SNP_LAUNCH_START"')
def guests_without_a_launch_have_no_swapping_key(scene: Scene) -> bool:
    """The key for swapping is drawn when the launch starts."""
    own = context(scene.world)
    return implies(all_of(own.state == GuestState.INIT, is_running(scene.world)), own.oek == 0)


INVARIANTS = (
    memory_keys_are_drawn,
    keys_of_asids_are_drawn,
    keys_of_legacy_guests_are_others,
    no_other_guest_has_the_memory_key,
    no_other_asid_has_the_memory_key,
    guests_without_a_launch_have_no_swapping_key,
)
