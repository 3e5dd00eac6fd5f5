"""VMRUN and the events that it injects: normal, restricted, alternate (APM Vol. 2, 15.20 and 15.36.16); REFLECT_VC.

Which SEV_FEATURES words VMRUN refuses at all stands in `spec/vmpl/sev_features.py`.
"""

from spec.hv.events import NO_EVENT, EventWorld, NoChoice, is_alternate, is_hv, is_interrupt, is_restricted
from spec.logic import all_of, any_of, ite, none_of
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.vmpl.sev_features import InjectionRequest, has
from spec.vocabulary import Actor, Event, Evidence, SevFeatures

SOURCE = "APM Vol. 2, 15.36.16"


@record
class Entry:
    """The event fields of the VMCB."""

    event: InjectionRequest
    """EVENTINJ."""
    virtual_interrupt: bool
    """V_IRQ."""


@record
class Delivered:
    """What reaches the guest on entry."""

    event: InjectionRequest
    by_host: bool
    """It came from the VMCB."""
    virtual_interrupt: bool
    """V_IRQ of the VMCB is honoured."""


NOTHING_DELIVERED = Delivered(NO_EVENT, False, False)


def refused(world: EventWorld, check: str, evidence: Evidence) -> Outcome:
    """The guest is not entered."""
    return Outcome(Event.VMEXIT_INVALID, check, world, evidence, NOTHING_DELIVERED)


@transition(actor=Actor.HYPERVISOR, manual=SOURCE)
def vmrun_injects(world: EventWorld, op: Entry) -> Outcome:
    """The guest is entered with an event, or not at all."""
    knobs, event = world.platform.knobs, op.event

    # 1. It runs already.
    if world.running:
        return Outcome(Event.COMPLETES, "running", world, Evidence.MANUAL, NOTHING_DELIVERED)

    # 2. Both modes exclude each other (K-RI-AI).
    both = all_of(is_restricted(world), has(world.features, SevFeatures.ALTERNATE_INJECTION))
    if all_of(both, knobs.injection_modes_exclusive):
        return refused(world, "exclusive-modes", Evidence.INFERRED)

    # 3. Under restricted injection only #HV may be injected, and it has no error code (K-RI-VIOL, K-HV-EV).
    coded = all_of(event.error_code_valid, knobs.hv_error_code_refused)
    other = all_of(is_restricted(world), event.valid, any_of(none_of(is_hv(event)), coded))
    if all_of(other, knobs.restricted_violation_invalid):
        return refused(world, "restricted-injection", Evidence.MANUAL)

    # 4. Under alternate injection the VMCB injects nothing (K-AI-EVINJ).
    own = any_of(event.valid, op.virtual_interrupt)
    if all_of(is_alternate(world), own, none_of(knobs.alternate_ignores_vmcb)):
        return refused(world, "alternate-injection", Evidence.INFERRED)

    # 5. A busy VMSA executes nothing.
    if all_of(is_alternate(world), world.vmsa.busy):
        return Outcome(Event.VMEXIT_BUSY, "busy", world, Evidence.MANUAL, NOTHING_DELIVERED)
    return entered(world, op, ite(other, NO_EVENT, event))


def entered(world: EventWorld, op: Entry, event: InjectionRequest) -> Outcome:
    """The event of the VMSA or that of the VMCB is delivered; restricted injection knows no virtual interrupts."""
    alternate = is_alternate(world)
    by_host = all_of(none_of(alternate), event.valid)
    virtual = all_of(op.virtual_interrupt, none_of(any_of(alternate, is_restricted(world))))
    delivered = Delivered(ite(alternate, world.vmsa.event, event), by_host, virtual)
    vmsa = replace(world.vmsa, event=ite(alternate, NO_EVENT, world.vmsa.event))
    vector = ite(is_interrupt(delivered.event), delivered.event.vector, 0)
    after = replace(world, vmsa=vmsa, delivered=vector, running=True)
    return Outcome(Event.COMPLETES, "entered", after, Evidence.MANUAL, delivered)


@record
class GuestExit:
    """An exit of the guest."""

    interrupts: bool
    """It interrupts the delivery of an event."""
    event: InjectionRequest
    taken: bool
    """V_IRQ was taken before, if it could be."""


@transition(actor=Actor.HARDWARE, manual=SOURCE)
def guest_exits(world: EventWorld, op: GuestExit) -> Outcome:
    """#VMEXIT: an event whose delivery was interrupted stands in EXITINTINFO, and the VMSA is busy (K-BUSY-HW)."""
    # 1. The guest runs.
    if none_of(world.running):
        return Outcome(Event.COMPLETES, "not-running", world, Evidence.MANUAL)
    vmsa = world.vmsa
    takes = all_of(vmsa.requested, vmsa.gif, op.taken)
    delivered = ite(takes, vmsa.vector, world.delivered)

    # 2. An interrupt whose delivery is interrupted is one that was delivered.
    foreign = any_of(delivered == 0, op.event.vector != delivered)
    if all_of(op.interrupts, is_interrupt(op.event), foreign):
        return Outcome(Event.COMPLETES, "no-such-exit", world, Evidence.MANUAL)
    marked = all_of(op.interrupts, is_alternate(world), world.platform.knobs.busy_by_hardware)
    after = replace(
        vmsa,
        interrupted=ite(op.interrupts, op.event, NO_EVENT),
        busy=any_of(vmsa.busy, marked),
        requested=all_of(vmsa.requested, none_of(takes)),
    )
    return Outcome(Event.VMEXIT, "exited", replace(world, vmsa=after, delivered=0, running=False), Evidence.MANUAL)


@transition(actor=Actor.HARDWARE, manual="APM Vol. 2, 15.36.9")
def vc_is_raised(world: EventWorld, op: NoChoice) -> Outcome:
    """An intercepted instruction: #VC in the guest, or, with REFLECT_VC below VMPL0, an exit that VMPL0 handles."""
    # 1. The guest runs.
    if none_of(world.running):
        return Outcome(Event.COMPLETES, "not-running", world, Evidence.MANUAL)

    # 2. #VC is reflected.
    if all_of(has(world.features, SevFeatures.REFLECT_VC), world.vmpl != 0):
        return Outcome(Event.VMEXIT, "reflected", replace(world, delivered=0, running=False), Evidence.MANUAL)
    return Outcome(Event.VC, "in-guest", world, Evidence.MANUAL)


TRANSITIONS = (vmrun_injects, guest_exits, vc_is_raised)
