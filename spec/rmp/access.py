"""Every memory access, checked against the RMP (APM Vol. 2, 15.36.10, Table 15-39).

Ordinary faults come first: guest page tables (#PF), then nested ones. Of the RMP's, ownership and sizes come before
Validated, and permissions come last.
"""

from spec.logic import all_of, any_of, first_of, is_subset, none_of
from spec.registry import Outcome, transition
from spec.rmp.access_fault import host_fault, nested_fault, permission_fault, reserved_fault
from spec.rmp.access_kind import MemoryAccess, is_shadow_stack, is_walk, is_write, required, sss_enabled
from spec.rmp.authority import page_of
from spec.rmp.fault import not_validated
from spec.rmp.ownership import guest_page_causes, is_held, is_taken, speaking
from spec.rmp.translation import is_large
from spec.system.state import System
from spec.vocabulary import AccessCode, Actor, AgentCode, Event, Evidence


@transition(actor=Actor.HARDWARE, manual="APM Vol. 2, 15.36.10, Tables 15-39 and 15-40")
def access(system: System, op: MemoryAccess) -> Outcome:
    """Nothing changes. An access that COMPLETES is performed; what it reads is not a question of the RMP."""
    # 1. Without SNP there are no checks.
    if none_of(system.platform.features.snp_enabled):
        return Outcome(Event.COMPLETES, "snp-disabled", system, Evidence.MANUAL)

    # 2. An SNP guest's fetches and walks are private whatever its page table says, its data as the table says.
    forced = any_of(op.kind == AccessCode.FETCH, is_walk(op))
    if all_of(op.agent == AgentCode.SNP_GUEST, any_of(forced, op.translation.private)):
        return private_access(system, op)

    # 3. Shadow stacks have to be private (15.36.7).
    if all_of(op.agent == AgentCode.SNP_GUEST, is_shadow_stack(op), sss_enabled(system, op)):
        return Outcome(Event.PF, "shared-shadow-stack", system, Evidence.MANUAL, reserved_fault(op))

    # 4. Reads need nothing: what protects a guest's pages from them is encryption.
    if none_of(needs_hypervisor_page(system, op)):
        return Outcome(Event.COMPLETES, "unchecked", system, Evidence.MANUAL)

    # 5. Writes need a page of the hypervisor's that VMRUN does not hold; a walker goes by 4 KiB.
    large = all_of(is_large(op.translation), none_of(is_walk(op)))
    lifted = all_of(op.agent == AgentCode.HOST, is_write(op), system.platform.features.hv_in_use_write_allowed)
    if cause := first_of(
        ("hypervisor-owned", is_taken(system, op.translation.spa, large)),
        ("in-use", all_of(none_of(lifted), is_held(system, page_of(op.translation.spa), large))),
    ):
        return write_refused(system, op, cause)
    return Outcome(Event.COMPLETES, "hypervisor-page", system, Evidence.MANUAL)


def needs_hypervisor_page(system: System, op: MemoryAccess) -> bool:
    """The Hypervisor-Owned check applies: to writes, and to walks of the host and of legacy guests.

    Walks that only read are open (knob K-PTREAD), and so are devices (knob K-DMA).
    """
    knobs = system.platform.knobs
    device = op.agent == AgentCode.DEVICE
    return any_of(
        all_of(is_write(op), any_of(none_of(device), knobs.device_writes_checked)),
        all_of(op.kind == AccessCode.WALK_READ, none_of(device), knobs.walk_reads_checked),
    )


def write_refused(system: System, op: MemoryAccess, cause: str) -> Outcome:
    """The fault by agent: #PF, the IOMMU's event, or a nested page fault."""
    if op.agent == AgentCode.HOST:
        return Outcome(Event.PF, cause, system, Evidence.MANUAL, host_fault(op))
    if op.agent == AgentCode.DEVICE:
        return Outcome(Event.IOMMU_FAULT, cause, system, Evidence.INFERRED)
    return Outcome(Event.NPF, cause, system, Evidence.MANUAL, nested_fault(op, op.translation.private))


def private_access(system: System, op: MemoryAccess) -> Outcome:
    """An SNP guest's access with C=1."""
    # 1. The page is this guest's, at this address, mutable, and of the mapping's size.
    found = speaking(system, page_of(op.translation.spa))
    if cause := first_of(
        *guest_page_causes(system, op.translation, found, op.asid),
        ("page-size", found.large != is_large(op.translation)),
    ):
        return Outcome(Event.NPF, cause, system, Evidence.MANUAL, nested_fault(op, True))

    # 2. The guest has validated it. The guest itself is told, not the hypervisor.
    if none_of(found.entry.validated):
        return not_validated(system, op.reflect_vc, op.translation)

    # 3. Its VMPL may. A mask with Write but not Read allows no data access.
    mask = found.entry.masks.of(op.vmpl)
    if none_of(is_subset(required(system, op), of=mask)):
        return Outcome(Event.NPF, "vmpl-permission", system, Evidence.MANUAL, permission_fault(system, op, mask))
    return Outcome(Event.COMPLETES, "permitted", system, Evidence.MANUAL)
