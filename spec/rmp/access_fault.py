"""The fault words of a refused memory access (APM Vol. 2, 15.25.6 and 15.36.10)."""

from spec.logic import all_of, ite
from spec.rmp.access_kind import USER, MemoryAccess, is_shadow_stack, is_walk, is_write, sss_enabled
from spec.rmp.fault import HOST_VIOLATION, NESTED_VIOLATION, Fault, bit_if
from spec.rmp.translation import guest_physical
from spec.system.state import System
from spec.vocabulary import AccessCode, NpfInfo, Permission, PermissionMask, PfError


def kind_bits(op: MemoryAccess) -> int:
    """What the access does. These bits stand at the same places in both words."""
    return (
        bit_if(is_write(op), NpfInfo.W)
        | bit_if(op.kind == AccessCode.FETCH, NpfInfo.ID)
        | bit_if(is_shadow_stack(op), NpfInfo.SS)
    )


def host_fault(op: MemoryAccess) -> Fault:
    """#PF of the host: the mapping was present and the RMP refused it. CR2 is the virtual address."""
    error = HOST_VIOLATION | kind_bits(op) | bit_if(op.cpl == USER, PfError.U)
    return Fault(error, op.translation.gva)


def reserved_fault(op: MemoryAccess) -> Fault:
    """#PF of a guest whose shadow stack is mapped shared, as for a reserved bit."""
    error = int(PfError.P | PfError.RSV) | kind_bits(op) | bit_if(op.cpl == USER, PfError.U)
    return Fault(error, op.translation.gva)


def nested_fault(op: MemoryAccess, private: bool) -> Fault:
    """A nested page fault: EXITINFO1 says whether a walk or the final address was refused."""
    step = ite(is_walk(op), int(NpfInfo.WALK), int(NpfInfo.FINAL_GPA))
    error = NESTED_VIOLATION | kind_bits(op) | step | bit_if(private, NpfInfo.ENC)
    return Fault(error, guest_physical(op.translation))


def permission_fault(system: System, op: MemoryAccess, mask: PermissionMask) -> Fault:
    """A nested page fault for the VMPL's mask; with VmplSSS its shadow-stack bit is reported too."""
    plain = nested_fault(op, True)
    sss = all_of(sss_enabled(system, op), mask & int(Permission.SUPERVISOR_SHADOW_STACK) != 0)
    return Fault(plain.error | int(NpfInfo.VMPL) | bit_if(sss, NpfInfo.SSS), plain.address)
