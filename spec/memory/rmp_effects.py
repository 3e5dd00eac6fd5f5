"""What steps on the RMP do to cached translations, and to keys (APM Vol. 2, 15.36.5 to 15.36.7; rules R13 and S17)."""

from spec.firmware.activate import ASID_MASK, Activate
from spec.firmware.activate_ex import ActivateEx
from spec.logic import all_of, any_of, none_of
from spec.memory.caching import with_tlb
from spec.memory.state import Scene
from spec.memory.tlb import without, without_page
from spec.record import replace
from spec.rmp.authority import head_of, is_2m, page_of
from spec.rmp.psmash import Psmash
from spec.rmp.pvalidate import Pvalidate
from spec.rmp.rmpupdate import RmpUpdate
from spec.rmp.virtualised import VirtPsmash, VirtRmpUpdate
from spec.vocabulary import PageSize, Pfn


def dropping(scene: Scene, before: Scene, page: Pfn, whole_region: bool) -> Scene:
    """The hardware drops what was cached of a page whose entry changes, on every processor (R13)."""
    if none_of(scene.rules.translations_tracked):
        return scene
    return with_tlb(scene, without_page(before.memory.tlb, page, whole_region))


def after_rmpupdate(before: Scene, op: RmpUpdate, after: Scene) -> Scene:
    """Of a page; of its region where a 2 MiB page is made or was."""
    page = page_of(op.spa)
    large = is_2m(before.world.system.rmp[head_of(page)])
    return dropping(after, before, page, any_of(large, op.page_size == PageSize.SIZE_2M))


def after_psmash(before: Scene, op: Psmash, after: Scene) -> Scene:
    """Of the 2 MiB page."""
    return dropping(after, before, page_of(op.spa), True)


def after_virt_rmpupdate(before: Scene, op: VirtRmpUpdate, after: Scene) -> Scene:
    """The same of what the top-level hypervisor executes."""
    return after_rmpupdate(before, op.update, after)


def after_virt_psmash(before: Scene, op: VirtPsmash, after: Scene) -> Scene:
    """The same."""
    return after_psmash(before, op.split, after)


def after_pvalidate(before: Scene, op: Pvalidate, after: Scene) -> Scene:
    """Nothing: translations stay cached, unless rescinding drops them (knob K-PVAL-TLB)."""
    flushes = all_of(before.world.system.platform.knobs.pvalidate_flushes_tlb, none_of(op.validate))
    return with_tlb(after, without(before.memory.tlb, lambda entry: all_of(flushes, entry.asid == op.cpu.asid)))


def after_start(before: Scene, op: object, after: Scene) -> Scene:  # noqa: ARG001 - every step has operands
    """SNP_INIT: every processor has flushed its translations."""
    return with_tlb(after, without(before.memory.tlb, lambda _: True))


def after_activate(before: Scene, op: Activate | ActivateEx, after: Scene) -> Scene:
    """The guest's key takes the place of whatever legacy guest's had the ASID."""
    keys = before.memory.legacy_keys.set(op.asid & ASID_MASK, 0)
    return replace(after, memory=replace(after.memory, legacy_keys=keys))
