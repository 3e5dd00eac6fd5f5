"""VMRUN and #VMEXIT: which pages a vCPU may run from, that they stay untouched while it runs, and its registers.

APM Vol. 2, 15.36.12 and Table 15-41. The VMSA is read through the guest's key at its real offsets.
"""

from impl.completion import Completion
from impl.hypervisor.vmsa_layout import FIELDS, read_field
from impl.machine import Cpu, Machine, Running
from impl.memory.cached_access import enter
from impl.memory.engine import HOST_ASID, PAGE_BYTES
from impl.registers import Msr
from impl.rmp.implicit import free_for_host, names_page, owned_by_host, usable_as_vmsa
from impl.rmp.save_area import (
    SaveArea,
    area_of,
    is_as_saved,
    load_registers,
    plaintext_area,
    record_checksum,
    save_registers,
)
from impl.rmp.vmcb import EXITCODE, EXITINFO1, EXITINFO2, GUEST_SEV_FEATURES, SAVE_AREA, Vmcb, load_vmcb, store_word
from impl.rmp.vmsa_features import busy_matters, event_taken, features_failure
from spec.vocabulary import PAGE_SHIFT, Event, SevFeatures

EFER_SVME = 1 << 12
VINTR_BUSY = 1 << 63


def vmrun(machine: Machine, cpu: Cpu, rax: int, core: int = 0) -> Running | Completion:
    """APM Vol. 3, "VMRUN". RAX is the SPA of the VMCB. A `Completion` is the failure; otherwise the vCPU runs."""
    if cpu.cpl != 0:
        return Completion(Event.GP, "cpl")
    if cpu.asid != HOST_ASID:
        return Completion(Event.VMEXIT, "intercepted")
    if machine.registers[Msr.VM_HSAVE_PA] == 0:
        return Completion(Event.GP, "host-save-area")
    if not free_for_host(machine, rax):
        return Completion(Event.GP, "vmcb")
    vmcb = load_vmcb(machine.memory, rax)
    if vmcb.asid == HOST_ASID:
        return _invalid("asid")
    held = {rax >> PAGE_SHIFT}
    if vmcb.avic:
        if not free_for_host(machine, vmcb.avic_backing_page):
            return _invalid("avic-backing-page")
        held.add(vmcb.avic_backing_page >> PAGE_SHIFT)
    if not vmcb.sev_es:
        return _start(machine, _plain(machine, vmcb, rax, frozenset(held), core), vmcb)
    entered = _enter_encrypted(machine, vmcb)
    if isinstance(entered, Completion):
        return entered
    held.add(vmcb.vmsa >> PAGE_SHIFT)
    registers = load_registers(machine, SaveArea(vmcb.vmsa, vmcb.asid))
    features = SevFeatures(read_field(machine.memory.read(vmcb.vmsa, PAGE_BYTES, vmcb.asid), "sev_features"))
    event = event_taken(vmcb, features)
    return _start(machine, Running(entered, rax, vmcb.vmsa, frozenset(held), registers, core, event), vmcb)


def vmexit(
    machine: Machine,
    running: Running,
    exit_code: int,
    exit_info1: int = 0,
    exit_info2: int = 0,
    guest_exit_code: int | None = None,
) -> None:
    """#VMEXIT: tell the hypervisor why, and let go of the pages.

    SEV_FEATURES is copied to the VMCB (15.36.20). `guest_exit_code` goes to GUEST_EXITCODE, as ReflectVC does.
    """
    _save(machine, running)
    for offset, value in ((EXITCODE, exit_code), (EXITINFO1, exit_info1), (EXITINFO2, exit_info2)):
        store_word(machine.memory, running.vmcb, offset, value)
    if running.vmsa is not None:
        vmsa = machine.memory.read(running.vmsa, PAGE_BYTES, running.cpu.asid)
        store_word(machine.memory, running.vmcb, GUEST_SEV_FEATURES, read_field(vmsa, "sev_features"))
        if guest_exit_code is not None:
            field = FIELDS["guest_exitcode"]
            raw = guest_exit_code.to_bytes(field.size, "little")
            machine.memory.write(running.vmsa + field.offset, raw, running.cpu.asid)
            record_checksum(machine, running.vmsa)
    machine.running.remove(running)
    machine.in_use -= running.held
    # Another vCPU may run from the same VMSA (knob K-VMSA-TWICE).
    for other in machine.running:
        _hold(machine, other)


