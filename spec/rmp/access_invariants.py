"""What an access that is performed says about its page: isolation of a single page, against any host and guest."""

from spec.logic import all_of, any_of, implies, none_of
from spec.registry import Outcome, invariant
from spec.rmp.access_kind import MemoryAccess, is_walk, is_write
from spec.rmp.authority import effective, page_of
from spec.rmp.coverage import is_covered
from spec.rmp.entry import RmpEntry
from spec.rmp.vmrun import Vmrun
from spec.system.state import System
from spec.vocabulary import AccessCode, AgentCode, Event, Guarantor, Permission, SevFeatures

HW = Guarantor.HARDWARE
CHECKS = "APM Vol. 2, 15.36.10, Table 15-39"


def performed(before: System, outcome: Outcome) -> bool:
    """The access was performed, with SNP enabled."""
    return all_of(outcome.result == Event.COMPLETES, before.platform.features.snp_enabled)


def is_private(op: MemoryAccess) -> bool:
    """An SNP guest's fetch or walk, or its access to data that it maps private."""
    forced = any_of(op.kind == AccessCode.FETCH, is_walk(op))
    return all_of(op.agent == AgentCode.SNP_GUEST, any_of(forced, op.translation.private))


def page_entry(before: System, op: MemoryAccess) -> RmpEntry:
    """The entry that speaks for the accessed page."""
    return effective(before.rmp, page_of(op.translation.spa))


@invariant("RMP-I20", guarantor=HW, manual=CHECKS, by=("access",))
def private_accesses_reach_own_valid_pages(before: System, op: MemoryAccess, outcome: Outcome) -> bool:
    """A private access reaches only pages assigned to the guest, mutable and validated: never the firmware's."""
    entry = page_entry(before, op)
    own = all_of(entry.assigned, entry.asid == op.asid, op.asid != 0, entry.validated, none_of(entry.immutable))
    return implies(all_of(performed(before, outcome), is_private(op)), own)


@invariant("RMP-I21", guarantor=HW, manual=CHECKS, needs=("K-DMA", "K-S-UNASSIGNED"), by=("access",))
def nobody_else_writes_assigned_pages(before: System, op: MemoryAccess, outcome: Outcome) -> bool:
    """Host, device, legacy guest and shared accesses write only the hypervisor's pages."""
    foreign = all_of(is_write(op), none_of(is_private(op)))
    assigned = all_of(is_covered(before, op.translation.spa), page_entry(before, op).assigned)
    return implies(all_of(performed(before, outcome), foreign), none_of(assigned))


@invariant("RMP-I25", guarantor=HW, manual=CHECKS, needs=("K-S-UNASSIGNED",), by=("access",))
def shared_stores_reach_the_hypervisors_pages(before: System, op: MemoryAccess, outcome: Outcome) -> bool:
    """An SNP guest stores through a shared mapping only into the hypervisor's pages: by mistake into no guest's."""
    shared = all_of(op.agent == AgentCode.SNP_GUEST, is_write(op), none_of(is_private(op)))
    assigned = all_of(is_covered(before, op.translation.spa), page_entry(before, op).assigned)
    return implies(all_of(performed(before, outcome), shared), none_of(assigned))


@invariant("RMP-I22", guarantor=HW, manual=CHECKS, by=("access",))
def pages_have_one_owner_and_one_address(before: System, op: MemoryAccess, outcome: Outcome) -> bool:
    """A private access reaches a page at the one guest address that its entry has: no alias."""
    entry = page_entry(before, op)
    bound = all_of(entry.asid == op.asid, entry.gfn == op.translation.gfn)
    return implies(all_of(performed(before, outcome), is_private(op)), bound)


@invariant("RMP-I7", guarantor=HW, manual="APM Vol. 2, 15.36.7", by=("access",))
def write_without_read_is_useless(before: System, op: MemoryAccess, outcome: Outcome) -> bool:
    """A mask that grants Write without Read grants no access to data at all."""
    mask = page_entry(before, op).masks.of(op.vmpl)
    write_only = all_of(mask & Permission.WRITE != 0, mask & Permission.READ == 0)
    fetch = op.kind == AccessCode.FETCH
    return implies(all_of(performed(before, outcome), is_private(op), write_only), fetch)


@invariant("RMP-I29", guarantor=HW, manual="APM Vol. 2, 15.36.12", by=("vmrun",))
def guests_run_from_their_own_vmsa(before: System, op: Vmrun, outcome: Outcome) -> bool:
    """VMRUN enters an SNP guest only from a VMSA page that is the guest's and mutable, once the guest is launched."""
    entry = effective(before.rmp, page_of(op.pages.vmsa))
    snp = all_of(op.pages.sev_es, op.sev_features & SevFeatures.SNP_ACTIVE != 0)
    own = all_of(entry.assigned, entry.vmsa, entry.asid == op.asid, op.asid != 0, none_of(entry.immutable))
    runnable = before.firmware.asid_runnable[op.asid]
    return implies(all_of(outcome.result == Event.COMPLETES, snp), all_of(own, runnable))


INVARIANTS = (
    private_accesses_reach_own_valid_pages,
    nobody_else_writes_assigned_pages,
    shared_stores_reach_the_hypervisors_pages,
    pages_have_one_owner_and_one_address,
    write_without_read_is_useless,
    guests_run_from_their_own_vmsa,
)
