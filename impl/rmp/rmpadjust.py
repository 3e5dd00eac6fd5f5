"""RMPADJUST: a guest changes the permissions of a less privileged VMPL, and at VMPL0 whether a page is a VMSA."""

from dataclasses import replace

from impl.completion import Completion, finished
from impl.machine import Cpu, Machine
from impl.memory.guest_paging import GuestTranslation, translate
from impl.rmp.faults import not_validated
from impl.rmp.guest_page import OwnPage, Translate, own_page, too_large, too_small
from impl.rmp.layout import Perms
from impl.rmp.operands import guest_precheck, is_aligned
from spec.vocabulary import AccessKind, Eax, Event, MappingSize, PageSize

_SIZE_BIT = 1
_BYTE = 0xFF
_MASK_SHIFT = 8
_VMSA_BIT = 1 << 16
_RDX_USED = 0x1_FFFF


def rmpadjust(machine: Machine, cpu: Cpu, rax: int, rcx: int, rdx: int) -> Completion:
    """APM Vol. 3, "RMPADJUST". RAX is a GVA; RCX[0] page size; RDX[7:0] target VMPL, [15:8] mask, [16] VMSA."""
    return _rmpadjust(
        machine,
        cpu,
        rax,
        lambda: translate(machine, cpu, rax, AccessKind.READ),
        size=PageSize(rcx & _SIZE_BIT),
        target_vmpl=rdx & _BYTE,
        mask=rdx >> _MASK_SHIFT & _BYTE,
        vmsa=bool(rdx & _VMSA_BIT),
        reserved=bool(rcx & ~_SIZE_BIT or rdx & ~_RDX_USED),
    )


def rmpadjust_at(
    machine: Machine,
    cpu: Cpu,
    gva: int,
    gpa: int,
    spa: int,
    mapping_size: MappingSize,
    c_bit: bool,
    size: PageSize,
    target_vmpl: int,
    mask: int,
    vmsa: bool,
    reserved: bool = False,
) -> Completion:
    """The instruction where the tables translate `gva` as given; `reserved`: a reserved register bit is set."""
    where = GuestTranslation(gpa, spa, mapping_size, c_bit)
    return _rmpadjust(
        machine, cpu, gva, lambda: where, size=size, target_vmpl=target_vmpl, mask=mask, vmsa=vmsa, reserved=reserved
    )


def _rmpadjust(
    machine: Machine,
    cpu: Cpu,
    gva: int,
    find: Translate,
    *,
    size: PageSize,
    target_vmpl: int,
    mask: int,
    vmsa: bool,
    reserved: bool,
) -> Completion:
    knobs = machine.knobs
    if not cpu.mode_64bit:
        return Completion(Event.UD, "mode")
    stopped = guest_precheck(machine, cpu)
    if stopped is not None:
        return stopped
    # Below VMPL0 the VMSA bit is ignored, so it cannot make the operands wrong there.
    makes_vmsa = vmsa and cpu.vmpl == 0
    if size == PageSize.SIZE_2M and not is_aligned(gva, size):
        return finished(Eax.FAIL_INPUT, "alignment", knobs)
    if reserved and knobs.rmpadjust_reserved_rejected:
        return finished(Eax.FAIL_INPUT, "reserved-bits", knobs)
    if makes_vmsa and size == PageSize.SIZE_2M and knobs.rmpadjust_vmsa_2m_refused:
        return finished(Eax.FAIL_INPUT, "vmsa-is-4k", knobs)
    if target_vmpl >= machine.configuration.vmpls and not knobs.rmpadjust_vmpl_range_permission:
        return finished(Eax.FAIL_INPUT, "target-vmpl", knobs)
    if target_vmpl <= cpu.vmpl or target_vmpl >= machine.configuration.vmpls:
        return finished(Eax.FAIL_PERMISSION, "target-vmpl", knobs)
    where = find()
    if isinstance(where, Completion):
        return where
    page = own_page(machine, cpu, where)
    if isinstance(page, Completion):
        return page
    failed = _page_failure(machine, cpu, gva, page, size)
    if failed is not None:
        return failed
    if mask & ~page.entry.perms[cpu.vmpl]:
        return finished(Eax.FAIL_PERMISSION, "permission-subset", knobs)
    _adjust(machine, cpu, page, target_vmpl, mask, vmsa=vmsa)
    return finished(Eax.SUCCESS, "adjusted", knobs)


def _page_failure(machine: Machine, cpu: Cpu, gva: int, page: OwnPage, size: PageSize) -> Completion | None:
    """Size and Validated; knob K-RADJ-ORDER says which of the last two comes first."""
    knobs = machine.knobs
    fault = too_large(machine, page, size)
    if fault is not None:
        return fault
    mismatch = finished(Eax.FAIL_SIZEMISMATCH, "page-too-small", knobs) if too_small(page, size) else None
    unvalidated = None if page.entry.validated else not_validated(cpu, gva)
    return unvalidated or mismatch if knobs.rmpadjust_vc_before_size else mismatch or unvalidated


def _adjust(machine: Machine, cpu: Cpu, page: OwnPage, target_vmpl: int, mask: int, *, vmsa: bool) -> None:
    entry = machine.rmp.load(page.pfn)
    zero, one, two, three = (mask if vmpl == target_vmpl else old for vmpl, old in enumerate(entry.perms))
    perms: Perms = (zero, one, two, three)
    if cpu.vmpl == 0:
        entry = replace(entry, vmsa=vmsa)
        if vmsa:
            machine.vmsa_gfns[page.pfn] = entry.gfn
    machine.rmp.store(page.pfn, replace(entry, perms=perms))
