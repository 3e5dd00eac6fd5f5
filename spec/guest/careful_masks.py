"""RMPADJUST by VMPL0 of a careful guest: opening and closing pages, making VMSAs (APM Vol. 2, 15.36.7; rule D6)."""

from spec.guest.careful import PageStep, frames, may_act
from spec.guest.world import World, asid_of
from spec.logic import all_in_range, all_of, any_in_range, none_of
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.rmp.cpu import Cpu
from spec.rmp.rmpadjust import RmpAdjust, rmpadjust
from spec.vocabulary import Actor, Eax, Evidence, GuestAction, Permission, PermissionMask, Vmpl


@record
class MaskStep:
    """A page that the guest acts on, and what a level shall have of it."""

    page: PageStep
    target_vmpl: Vmpl
    mask: PermissionMask
    vmsa: bool


@transition(actor=Actor.CAREFUL_GUEST, manual='APM Vol. 3, "RMPADJUST"; Vol. 2, 15.36.7')
def careful_adjust(world: World, op: MaskStep) -> Outcome:
    """Give a less privileged level something of an accepted page, or take it away; make the page a VMSA, or none."""
    # 1. The guest runs, and the page is one that it uses.
    if cause := may_act(world, op.page):
        return Outcome(GuestAction.REFRAINS, cause, world, Evidence.AGREED)

    # 2. Only what is accepted has masks to rely on.
    gfn, count = op.page.translation.gfn, frames(op.page)
    if none_of(all_in_range(gfn, count, lambda g: world.guest.accepted[g])):
        return Outcome(GuestAction.REFRAINS, "not-accepted", world, Evidence.AGREED)

    # 3. A VMSA is closed to writing first: it holds the registers of a processor that may be more privileged.
    given = world.guest.given.set_range(
        gfn, count, lambda g: world.guest.given[g].after_giving(op.target_vmpl, op.mask)
    )
    writable = any_in_range(gfn, count, lambda g: given[g].most(3) & Permission.WRITE != 0)
    if all_of(op.vmsa, world.guest.rules.closes_vmsas, writable):
        return Outcome(GuestAction.REFRAINS, "writable-vmsa", world, Evidence.AGREED)

    # 4. Faults and refusals are the hypervisor's doing; the masks stay what they were.
    cpu = Cpu(asid=asid_of(world), vmpl=0, cpl=0, snp_active=True)
    request = RmpAdjust(cpu, op.page.translation, op.page.page_size, op.target_vmpl, op.mask, op.vmsa, reserved=False)
    done = rmpadjust(world.system, request)
    if done.result != Eax.SUCCESS:
        return Outcome(GuestAction.CONTINUES, "not-adjusted", world, Evidence.AGREED)

    # 5. Remembered.
    after = replace(world, system=done.system, guest=replace(world.guest, given=given))
    return Outcome(GuestAction.CONTINUES, "adjusted", after, Evidence.AGREED)


TRANSITIONS = (careful_adjust,)
