"""What hardware checks before it intercepts, and the handler again: an injected #VC has passed no check.

APM Vol. 2, "Instruction Intercepts" (15.9) and "I/O-Permission Bitmap" (12.2.4).
"""

from impl.vc.access import Machine
from impl.vc.outcome import Fault, Vector
from impl.vc.vcpu import IOPL_SHIFT, VM, Vcpu


def require_cpl_0(vcpu: Vcpu) -> None:
    """A privileged instruction elsewhere is #GP(0)."""
    if vcpu.cpl != 0:
        raise Fault(Vector.GP, error_code=0)


def require_port(machine: Machine, port: int, size: int) -> None:
    """CPL above IOPL, or virtual-8086 mode, needs the permission of every port."""
    vcpu = machine.vcpu
    free = vcpu.cpl <= vcpu.rflags >> IOPL_SHIFT & 3 and not vcpu.rflags & VM
    if not free and not machine.memory.port_allowed(port, size):
        raise Fault(Vector.GP, error_code=0)
