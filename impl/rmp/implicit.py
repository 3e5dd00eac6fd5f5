"""Accesses that no load or store makes: pages that VMRUN, VMSAVE and VM_HSAVE_PA name.

APM Vol. 2, "RMP Checks" on implicit accesses (15.36.12), Table 15-41. They count as 4 KiB accesses.
"""

from impl.completion import Completion, nested_fault
from impl.machine import Cpu, Machine
from impl.memory.engine import HOST_ASID, PAGE_BYTES
from impl.memory.guest_paging import translate_gpa
from impl.rmp.effective import authority
from impl.rmp.locator import SegmentTableFault
from impl.rmp.seen import seen_entry, seen_hypervisor_owned
from spec.vocabulary import PAGE_SHIFT, AccessKind, Event, NpfInfo

_ALLOWED = Completion(Event.COMPLETES, "allowed")


def free_for_host(machine: Machine, spa: int) -> bool:
    """Whether the page exists, is hypervisor-owned, and VMRUN does not hold it."""
    return names_page(machine, spa) and spa >> PAGE_SHIFT not in machine.in_use and owned_by_host(machine, spa)


def names_page(machine: Machine, spa: int) -> bool:
    """Whether the address is that of a page of memory."""
    return spa % PAGE_BYTES == 0 and machine.memory.exists(spa, PAGE_BYTES)


def owned_by_host(machine: Machine, spa: int) -> bool:
    """Hypervisor-Owned; without SNP every page is."""
    if not machine.snp_enabled:
        return True
    try:
        return seen_hypervisor_owned(machine, spa >> PAGE_SHIFT)
    except SegmentTableFault:
        return False


def usable_as_vmsa(machine: Machine, spa: int, asid: int) -> str:
    """The first check of an SNP guest's VMSA page that fails, or the empty string.

    The manual's table also lists Reverse-Map, but VMRUN has no guest-physical address to compare (knob K-VMSA-RM),
    and does not list Validated (knob K-VMRUN-V).
    """
    pfn = spa >> PAGE_SHIFT
    try:
        entry = seen_entry(machine, pfn)
    except SegmentTableFault:
        return "segment-table-reserved"
    if entry is None:
        return "covered"
    if not entry.assigned or entry.asid != asid or asid == HOST_ASID:
        return "guest-owned"
    if machine.knobs.vmrun_checks_reverse_map and not _at_recorded_address(machine, pfn):
        return "reverse-map"
    if entry.immutable:
        return "mutable"
    if not entry.vmsa:
        return "vmsa"
    if machine.knobs.vmrun_checks_validated and not entry.validated:
        return "validated"
    return ""


def _at_recorded_address(machine: Machine, pfn: int) -> bool:
    """Whether the page still has the guest-physical address at which it became a VMSA."""
    page = authority(machine.rmp, pfn)
    return machine.vmsa_gfns.get(page) == machine.rmp.load(page).gfn


def vmsave(machine: Machine, cpu: Cpu, rax: int) -> Completion:
    """The access of VMSAVE to its page. APM Vol. 3, "VMSAVE". RAX is an SPA in the host, a GPA in a guest."""
    if cpu.cpl != 0:
        return Completion(Event.GP, "cpl")
    if rax % PAGE_BYTES:
        return Completion(Event.GP, "alignment")
    if cpu.asid == HOST_ASID:
        lifted = machine.configuration.features.hv_in_use_write_allowed and owned_by_host(machine, rax)
        allowed = free_for_host(machine, rax) or (lifted and names_page(machine, rax))
        return _ALLOWED if allowed else Completion(Event.GP, "hypervisor-owned")
    nested = translate_gpa(machine, cpu, rax, AccessKind.WRITE, c_bit=False)
    if isinstance(nested, Completion):
        return nested
    if free_for_host(machine, nested.spa):
        return _ALLOWED
    word = NpfInfo.P | NpfInfo.W | NpfInfo.RMP | NpfInfo.FINAL_GPA
    return nested_fault(word, rax, "hypervisor-owned")
