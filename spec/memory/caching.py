"""Cached translations come and go: a processor caches one, the guest flushes, the hypervisor flushes (or does not)."""

from spec.guest.world import asid_of
from spec.logic import all_of, first_of, ite, none_of
from spec.memory.asking import checked, is_guest, is_private
from spec.memory.guest import GuestAccess
from spec.memory.state import Scene
from spec.memory.tlb import Tlb, TlbEntry, flushed, without
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.rmp.access_kind import MemoryAccess, is_walk, is_write
from spec.rmp.authority import page_of
from spec.rmp.ownership import speaking
from spec.rmp.translation import is_large
from spec.system.state import System
from spec.vocabulary import Actor, AgentCode, Asid, Event, Evidence, Limit, Permission

EVERY_RIGHT = 0xFF
UNWRITTEN = EVERY_RIGHT & ~int(Permission.WRITE)


def with_tlb(scene: Scene, tlb: Tlb) -> Scene:
    """The scene with other cached translations."""
    return replace(scene, memory=replace(scene.memory, tlb=tlb))


def rights(system: System, op: MemoryAccess) -> int:
    """What the translation may be used for: the VMPL's mask; through a shared mapping writes if this was one."""
    found = speaking(system, page_of(op.translation.spa))
    private = all_of(op.agent == AgentCode.SNP_GUEST, is_private(op))
    return ite(private, found.entry.masks.of(op.vmpl), ite(is_write(op), EVERY_RIGHT, UNWRITTEN))


@transition(actor=Actor.HARDWARE, manual="APM Vol. 2, 15.36.10")
def processor_caches(scene: Scene, op: GuestAccess) -> Outcome:
    """A processor walks the tables for an access, asks the RMP, and keeps the translation with its rights."""
    # 1. A guest's translation of data or code comes from a walk. What a walker itself reads is not kept here.
    if cause := first_of(("agent", none_of(is_guest(op.access))), ("cached", op.cached), ("walk", is_walk(op.access))):
        return Outcome(Limit.NOT_MODELLED, cause, scene, Evidence.INFERRED)

    # 2. The RMP lets the access pass.
    access, walked = op.access, op.access.translation
    answer = checked(scene, access)
    if answer.result != Event.COMPLETES:
        return answer
    entry = TlbEntry(
        present=True,
        snp=access.agent == AgentCode.SNP_GUEST,
        vcpu=op.vcpu,
        asid=access.asid,
        vmpl=access.vmpl,
        large=is_large(walked),
        gva=walked.gva,
        gfn=walked.gfn,
        page=page_of(walked.spa),
        private=is_private(access),
        mask=rights(scene.world.system, access),
    )
    after = with_tlb(scene, scene.memory.tlb.set(op.slot, entry))
    return answer._replace(system=after)


@record
class Flush:
    """The ASID whose cached translations are dropped, on every processor."""

    asid: Asid


@transition(actor=Actor.GUEST, manual='APM Vol. 3, "INVLPGB"; Vol. 2, 15.36.15')
def guest_flushes(scene: Scene, op: Flush) -> Outcome:
    """A guest drops its translations everywhere: INVLPGB, or PCPU_ID of its VMSAs set to 0."""
    return Outcome(Event.COMPLETES, "flushed", with_tlb(scene, flushed(scene.memory.tlb, op.asid)), Evidence.MANUAL)


@transition(actor=Actor.HYPERVISOR, manual="APM Vol. 2, 15.16.2")
def hypervisor_flushes(scene: Scene, op: Flush) -> Outcome:
    """VMRUN with a TLB_CONTROL that flushes. The hypervisor may leave it out for as long as it likes."""
    return Outcome(Event.COMPLETES, "flushed", with_tlb(scene, flushed(scene.memory.tlb, op.asid)), Evidence.MANUAL)


def own_flushed(scene: Scene, flushes: bool) -> Scene:
    """The guest that is followed drops its translations everywhere, if it does."""
    own = asid_of(scene.world)
    return with_tlb(scene, without(scene.memory.tlb, lambda entry: all_of(flushes, entry.asid == own)))


TRANSITIONS = (processor_caches, guest_flushes, hypervisor_flushes)
