"""What a careful guest does with contents, lines and cached translations when it changes a page's state.

Rules S3, S17 and S18 (D5 to D7) are steps of their own: zeroing, flushing, evicting. They are taken together with the
step that they follow, because between the two the guest relies on nothing: not on the page, and not on the permission.
"""

from spec.guest.careful import PageStep, frames
from spec.guest.careful_masks import MaskStep
from spec.guest.following import frames_of
from spec.logic import all_of, any_in_range, any_of, none_of
from spec.memory.caching import own_flushed
from spec.memory.lines import evicted
from spec.memory.state import Scene
from spec.record import replace
from spec.registry import Outcome
from spec.rmp.authority import page_of
from spec.vocabulary import Evidence, GuestAction, PageSize


def unwritten(scene: Scene, op: PageStep) -> Scene:
    """What stands in the pages is nothing that the guest wrote."""
    old = scene.written
    since = old.since_accepted.set_range(op.translation.gfn, frames(op), lambda _: False)
    return replace(scene, written=replace(old, since_accepted=since))


def after_accepting(before: Scene, op: PageStep, after: Scene) -> Scene:
    """An accepted page holds whatever the host left there. Its lines are evicted (S18)."""
    after = unwritten(after, op)
    if none_of(before.habits.evicts_on_accepting):
        return after
    return evicted(after, page_of(op.translation.spa), frames_of(op.page_size == PageSize.SIZE_2M))


def after_rescinding(before: Scene, op: PageStep, after: Scene) -> Scene:
    """A rescinded page is flushed (S17), or PVALIDATE does it (knob K-PVAL-TLB). Nothing there is the guest's now."""
    hardware = before.world.system.platform.knobs.pvalidate_flushes_tlb
    return own_flushed(unwritten(after, op), any_of(before.habits.flushes_after_rescinding, hardware))


def refused_grant(before: Scene, op: MaskStep, outcome: Outcome) -> Outcome:
    """A careful guest gives a page to a less privileged VMPL only when it has written it since it accepted it (S3)."""
    unsafe = any_in_range(op.page.translation.gfn, frames(op.page), lambda g: none_of(before.written.since_accepted[g]))
    if all_of(before.habits.zeroes_before_granting, op.mask != 0, unsafe):
        return Outcome(GuestAction.REFRAINS, "not-zeroed", before, Evidence.AGREED)
    return outcome


def after_adjusting(before: Scene, op: MaskStep, after: Scene) -> Scene:
    """A permission that was taken away is flushed (S17). The address of a VMSA is used for nothing else from now on."""
    count, first = frames(op.page), op.page.translation.gfn
    old = after.written
    vmsa = old.vmsa.set_range(first, count, lambda g: any_of(op.vmsa, old.vmsa[g]))
    return own_flushed(replace(after, written=replace(old, vmsa=vmsa)), before.habits.flushes_after_reducing)
