"""Memory accesses, pages that the host's registers name, and the virtualised host instructions."""

from collections.abc import Callable
from itertools import count
from typing import Any

from impl.machine import Cpu as MachineCpu
from impl.memory.paging import C_BIT, map_nested
from impl.registers import Msr
from impl.rmp.access import check_access
from impl.rmp.faults import Access
from impl.rmp.implicit import vmsave
from impl.rmp.virtualised import virt_psmash, virt_rmpupdate
from impl.wrmsr import wrmsr
from sevspec.crosscheck.agreement import Answer, of_completion
from sevspec.crosscheck.bench import Bench
from sevspec.crosscheck.concretisation import Inexpressible
from sevspec.crosscheck.registers import operand_bytes, processor
from sevspec.crosscheck.translation import BYTES_OF, LOWER_HALF, guest_physical, mapping_of
from spec.rmp.access_kind import MemoryAccess
from spec.rmp.authority import page_of
from spec.rmp.coverage import SPA_BITS
from spec.rmp.cpu import Cpu
from spec.rmp.host_writes import Vmsave, WriteHostSaveArea
from spec.rmp.virtualised import VirtPsmash, VirtRmpUpdate
from spec.vocabulary import AccessCode, AccessKind, Agent, AgentCode, MappingSize


def require_memory(spa: int) -> None:
    """No translation ends beyond the physical address width."""
    if spa >> SPA_BITS:
        raise Inexpressible("there is no memory at this address")


def run_access(bench: Bench, op: MemoryAccess) -> Answer:
    """One access after translation."""
    require_memory(op.translation.spa)
    kind = AccessKind[AccessCode(op.kind).name] if op.kind in tuple(AccessCode) else AccessKind.READ
    cpu = MachineCpu(op.asid, op.vmpl, op.cpl, snp_active=True, reflect_vc=op.reflect_vc, vmpl_sss=op.vmpl_sss)
    access = Access(
        agent=Agent[AgentCode(op.agent).name],
        kind=kind,
        spa=op.translation.spa,
        mapping_size=mapping_of(op.translation),
        gpa=guest_physical(op.translation),
        c_bit=op.translation.private,
        address=op.translation.gva,
    )
    return of_completion(check_access(bench.machine, cpu, access))


def run_write_vm_hsave_pa(bench: Bench, op: WriteHostSaveArea) -> Answer:
    """WRMSR; the register is no part of the specified state."""
    require_memory(op.spa)
    machine = bench.machine
    kept = machine.registers[Msr.VM_HSAVE_PA]
    ended = wrmsr(machine, processor(op.cpu), Msr.VM_HSAVE_PA, op.spa)
    machine.registers[Msr.VM_HSAVE_PA] = kept
    return of_completion(ended)


def run_vmsave(bench: Bench, op: Vmsave) -> Answer:
    """RAX: an address of the host's, or one that nested tables translate."""
    require_memory(op.target.spa)
    target, cpu = op.target, processor(op.cpu)
    if op.cpu.asid == 0 or op.cpu.cpl != 0:
        return of_completion(vmsave(bench.machine, cpu, target.spa))
    gpa = guest_physical(target)
    if target.private:
        raise Inexpressible("a guest's VMSAVE names a guest-physical address, which has no C-bit of its own")
    return of_completion(vmsave(bench.machine, nested(bench, cpu, gpa, target.spa, mapping_of(target)), gpa))


def nested(bench: Bench, cpu: MachineCpu, gpa: int, spa: int, size: MappingSize) -> MachineCpu:
    """The processor behind nested tables that map one page, and map nothing if `spa` is negative."""
    root = bench.scratch + (1 << 20)
    bench.machine.memory.write_raw(root, bytes(0x8000))
    if spa >= 0:
        mask = BYTES_OF[size] - 1
        if (gpa - spa) & mask or gpa >= LOWER_HALF or spa & C_BIT or not bench.machine.memory.exists(spa):
            raise Inexpressible("nested page tables do not translate like this")
        map_nested(bench.machine.memory, root, gpa & ~mask, spa & ~mask, count(root + 0x1000, 0x1000), size)
    return MachineCpu(cpu.asid, cpu.vmpl, cpu.cpl, cpu.snp_active, nested_cr3=root)


def run_virt_rmpupdate(bench: Bench, op: VirtRmpUpdate) -> Answer:
    """RAX, RDX and R8 of a nested hypervisor."""
    large, update = bool(op.update.page_size), op.update
    caller = virtual(bench, op.caller, op.gpa, update.spa if op.mapped else -1, large=large)
    low, high = (int.from_bytes(operand_bytes(update)[half : half + 8], "little") for half in (0, 8))
    with bench.contention(page_of(update.spa), update.contended, update.overlap_contended):
        return of_completion(virt_rmpupdate(bench.machine, caller, op.gpa, low, high), flags=False)


def run_virt_psmash(bench: Bench, op: VirtPsmash) -> Answer:
    """RAX of a nested hypervisor."""
    caller = virtual(bench, op.caller, op.gpa, op.split.spa if op.mapped else -1, large=True)
    with bench.contention(page_of(op.split.spa), op.split.contended, False):
        return of_completion(virt_psmash(bench.machine, caller, op.gpa), flags=False)


def virtual(bench: Bench, cpu: Cpu, gpa: int, spa: int, *, large: bool) -> MachineCpu:
    """The calling hypervisor, with its page mapped in the size that it asks for."""
    caller = processor(cpu)
    if cpu.cpl != 0 or cpu.asid == 0 or gpa % 0x1000:
        return caller
    return nested(bench, caller, gpa, spa, MappingSize.MAP_2M if large else MappingSize.MAP_4K)


RUNNERS: dict[str, Callable[[Bench, Any], Answer]] = {
    "access": run_access,
    "write_vm_hsave_pa": run_write_vm_hsave_pa,
    "vmsave": run_vmsave,
    "virt_rmpupdate": run_virt_rmpupdate,
    "virt_psmash": run_virt_psmash,
}
