"""SEV and SEV-ES guests: their keys, and the launch that encrypts pages in place (SEV API 55766)."""

from spec.firmware.activate import has_pages
from spec.firmware.asids import EVERY_CCX, is_dirty, is_taken
from spec.firmware.keys import KEY_MAX
from spec.logic import all_of, any_of
from spec.memory.block import FIRST_LEGACY_KEY, Block, opened
from spec.memory.state import Scene, content, storing
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.vocabulary import Actor, Asid, Evidence, Pfn, Status

API = 'SEV API (55766), "ACTIVATE"'


@record
class LegacyActivate:
    """The ASID that a legacy guest is given."""

    asid: Asid


@transition(actor=Actor.FIRMWARE, manual=API)
def legacy_activate(scene: Scene, op: LegacyActivate) -> Outcome:
    """The ASID gets a new key, for an SEV or SEV-ES guest."""
    system, exclusive = scene.world.system, scene.rules.asids_exclusive

    # 1. It is no SNP guest's, and nothing of an earlier guest remains: no page, no cache line (R25).
    if all_of(exclusive, any_of(op.asid == 0, has_pages(system, op.asid))):
        return Outcome(Status.INVALID_CONFIG, "assigned-pages", scene, Evidence.FIRMWARE)
    if all_of(exclusive, is_taken(system.firmware, op.asid)):
        return Outcome(Status.ASID_OWNED, "asid-taken", scene, Evidence.FIRMWARE)
    if all_of(exclusive, is_dirty(system.firmware, op.asid, EVERY_CCX)):
        return Outcome(Status.DF_FLUSH_REQUIRED, "asid-dirty", scene, Evidence.FIRMWARE)

    # 2. A key that nothing was encrypted with yet.
    memory = scene.memory
    keys = memory.legacy_keys.set(op.asid, FIRST_LEGACY_KEY | memory.next_legacy)
    memory = replace(memory, legacy_keys=keys, next_legacy=(memory.next_legacy + 1) & KEY_MAX)
    return Outcome(Status.SUCCESS, "activated", replace(scene, memory=memory), Evidence.FIRMWARE)


@record
class LegacyLaunch:
    """A page that is launched, and whose it becomes."""

    asid: Asid
    page: Pfn


@transition(actor=Actor.FIRMWARE, manual='SEV API (55766), "LAUNCH_UPDATE_DATA", "LAUNCH_UPDATE_VMSA"')
def legacy_launch(scene: Scene, op: LegacyLaunch) -> Outcome:
    """A page of the host's is encrypted where it is. The digest takes its bytes and not its address."""
    # 1. The guest has its key, and the page is the host's.
    key = scene.memory.legacy_keys[op.asid]
    if key == 0:
        return Outcome(Status.INACTIVE, "activated", scene, Evidence.FIRMWARE)
    if scene.world.system.rmp[op.page].assigned:
        return Outcome(Status.INVALID_PAGE_STATE, "page-state", scene, Evidence.FIRMWARE)

    # 2. Encrypted in place; of registers the processor remembers what was launched.
    value = opened(0, op.page, content(scene, op.page), scene.rules)
    block = Block(key, op.page, value)
    after = storing(scene, op.page, block)
    checks = after.memory.checks.set(op.page, block)
    after = replace(after, memory=replace(after.memory, checks=checks))
    return Outcome(Status.SUCCESS, "encrypted", after, Evidence.FIRMWARE)


TRANSITIONS = (legacy_activate, legacy_launch)
