"""The RMP's answer to a memory access, where every rule is kept; where one is not, of a question it has no say in.

So there is one text of each check. With a rule switched off the access is asked about as one to which the rule does not
object: of the owner at the entry's address (R5), of a validated page (R6), through a mapping of the entry's size (R7),
by VMPL0 (R9), of a page that nobody owns (R4, R19). All other checks are asked as ever.
"""

from spec.firmware.command import context_of, with_context
from spec.firmware.dbg import DebugCopy
from spec.logic import all_of, any_of, ite, none_of
from spec.memory.block import BlockKey
from spec.memory.state import Scene
from spec.record import replace
from spec.registry import Outcome
from spec.rmp.access import access
from spec.rmp.access_kind import MemoryAccess, is_walk
from spec.rmp.authority import page_of
from spec.rmp.ownership import speaking
from spec.rmp.vmrun import Vmrun, is_snp
from spec.system.state import System
from spec.vocabulary import AccessCode, AgentCode, Asid, GuestPolicy, MappingSize


def is_guest(op: MemoryAccess) -> bool:
    """The access is a guest's."""
    return any_of(op.agent == AgentCode.SNP_GUEST, op.agent == AgentCode.NON_SNP_GUEST)


def is_private(op: MemoryAccess) -> bool:
    """The effective C-bit: a guest's fetches and walks have it whatever its page table says (15.34.5, 15.36.8)."""
    return all_of(is_guest(op), any_of(op.kind == AccessCode.FETCH, is_walk(op), op.translation.private))


def key_of_asid(scene: Scene, asid: Asid, *, snp: bool) -> BlockKey:
    """The key that the memory controller has for an ASID; it has one for each.

    While ASIDs are exclusive (R25) an ASID that was activated for an SNP guest has no key for a legacy one.
    """
    legacy, own = scene.memory.legacy_keys[asid], scene.world.system.firmware.asid_keys[asid]
    return ite(scene.rules.asids_exclusive, ite(snp, own, legacy), ite(legacy != 0, legacy, own))


def key_for(scene: Scene, op: MemoryAccess) -> BlockKey:
    """The key of an access: its ASID's, or none for a shared one."""
    return ite(is_private(op), key_of_asid(scene, op.asid, snp=op.agent == AgentCode.SNP_GUEST), 0)


def asked_of(scene: Scene, op: MemoryAccess) -> tuple[System, MemoryAccess]:
    """The machine and the access that the RMP is asked about."""
    rules, system = scene.rules, scene.world.system
    found = speaking(system, page_of(op.translation.spa))
    private = all_of(op.agent == AgentCode.SNP_GUEST, is_private(op))
    size = ite(found.large, int(MappingSize.MAP_2M), int(MappingSize.MAP_4K))
    bound = any_of(rules.owner_checked, none_of(private))
    translation = replace(
        op.translation,
        gfn=ite(bound, op.translation.gfn, found.gfn),
        mapping_size=ite(any_of(rules.sizes_checked, none_of(private)), op.translation.mapping_size, size),
    )
    asked = replace(
        op,
        asid=ite(bound, op.asid, found.entry.asid),
        vmpl=ite(any_of(rules.levels_checked, none_of(private)), op.vmpl, 0),
        translation=translation,
    )
    free = none_of(private, ite(op.agent == AgentCode.DEVICE, rules.devices_checked, rules.host_writes_checked))
    entry = replace(
        found.entry,
        validated=any_of(found.entry.validated, all_of(private, none_of(rules.validated_checked))),
        assigned=all_of(found.entry.assigned, none_of(free)),
    )
    return replace(system, rmp=system.rmp.set(found.at, entry)), asked


def checked(scene: Scene, op: MemoryAccess) -> Outcome:
    """The answer. Nothing changes."""
    return access(*asked_of(scene, op))._replace(system=scene)


# --- other questions ---


def as_own_vmsa(scene: Scene, op: Vmrun) -> System:
    """The machine that VMRUN is asked of: without R2 the VMSA page of an SNP guest is whoever's it has to be."""
    system = scene.world.system
    page = page_of(op.pages.vmsa)
    found = speaking(system, page)
    wrong = all_of(none_of(scene.rules.registers_checked), is_snp(op))
    entry = replace(
        found.entry,
        assigned=any_of(wrong, found.entry.assigned),
        asid=ite(wrong, op.asid, found.entry.asid),
        vmsa=any_of(wrong, found.entry.vmsa),
    )
    return replace(system, rmp=system.rmp.set(found.at, entry))


def debuggable(scene: Scene, op: DebugCopy) -> System:
    """The machine that a debug command is asked of: without R17 every guest's policy allows it."""
    system = scene.world.system
    context = context_of(system, op.context)
    policy = context.policy | ite(scene.rules.policy_enforced, 0, int(GuestPolicy.DEBUG))
    return with_context(system, op.context, replace(context, policy=policy))
