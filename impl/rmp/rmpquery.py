"""RMPQUERY: a guest reads the permissions of a VMPL on a page, and whether the page is a VMSA."""

from impl.completion import Completion, finished
from impl.machine import Cpu, Machine
from impl.memory.guest_paging import GuestTranslation, translate
from impl.rmp.faults import not_validated
from impl.rmp.guest_page import Translate, own_page
from impl.rmp.operands import guest_precheck
from spec.vocabulary import AccessKind, Eax, Event, MappingSize

_BYTE = 0xFF
_MASK_SHIFT = 8
_VMSA_SHIFT = 16


def rmpquery(machine: Machine, cpu: Cpu, rax: int, rdx: int) -> Completion:
    """APM Vol. 3, "RMPQUERY". RAX is a GVA, RDX[7:0] the VMPL asked for.

    Out: RDX[15:8] its mask, RDX[16] the VMSA attribute, RCX[0] the page size.
    """
    return _rmpquery(machine, cpu, rax, lambda: translate(machine, cpu, rax, AccessKind.READ), target_vmpl=rdx & _BYTE)


def rmpquery_at(
    machine: Machine, cpu: Cpu, gva: int, gpa: int, spa: int, mapping_size: MappingSize, c_bit: bool, target_vmpl: int
) -> Completion:
    """The instruction where the guest's and the nested tables translate `gva` as given."""
    where = GuestTranslation(gpa, spa, mapping_size, c_bit)
    return _rmpquery(machine, cpu, gva, lambda: where, target_vmpl=target_vmpl)


def _rmpquery(machine: Machine, cpu: Cpu, gva: int, find: Translate, *, target_vmpl: int) -> Completion:
    knobs = machine.knobs
    if not machine.configuration.features.rmpquery or not cpu.mode_64bit:
        return Completion(Event.UD, "feature")
    stopped = guest_precheck(machine, cpu)
    if stopped is not None:
        return stopped
    lowest = cpu.vmpl if knobs.rmpquery_own_level else cpu.vmpl + 1
    if not lowest <= target_vmpl < machine.configuration.vmpls:
        return finished(Eax.FAIL_PERMISSION, "target-vmpl", knobs)
    where = find()
    if isinstance(where, Completion):
        return where
    page = own_page(machine, cpu, where)
    if isinstance(page, Completion):
        return page
    if not page.entry.validated:
        return not_validated(cpu, gva)
    return Completion(
        Eax.SUCCESS,
        "queried",
        flags=finished(Eax.SUCCESS, "queried", knobs).flags,
        rcx=page.entry.page_size,
        rdx=target_vmpl | page.entry.perms[target_vmpl] << _MASK_SHIFT | page.entry.vmsa << _VMSA_SHIFT,
    )
