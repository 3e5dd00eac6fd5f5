"""The RMP's access checks, for every agent. APM Vol. 2, "RMP Checks" (15.36.10), Table 15-39.

They come last: guest page tables (#PF) and nested page tables (ordinary NPF) are judged before.
"""

from dataclasses import replace

from impl.completion import Completion, page_fault
from impl.machine import Cpu, Machine
from impl.memory.engine import HOST_ASID
from impl.rmp.effective import head_of
from impl.rmp.faults import WALK_KINDS, WRITE_KINDS, Access, not_validated, pf_bits, violation
from impl.rmp.layout import RmpEntry
from impl.rmp.locator import SegmentTableFault
from impl.rmp.permissions import SHADOW_STACK_KINDS, permitted
from impl.rmp.seen import seen_entry, seen_hypervisor_owned
from spec.vocabulary import (
    PAGE_SHIFT,
    AccessKind,
    Agent,
    Event,
    MappingSize,
    NpfInfo,
    PageSize,
    Permission,
    PfError,
)


def check_access(machine: Machine, cpu: Cpu, access: Access) -> Completion:
    """Whether the access completes, and how it faults if not."""
    if not machine.snp_enabled:
        return Completion(Event.COMPLETES, "snp-disabled")
    if machine.rmp_in_making and machine.rmp.contains(access.spa) and access.kind in WRITE_KINDS:
        return _check_rmp_in_making(machine, cpu, access)
    try:
        if access.agent == Agent.SNP_GUEST:
            return _check_snp_guest(machine, cpu, access)
        return _check_hypervisor_owned(machine, cpu, access, checked=_owner_matters(machine, access))
    except SegmentTableFault:
        return violation(cpu, access, "segment-table-reserved", reserved=True)


def _check_rmp_in_making(machine: Machine, cpu: Cpu, access: Access) -> Completion:
    """While SNP_INIT builds the RMP its entries protect nothing yet; firmware closes it to everybody else (R14)."""
    if machine.configuration.protections.rmp_protects_itself:
        return violation(cpu, access, "rmp-in-making")
    return Completion(Event.COMPLETES, "rmp-open")


def in_use(machine: Machine, access: Access) -> bool:
    """Whether VMRUN holds the page against this access. Observed on hardware: it does so whatever the entry says."""
    host_write = access.agent == Agent.HOST and access.kind in WRITE_KINDS
    if host_write and machine.configuration.features.hv_in_use_write_allowed:
        return False
    if access.pfn in machine.in_use:
        return True
    # A large mapping is checked with the head's entry, so VMRUN's hold on the head is felt in the whole region.
    return access.mapping_size != MappingSize.MAP_4K and head_of(access.pfn) in machine.in_use


def _owner_matters(machine: Machine, access: Access) -> bool:
    """Whether an access of the host, a guest without SNP or a device must meet a hypervisor-owned page."""
    if access.agent == Agent.DEVICE and not _devices_checked(machine):
        return False
    if access.kind == AccessKind.WALK_READ:
        return access.agent != Agent.DEVICE and machine.knobs.walk_reads_checked
    return access.kind in WRITE_KINDS


def _devices_checked(machine: Machine) -> bool:
    return machine.knobs.device_writes_checked and machine.configuration.protections.device_writes_checked


def _check_hypervisor_owned(machine: Machine, cpu: Cpu, access: Access, *, checked: bool) -> Completion:
    if access.kind in WALK_KINDS:
        # The walker makes accesses of 4 KiB (15.36.10), whatever the mapping of its tables.
        access = replace(access, mapping_size=MappingSize.MAP_4K)
    kept = machine.configuration.protections
    checked = checked and (kept.host_writes_checked or access.agent == Agent.DEVICE)
    if checked and in_use(machine, access):
        return violation(cpu, access, "in-use")
    if checked and not seen_hypervisor_owned(machine, access.pfn, access.mapping_size):
        return violation(cpu, access, "hypervisor-owned")
    return Completion(Event.COMPLETES, "allowed")


def _check_snp_guest(machine: Machine, cpu: Cpu, access: Access) -> Completion:
    if access.private:
        return _check_private(machine, cpu, access)
    if _sss_enabled(machine, cpu) and access.kind in SHADOW_STACK_KINDS:
        return page_fault(PfError.P | PfError.RSV | pf_bits(cpu, access.kind), access.address, "shadow-stack-shared")
    return _check_hypervisor_owned(machine, cpu, access, checked=access.kind in WRITE_KINDS)


def _check_private(machine: Machine, cpu: Cpu, access: Access) -> Completion:
    kept, entry = machine.configuration.protections, seen_entry(machine, access.pfn)
    failed = "in-use" if in_use(machine, access) else ""
    if not failed and kept.owner_and_address_checked:
        failed = ownership_failure(entry, cpu.asid, access.gpa)
    if entry is None or failed:
        return violation(cpu, access, failed or "covered")
    same_size = (entry.page_size == PageSize.SIZE_4K) == (access.mapping_size == MappingSize.MAP_4K)
    if kept.page_size_checked and not same_size:
        return violation(cpu, access, "page-size")
    if kept.validation_checked and not entry.validated:
        return not_validated(cpu, access.address, restartable=access.restartable)
    mask = entry.perms[cpu.vmpl]
    sss = _sss_enabled(machine, cpu)
    if kept.vmpl_checked and not permitted(mask, access.kind, cpu.cpl, sss=sss):
        word = NpfInfo.VMPL
        if sss and mask & Permission.SUPERVISOR_SHADOW_STACK:
            word |= NpfInfo.SSS
        return violation(cpu, access, "vmpl", word)
    return Completion(Event.COMPLETES, "allowed")


def ownership_failure(entry: RmpEntry | None, asid: int, gpa: int) -> str:
    """The first of the checks Covered, Guest-Owned, Reverse-Map and Mutable that fails, or the empty string."""
    if entry is None:
        return "covered"
    if not entry.assigned or entry.asid != asid or asid == HOST_ASID:
        return "guest-owned"
    if entry.gfn != gpa >> PAGE_SHIFT:
        return "reverse-map"
    if entry.immutable:
        return "mutable"
    return ""


def _sss_enabled(machine: Machine, cpu: Cpu) -> bool:
    return cpu.vmpl_sss and machine.configuration.features.vmpl_sss
