"""VIRT_RMPUPDATE and VIRT_PSMASH: MSRs by which a nested hypervisor asks the top-level one.

APM Vol. 2, "Nested Virtualization" with SNP (15.36.19). Hardware has no such MSRs: the top-level hypervisor intercepts
the write, translates the address and executes the instruction. This one takes the guest's ASID operand as it is.
"""

from impl.completion import Completion, finished
from impl.machine import HOST, Cpu, Machine
from impl.memory.engine import HOST_ASID
from impl.memory.paging import NestedTranslation, walk_nested
from impl.rmp.operands import host_precheck, is_aligned
from impl.rmp.psmash import psmash_operand
from impl.rmp.rmpupdate import rmpupdate_operand
from impl.rmp.state_operand import StateOperand
from spec.vocabulary import Eax, Event, MappingSize, PageSize


def virt_rmpupdate(machine: Machine, cpu: Cpu, rax: int, rdx: int, r8: int) -> Completion:
    """WRMSR C001_F001h. RAX is the GPA of a page, RDX and R8 the low and high halves of RMPUPDATE's operand."""
    operand = rdx.to_bytes(8, "little") + r8.to_bytes(8, "little")
    where = _translate(machine, cpu, rax, StateOperand.unpack(operand).size)
    if isinstance(where, Completion):
        return where
    return host_precheck(machine, HOST) or rmpupdate_operand(machine, where.spa, operand)


def virt_psmash(machine: Machine, cpu: Cpu, rax: int) -> Completion:
    """WRMSR C001_F002h. RAX is the 2 MiB-aligned GPA."""
    where = _translate(machine, cpu, rax, PageSize.SIZE_2M)
    if isinstance(where, Completion):
        return where
    return host_precheck(machine, HOST) or psmash_operand(machine, where.spa)


def _translate(machine: Machine, cpu: Cpu, gpa: int, size: PageSize) -> NestedTranslation | Completion:
    if not machine.configuration.features.nested_virt_snp_msr or cpu.asid == HOST_ASID or cpu.cpl != 0:
        return Completion(Event.GP, "feature")
    if not is_aligned(gpa, size):
        return finished(Eax.FAIL_INPUT, "alignment", machine.knobs)
    where = walk_nested(machine.memory, cpu.nested_cr3, gpa)
    if not isinstance(where, NestedTranslation):
        return finished(Eax.FAIL_INPUT, "nested-mapping", machine.knobs)
    # A 2 MiB page of the nested hypervisor that is scattered in real memory cannot be one entry.
    if size == PageSize.SIZE_2M and where.size == MappingSize.MAP_4K:
        return finished(Eax.FAIL_INPUT, "nested-size", machine.knobs)
    return where
