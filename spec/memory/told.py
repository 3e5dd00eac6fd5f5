"""Of which addresses, pages and translations the theorems about memory speak: those of the guest that is followed."""

from spec.firmware.policy import allows
from spec.guest.copies import context, is_running
from spec.guest.world import asid_of
from spec.logic import all_of, none_of
from spec.memory.asking import is_private
from spec.memory.guest import GuestAccess
from spec.memory.state import Scene
from spec.memory.tlb import TlbEntry
from spec.rmp.entry import RmpEntry
from spec.vocabulary import AgentCode, Asid, Gfn, GuestPolicy


def is_own_asid(scene: Scene, asid: Asid) -> bool:
    """The ASID is the guest's, and it has one."""
    return all_of(asid != 0, asid == asid_of(scene.world))


def is_own(scene: Scene, entry: RmpEntry) -> bool:
    """The entry is of a page of the guest."""
    return is_own_asid(scene, entry.asid)


def is_protected(scene: Scene) -> bool:
    """The guest runs, or may come to run, on a machine with SNP; its owner does not allow debugging.

    Firmware compares types when it swaps a page out (knob K-SWAP-TYPE). Where it does not, the host makes a VMSA of a
    data page, has it run, and the exit writes over it: RMP-I35-ANY.
    """
    platform = scene.world.system.platform
    return all_of(
        is_running(scene.world),
        platform.features.snp_enabled,
        platform.knobs.swap_type_checked,
        none_of(allows(context(scene.world).policy, GuestPolicy.DEBUG)),
    )


def is_told(scene: Scene, gfn: Gfn) -> bool:
    """The guest wrote the address since it accepted it, and never made it a VMSA, which the processor writes."""
    written = scene.written
    return all_of(
        is_protected(scene),
        scene.world.guest.uses[gfn],
        written.since_accepted[gfn],
        none_of(written.vmsa[gfn]),
    )


def is_own_private(scene: Scene, op: GuestAccess) -> bool:
    """An access that the guest makes to its private memory, or a fetch or a walk."""
    access = op.access
    return all_of(access.agent == AgentCode.SNP_GUEST, is_private(access), is_own_asid(scene, access.asid))


def is_own_cached(scene: Scene, entry: TlbEntry) -> bool:
    """A cached translation of the guest's private memory."""
    return all_of(entry.present, entry.snp, entry.private, is_own_asid(scene, entry.asid))