def _enter_encrypted(machine: Machine, vmcb: Vmcb) -> Cpu | Completion:
    """The vCPU that the VMSA of an SEV-ES or SNP guest describes."""
    failed = "" if machine.engine.has_key(vmcb.asid) else "asid-key"
    failed = failed or _vmsa_free(machine, vmcb.vmsa)
    if failed:
        return _invalid(failed)
    page = machine.memory.read(vmcb.vmsa, PAGE_BYTES, vmcb.asid)
    features, kept = read_field(page, "sev_features"), machine.configuration.protections
    if features & SevFeatures.SNP_ACTIVE and machine.snp_enabled:
        # The flag is the SNP firmware's; what makes an ASID of an SEV-ES guest runnable is not its business.
        runnable = vmcb.asid <= machine.configuration.maximum_asid and vmcb.asid not in machine.invalid_asids
        failed = "" if runnable else "asid-runnable"
        failed = failed or (usable_as_vmsa(machine, vmcb.vmsa, vmcb.asid) if kept.registers_authentic else "")
    elif not owned_by_host(machine, vmcb.vmsa):
        failed = "hypervisor-owned"
    elif kept.registers_authentic and not is_as_saved(machine, vmcb.vmsa):
        failed = "vmsa-checksum"
    failed = failed or features_failure(machine, vmcb, features)
    vmpl = read_field(page, "vmpl")
    if not failed and not read_field(page, "efer") & EFER_SVME:
        failed = "efer-svme"
    if not failed and vmpl >= machine.configuration.vmpls:
        failed = "vmpl"
    if failed:
        return _invalid(failed)
    if busy_matters(machine, features) and read_field(page, "vintr_ctrl") & VINTR_BUSY:
        return Completion(Event.VMEXIT_BUSY, "busy")
    return Cpu(
        asid=vmcb.asid,
        vmpl=vmpl,
        cpl=read_field(page, "cpl"),
        snp_active=bool(features & SevFeatures.SNP_ACTIVE),
        nested_cr3=vmcb.nested_cr3,
        cr3=read_field(page, "cr3"),
        reflect_vc=bool(features & SevFeatures.REFLECT_VC),
        vmpl_sss=bool(features & SevFeatures.VMPL_SSS),
        virtual_tom=read_field(page, "virtual_tom") if features & SevFeatures.VTOM else None,
    )


def _vmsa_free(machine: Machine, vmsa: int) -> str:
    """The VMSA is a page that no other processor runs from (knob K-VMSA-TWICE)."""
    if not names_page(machine, vmsa):
        return "vmsa-address"
    if vmsa >> PAGE_SHIFT in machine.in_use and machine.knobs.vmsa_twice_refused:
        return "vmsa-in-use"
    return ""


def _plain(machine: Machine, vmcb: Vmcb, spa: int, held: frozenset[int], core: int) -> Running:
    """The vCPU of a guest without encrypted state: all is in the VMCB."""
    cr3 = read_field(machine.memory.read_raw(spa + SAVE_AREA, PAGE_BYTES - SAVE_AREA), "cr3")
    cpu = Cpu(vmcb.asid, nested_cr3=vmcb.nested_cr3, cr3=cr3)
    registers, event = load_registers(machine, plaintext_area(spa)), event_taken(vmcb, SevFeatures(0))
    return Running(cpu, spa, None, held, registers, core, event)


def _save(machine: Machine, running: Running) -> None:
    """The registers go where VMRUN will look for them; without R1 the hypervisor gets a copy in the VMCB."""
    save_registers(machine, area_of(running), running.registers)
    if running.vmsa is not None and not machine.configuration.protections.registers_encrypted:
        save_registers(machine, plaintext_area(running.vmcb), running.registers)


def _start(machine: Machine, running: Running, vmcb: Vmcb) -> Running:
    enter(machine, running.core, running.cpu, running.vmsa, flush=vmcb.flush_tlb)
    machine.running.append(running)
    _hold(machine, running)
    return running


def _hold(machine: Machine, running: Running) -> None:
    """Mark the pages in use; without SNP nothing is."""
    if machine.snp_enabled:
        machine.in_use |= running.held


def _invalid(check: str) -> Completion:
    return Completion(Event.VMEXIT_INVALID, check)
