"""What the #VC handler asks, as events of the page protocol. GHCB (56421), "Standard VMGEXIT Events".

Each method marks exactly the inputs of its event and takes exactly its outputs.
"""

from impl.ghcb.call import GhcbCall, Reply
from impl.vc.exits import CpuidReply
from impl.vc.vcpu import LOW_32
from spec.ghcb.vocabulary import exits
from spec.ghcb.vocabulary.exits import GhcbEvent, SvmExit
from spec.ghcb.vocabulary.page import GhcbField as Field

VALUE = (Field.RAX, Field.RDX)
"""EDX:EAX."""


class GhcbExits:
    """The questions of `impl/vc/exits.py`."""

    def __init__(self, call: GhcbCall) -> None:
        self._call = call

    def cpuid(self, leaf: int, subleaf: int, xcr0: int | None) -> CpuidReply:
        inputs = {Field.RAX: leaf, Field.RCX: subleaf}
        if xcr0 is not None:
            inputs[Field.XCR0] = xcr0
        outputs = (Field.RAX, Field.RBX, Field.RCX, Field.RDX)
        return CpuidReply(*self._call.ask(SvmExit.CPUID, inputs=inputs, outputs=outputs).outputs)

    def read_msr(self, msr: int) -> int:
        inputs = {Field.RCX: msr}
        return edx_eax(self._call.ask(SvmExit.MSR, exits.MSR_READ, inputs=inputs, outputs=VALUE))

    def write_msr(self, msr: int, value: int) -> None:
        inputs = {Field.RCX: msr, Field.RAX: value & LOW_32, Field.RDX: value >> 32}
        self._call.ask(SvmExit.MSR, exits.MSR_WRITE, inputs=inputs)

    def read_tsc(self) -> int:
        return edx_eax(self._call.ask(SvmExit.RDTSC, outputs=VALUE))

    def read_tscp(self) -> tuple[int, int]:
        reply = self._call.ask(SvmExit.RDTSCP, outputs=(*VALUE, Field.RCX))
        return edx_eax(reply), reply.outputs[2] & LOW_32

    def read_counter(self, counter: int) -> int:
        return edx_eax(self._call.ask(SvmExit.RDPMC, inputs={Field.RCX: counter}, outputs=VALUE))

    def port_in(self, port: int, size: int) -> int:
        reply = self._call.ask(SvmExit.IOIO, port_info(port, size) | exits.IOIO_IN, outputs=(Field.RAX,))
        return reply.outputs[0]

    def port_out(self, port: int, size: int, value: int) -> None:
        self._call.ask(SvmExit.IOIO, port_info(port, size), inputs={Field.RAX: value})

    def mmio_read(self, address: int, size: int) -> int:
        page = self._call.page
        self._call.ask(GhcbEvent.MMIO_READ, address, size, inputs={Field.SW_SCRATCH: page.buffer_gpa})
        value = page.read_buffer(0, size)
        page.write_buffer(0, size, 0)
        return value

    def mmio_write(self, address: int, size: int, value: int) -> None:
        page = self._call.page
        page.write_buffer(0, size, value)
        try:
            self._call.ask(GhcbEvent.MMIO_WRITE, address, size, inputs={Field.SW_SCRATCH: page.buffer_gpa})
        finally:
            page.write_buffer(0, size, 0)

    def write_dr7(self, value: int) -> None:
        self._call.ask(SvmExit.DR7_WRITE, inputs={Field.RAX: value})

    def write_back_caches(self) -> None:
        self._call.ask(SvmExit.WBINVD)

    def hypercall(self, rax: int, cpl: int) -> int:
        return self._call.ask(SvmExit.VMMCALL, inputs={Field.RAX: rax, Field.CPL: cpl}, outputs=(Field.RAX,)).outputs[0]


def edx_eax(reply: Reply) -> int:
    """The value of two halves of 32 bits."""
    return (reply.outputs[1] & LOW_32) << 32 | reply.outputs[0] & LOW_32


def port_info(port: int, size: int) -> int:
    """EXITINFO1 of one access without REP; the address size of 64-bit mode, which such an access does not use."""
    return port << exits.IOIO_PORT_SHIFT | size << exits.IOIO_SIZE_SHIFT | exits.IOIO_ADDRESS_64
