"""PVALIDATE: a guest at VMPL0 accepts a page, or takes its acceptance back."""

from dataclasses import replace

from impl.completion import Completion, finished, nested_fault, page_fault
from impl.machine import Cpu, Machine
from impl.memory.guest_paging import GuestTranslation, translate
from impl.rmp.guest_page import OwnPage, Translate, own_page, too_large, too_small
from impl.rmp.operands import guest_precheck, is_aligned
from spec.knobs import PvalidateShared
from spec.vocabulary import AccessKind, Eax, Event, Limit, MappingSize, NpfInfo, PageSize, PfError

_SIZE_BIT = 1
_VALIDATE_BIT = 1
_LOW_32_BITS = 0xFFFF_FFFF


def pvalidate(machine: Machine, cpu: Cpu, rax: int, ecx: int, edx: int) -> Completion:
    """APM Vol. 3, "PVALIDATE". RAX is a GVA, ECX[0] the page size, EDX[0] the new value of Validated."""
    gva = rax if cpu.mode_64bit else rax & _LOW_32_BITS
    return _pvalidate(
        machine,
        cpu,
        gva,
        lambda: translate(machine, cpu, gva, AccessKind.READ),
        size=PageSize(ecx & _SIZE_BIT),
        validate=bool(edx & _VALIDATE_BIT),
    )


def pvalidate_at(
    machine: Machine,
    cpu: Cpu,
    gva: int,
    gpa: int,
    spa: int,
    mapping_size: MappingSize,
    c_bit: bool,
    size: PageSize,
    validate: bool,
) -> Completion:
    """The instruction where the guest's and the nested tables translate `gva` as given."""
    where = GuestTranslation(gpa, spa, mapping_size, c_bit)
    return _pvalidate(machine, cpu, gva, lambda: where, size=size, validate=validate)


def _pvalidate(machine: Machine, cpu: Cpu, gva: int, find: Translate, *, size: PageSize, validate: bool) -> Completion:
    knobs = machine.knobs
    stopped = guest_precheck(machine, cpu)
    if stopped is not None:
        return stopped
    if not cpu.mode_64bit and knobs.pvalidate_64bit_only:
        return Completion(Limit.NOT_MODELLED, "mode")
    if cpu.vmpl != 0:
        if knobs.pvalidate_vmpl_gp:
            return Completion(Event.GP, "vmpl")
        return finished(Eax.FAIL_PERMISSION, "vmpl", knobs)
    if size == PageSize.SIZE_2M and not is_aligned(gva, size):
        return finished(Eax.FAIL_INPUT, "alignment", knobs)
    where = find()
    if isinstance(where, Completion):
        return where
    refused = None if where.c_bit else _refuse_shared(machine, gva, where.gpa)
    if refused is not None:
        return refused
    page = own_page(machine, cpu, where)
    if isinstance(page, Completion):
        return page
    fault = too_large(machine, page, size)
    if fault is not None:
        return fault
    if too_small(page, size):
        return finished(Eax.FAIL_SIZEMISMATCH, "page-too-small", knobs, cf=False)
    return _set_validated(machine, page, validate=validate)


def _refuse_shared(machine: Machine, gva: int, gpa: int) -> Completion | None:
    """What a shared mapping does, if it is not taken as private (knob K-PVAL-SHARED)."""
    choice = machine.knobs.pvalidate_shared
    if choice == PvalidateShared.PF:
        return page_fault(PfError.P, gva, "private-mapping")
    if choice == PvalidateShared.NPF:
        return nested_fault(NpfInfo.P | NpfInfo.RMP, gpa, "private-mapping")
    if choice == PvalidateShared.IGNORED:
        return finished(Eax.SUCCESS, "private-mapping", machine.knobs, cf=True)
    return None


def _set_validated(machine: Machine, page: OwnPage, *, validate: bool) -> Completion:
    """CF tells that Validated had the value already; VMSA and the masks stay (knob K-PVAL-CLR-M)."""
    entry = machine.rmp.load(page.pfn)
    if entry.validated == validate:
        return finished(Eax.SUCCESS, "unchanged", machine.knobs, cf=True)
    clears_vmsa = not validate and machine.knobs.pvalidate_clears_vmsa
    machine.rmp.store(page.pfn, replace(entry, validated=validate, vmsa=entry.vmsa and not clears_vmsa))
    return finished(Eax.SUCCESS, "changed", machine.knobs, cf=False)
