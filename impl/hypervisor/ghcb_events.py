"""The events of the page protocol, as a hypervisor answers them. GHCB (56421), "Standard VMGEXIT Events".

An event takes its inputs from the snapshot, each of which must be marked valid, and gives its outputs and no more.
"""

from collections.abc import Callable

from impl.hypervisor.emulated import Emulated
from impl.hypervisor.ghcb_reply import Reply
from impl.hypervisor.ghcb_snapshot import Refused, Snapshot
from impl.vc.vcpu import LOW_32
from spec.ghcb.vocabulary import exits
from spec.ghcb.vocabulary.answers import Malformed
from spec.ghcb.vocabulary.exits import GhcbEvent, SvmExit
from spec.ghcb.vocabulary.page import MAX_MMIO
from spec.ghcb.vocabulary.page import GhcbField as Field

Event = Callable[[Emulated, Snapshot], Reply]


def dr7_write(emulated: Emulated, request: Snapshot) -> Reply:
    emulated.write_dr7(request.value(Field.RAX))
    return Reply()


def rdtsc(emulated: Emulated, _: Snapshot) -> Reply:
    return Reply(outputs=edx_eax(emulated.read_tsc()))


def rdtscp(emulated: Emulated, _: Snapshot) -> Reply:
    counter, auxiliary = emulated.read_tscp()
    return Reply(outputs={**edx_eax(counter), Field.RCX: auxiliary})


def rdpmc(emulated: Emulated, request: Snapshot) -> Reply:
    return Reply(outputs=edx_eax(emulated.read_counter(request.value(Field.RCX) & LOW_32)))


def cpuid(emulated: Emulated, request: Snapshot) -> Reply:
    """XCR0 must be there for leaf Dh."""
    leaf, subleaf = request.value(Field.RAX) & LOW_32, request.value(Field.RCX) & LOW_32
    xcr0 = request.value(Field.XCR0) if leaf == exits.EXTENDED_STATE_LEAF else None
    reply = emulated.cpuid(leaf, subleaf, xcr0)
    return Reply(outputs=dict(zip((Field.RAX, Field.RBX, Field.RCX, Field.RDX), reply, strict=True)))


def msr(emulated: Emulated, request: Snapshot) -> Reply:
    number, write = request.value(Field.RCX) & LOW_32, request.value(Field.SW_EXITINFO1)
    if write not in (exits.MSR_READ, exits.MSR_WRITE):
        raise Refused(Malformed.INVALID_INPUT)
    if write == exits.MSR_READ:
        return Reply(outputs=edx_eax(emulated.read_msr(number)))
    halves = request.value(Field.RAX) & LOW_32, request.value(Field.RDX) & LOW_32
    emulated.write_msr(number, halves[1] << 32 | halves[0])
    return Reply()


def vmmcall(emulated: Emulated, request: Snapshot) -> Reply:
    return Reply(outputs={Field.RAX: emulated.hypercall(request.value(Field.RAX), request.value(Field.CPL))})


def nothing(_: Emulated, __: Snapshot) -> Reply:
    """WBINVD; MONITOR and MWAIT of guests that tell of them; a NMI that is complete."""
    return Reply()


def port(emulated: Emulated, request: Snapshot) -> Reply:
    """A single access, or a string in the shared buffer with its count in SW_EXITINFO2."""
    info = request.value(Field.SW_EXITINFO1)
    number, size = info >> exits.IOIO_PORT_SHIFT & 0xFFFF, info >> exits.IOIO_SIZE_SHIFT & 7
    if info & exits.IOIO_RESERVED or size not in (1, 2, 4):
        raise Refused(Malformed.INVALID_INPUT)
    mask = (1 << 8 * size) - 1
    if info & exits.IOIO_STRING:
        return port_string(emulated, request, number, size)
    if info & exits.IOIO_IN:
        return Reply(outputs={Field.RAX: emulated.port_in(number, size)})
    emulated.port_out(number, size, request.value(Field.RAX) & mask)
    return Reply()


def port_string(emulated: Emulated, request: Snapshot, number: int, size: int) -> Reply:
    """INS into the buffer, or OUTS out of it, as it was when the guest left."""
    count = request.value(Field.SW_EXITINFO2)
    start = request.scratch(count * size)
    if request.value(Field.SW_EXITINFO1) & exits.IOIO_IN:
        data = b"".join(emulated.port_in(number, size).to_bytes(size, "little") for _ in range(count))
        return Reply(scratch=(start, data))
    for first in range(start, start + count * size, size):
        emulated.port_out(number, size, int.from_bytes(request.page[first : first + size], "little"))
    return Reply()


def mmio_length(request: Snapshot) -> int:
    length = request.value(Field.SW_EXITINFO2)
    if length not in (1, 2, 4, MAX_MMIO):
        raise Refused(Malformed.INVALID_INPUT)
    return length


def mmio_read(emulated: Emulated, request: Snapshot) -> Reply:
    length = mmio_length(request)
    start = request.scratch(length)
    value = emulated.mmio_read(request.value(Field.SW_EXITINFO1), length)
    return Reply(scratch=(start, value.to_bytes(length, "little")))


def mmio_write(emulated: Emulated, request: Snapshot) -> Reply:
    length = mmio_length(request)
    start = request.scratch(length)
    value = int.from_bytes(request.page[start : start + length], "little")
    emulated.mmio_write(request.value(Field.SW_EXITINFO1), length, value)
    return Reply()


def edx_eax(value: int) -> dict[Field, int]:
    """Two halves of 32 bits."""
    return {Field.RAX: value & LOW_32, Field.RDX: value >> 32}


EVENTS: dict[int, Event] = {
    SvmExit.DR7_WRITE: dr7_write,
    SvmExit.RDTSC: rdtsc,
    SvmExit.RDPMC: rdpmc,
    SvmExit.CPUID: cpuid,
    SvmExit.IOIO: port,
    SvmExit.MSR: msr,
    SvmExit.VMMCALL: vmmcall,
    SvmExit.RDTSCP: rdtscp,
    SvmExit.WBINVD: nothing,
    SvmExit.MONITOR: nothing,
    SvmExit.MWAIT: nothing,
    GhcbEvent.MMIO_READ: mmio_read,
    GhcbEvent.MMIO_WRITE: mmio_write,
    GhcbEvent.NMI_COMPLETE: nothing,
}
"""Events that ask for what the hypervisor emulates."""
