"""What injection cannot do (HV-H1 to HV-H5), and what a paravisor that injects guarantees (HV-H27 to HV-H29)."""

from spec.hv.doorbell import Vector, class_of
from spec.hv.events import EventWorld, Level, is_alternate, is_hv, is_interrupt, is_restricted, on_top
from spec.hv.injection import SOURCE, Entry
from spec.logic import all_of, any_of, implies, none_of, same
from spec.registry import Outcome, invariant
from spec.vmpl.sev_features import has
from spec.vocabulary import Event, Guarantor, SevFeatures

HARDWARE, PARAVISOR = Guarantor.HARDWARE, Guarantor.PARAVISOR


@invariant("HV-H1", guarantor=HARDWARE, manual=SOURCE, needs=("K-RI-VIOL", "K-HV-EV"), by=("vmrun_injects",))
def restricted_injection_injects_hv_only(before: EventWorld, op: Entry, outcome: Outcome) -> bool:
    """VMRUN of a VMSA with restricted injection succeeds with no event, or with #HV without an error code."""
    allowed = any_of(none_of(op.event.valid), all_of(is_hv(op.event), none_of(op.event.error_code_valid)))
    enters = all_of(is_restricted(before), outcome.system.running, none_of(before.running))
    return implies(enters, allowed)


@invariant("HV-H2", guarantor=HARDWARE, manual=SOURCE, by=("vmrun_injects",))
def nothing_but_hv_reaches_restricted_code(before: EventWorld, outcome: Outcome) -> bool:
    """Of what a hypervisor injects, only #HV reaches the guest, and no virtual interrupt."""
    given = outcome.output
    event = all_of(given.event.valid, none_of(is_hv(given.event)))
    foreign = any_of(given.virtual_interrupt, all_of(event, given.by_host))
    return implies(is_restricted(before), none_of(foreign))


@invariant("HV-H2-AI", guarantor=HARDWARE, manual=SOURCE, by=("vmrun_injects",))
def hypervisor_injects_nothing_alternately(before: EventWorld, outcome: Outcome) -> bool:
    """With alternate injection what reaches the guest stood in its VMSA."""
    given = outcome.output
    own = implies(given.event.valid, same(given.event, before.vmsa.event))
    return implies(is_alternate(before), all_of(own, none_of(given.by_host, given.virtual_interrupt)))


@invariant("HV-H4", guarantor=HARDWARE, manual=SOURCE, needs=("K-RI-AI",), by=("vmrun_injects",))
def modes_exclude_each_other(before: EventWorld, outcome: Outcome) -> bool:
    """No guest runs with both restricted and alternate injection."""
    both = all_of(is_restricted(before), has(before.features, SevFeatures.ALTERNATE_INJECTION))
    return implies(all_of(both, none_of(before.running)), outcome.result == Event.VMEXIT_INVALID)


@invariant("HV-H5", guarantor=HARDWARE, manual=SOURCE, by=("vmrun_injects",))
def busy_vmsa_executes_nothing(before: EventWorld, outcome: Outcome) -> bool:
    """A busy VMSA with alternate injection is not entered."""
    waits = all_of(is_alternate(before), before.vmsa.busy, none_of(before.running))
    return implies(waits, none_of(outcome.system.running))


@invariant("HV-H5-QUEUE", guarantor=PARAVISOR, manual=SOURCE, by=("paravisor_requeues",))
def interrupted_events_are_injected_again(before: EventWorld, after: EventWorld) -> bool:
    """BUSY is cleared when the event whose delivery was interrupted stands in EVENTINJ again, and not before."""
    cleared = all_of(before.vmsa.busy, none_of(after.vmsa.busy), before.vmsa.interrupted.valid)
    return implies(cleared, same(after.vmsa.event, before.vmsa.interrupted))


@invariant("HV-H27", guarantor=PARAVISOR, manual=SOURCE, by=("paravisor_settles",))
def what_is_taken_back_was_presented(before: EventWorld, after: EventWorld) -> bool:
    """An interrupt that is taken back from the VMSA is the one on top of those in service."""
    back = after.controller.levels != before.controller.levels
    event = all_of(is_interrupt(before.vmsa.event), before.controller.through_event)
    named = all_of(
        implies(event, before.vmsa.event.vector == on_top(before)),
        implies(before.vmsa.requested, before.vmsa.vector == on_top(before)),
    )
    return implies(back, named)


@invariant("HV-H27-PRESENTED", guarantor=PARAVISOR, manual=SOURCE)
def presented_interrupt_is_on_top(world: EventWorld) -> bool:
    """What the paravisor has put into the VMSA is what it has put into service last."""
    controller, vmsa = world.controller, world.vmsa
    asked = implies(vmsa.requested, all_of(controller.presented, vmsa.vector == on_top(world)))
    top = on_top(world)
    on_its_way = all_of(
        implies(is_interrupt(vmsa.event), vmsa.event.vector == top),
        implies(is_interrupt(vmsa.interrupted), vmsa.interrupted.vector == top),
        implies(world.delivered != 0, world.delivered == top),
        controller.levels != 0,
    )
    idle = any_of(world.running, world.delivered == 0)
    return implies(is_alternate(world), all_of(asked, implies(controller.presented, on_its_way), idle))


@invariant("HV-H27-ORDER", guarantor=PARAVISOR, manual=SOURCE)
def higher_classes_are_on_top(world: EventWorld, level: Level) -> bool:
    """Interrupts in service are ordered by class, so there are no more of them than classes."""
    controller = world.controller
    above = (level + 1) & 31
    inside = all_of(level != 0, level < controller.levels)
    ordered = class_of(controller.serving[above]) > class_of(controller.serving[level])
    return implies(is_alternate(world), all_of(implies(inside, ordered), controller.levels <= 16))


@invariant("HV-H28", guarantor=PARAVISOR, manual=SOURCE)
def only_wanted_vectors_wait(world: EventWorld, vector: Vector) -> bool:
    """A vector of the host's waits for the guest only if the guest has asked for it."""
    controller = world.controller
    return implies(all_of(is_alternate(world), controller.waiting[vector]), controller.allowed[vector])


@invariant("HV-H28-SERVED", guarantor=PARAVISOR, manual=SOURCE)
def only_wanted_vectors_are_served(world: EventWorld, level: Level) -> bool:
    """So does one that is in service."""
    controller = world.controller
    inside = all_of(is_alternate(world), level != 0, level <= controller.levels)
    return implies(inside, controller.allowed[controller.serving[level]])


@invariant("HV-H29", guarantor=PARAVISOR, manual=SOURCE)
def lazy_eoi_is_for_edges(world: EventWorld) -> bool:
    """No EOI is spared for a level-triggered interrupt, or for none."""
    controller = world.controller
    edge = all_of(controller.levels != 0, none_of(controller.level_triggered[on_top(world)]))
    return implies(all_of(is_alternate(world), controller.lazy_eoi), edge)


INVARIANTS = (
    restricted_injection_injects_hv_only,
    nothing_but_hv_reaches_restricted_code,
    hypervisor_injects_nothing_alternately,
    modes_exclude_each_other,
    busy_vmsa_executes_nothing,
    interrupted_events_are_injected_again,
    what_is_taken_back_was_presented,
    presented_interrupt_is_on_top,
    higher_classes_are_on_top,
    only_wanted_vectors_wait,
    only_wanted_vectors_are_served,
    lazy_eoi_is_for_edges,
)
