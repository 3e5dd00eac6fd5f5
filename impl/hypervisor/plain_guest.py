"""An exit of an SEV guest: registers out of VMCB and processor, the instruction done, the registers back."""

from impl.cpu.save_area import NAMES
from impl.cpu.software import Stopped
from impl.hypervisor.emulated import Emulated
from impl.hypervisor.plain_exits import CannotEmulate, emulate
from impl.hypervisor.seen import Seen
from impl.hypervisor.vmsa_layout import FIELDS
from impl.machine import Machine
from impl.memory.engine import HOST_ASID
from impl.rmp import vmcb as control
from impl.rmp.vmcb import load_word, store_word
from impl.vc.outcome import End, Outcome
from impl.vc.vcpu import RAX, RSP, Vcpu
from spec.ghcb.vocabulary.answers import (
    EVENT_ERROR_CODE_SHIFT,
    EVENT_ERROR_CODE_VALID,
    EVENT_TYPE_SHIFT,
    EVENT_VALID,
    EventType,
)
from spec.ghcb.vocabulary.exits import SvmExit

IN_SAVE_AREA = ("rip", "rflags", "cr4", "dr7")
IN_VMCB = (RAX, RSP)
"""General registers that the VMCB has; the others are in the processor."""


def serve(machine: Machine, vmcb: int, registers: list[int], emulated: Emulated, seen: Seen) -> None:
    """Emulate the intercepted instruction. `registers` go in and out."""
    vcpu = loaded(machine, vmcb, registers)
    code = fetched(machine, vmcb) if seen.exit_code == SvmExit.NPF else b""
    before = shown(vcpu)
    seen.exposed, seen.data = before, code
    next_rip = load_word(machine.memory, vmcb, control.NEXT_RIP)
    try:
        outcome = emulate(emulated, vcpu, seen.exit_code, seen.info1, seen.info2, next_rip, code)
    except CannotEmulate as why:
        raise Stopped(f"the hypervisor cannot emulate the instruction: {why}") from None
    if outcome.end is End.REFUSED:
        assert outcome.refusal is not None, "a refusal has a name"
        raise Stopped(f"the hypervisor does not emulate the instruction: {outcome.refusal.name}")
    seen.returned = {name: value for name, value in shown(vcpu).items() if value != before[name]}
    stored(machine, vmcb, registers, vcpu)
    if outcome.end is End.FAULT:
        store_word(machine.memory, vmcb, control.EVENTINJ, injected(outcome))


def shown(vcpu: Vcpu) -> dict[str, int]:
    """Every register, by name."""
    return {**dict(zip(NAMES, vcpu.gpr, strict=True)), "rip": vcpu.rip, "rflags": vcpu.rflags}


def injected(outcome: Outcome) -> int:
    """The exception of the instruction in the form of EVENTINJ."""
    fault = outcome.fault
    assert fault is not None, "a fault has a vector"
    event = EVENT_VALID | EventType.EXCEPTION << EVENT_TYPE_SHIFT | fault.vector
    if fault.error_code is None:
        return event
    return event | EVENT_ERROR_CODE_VALID | fault.error_code << EVENT_ERROR_CODE_SHIFT


def fetched(machine: Machine, vmcb: int) -> bytes:
    """The bytes at RIP that the decode assist gives."""
    count, *code = machine.memory.read(vmcb + control.FETCHED, 16, HOST_ASID)
    return bytes(code[:count])


def loaded(machine: Machine, vmcb: int, registers: list[int]) -> Vcpu:
    """The guest's registers."""
    vcpu = Vcpu(gpr=registers)
    for name in IN_SAVE_AREA:
        setattr(vcpu, name, field(machine, vmcb, name))
    vcpu.cpl = field(machine, vmcb, "cpl")
    for segment in ("fs", "gs"):
        vcpu.segment_bases[segment] = field(machine, vmcb, f"{segment}.base")
    for number in IN_VMCB:
        vcpu.gpr[number] = field(machine, vmcb, NAMES[number])
    return vcpu


def stored(machine: Machine, vmcb: int, registers: list[int], vcpu: Vcpu) -> None:
    """The registers with which the guest goes on."""
    registers[:] = vcpu.gpr
    for name in IN_SAVE_AREA:
        store_word(machine.memory, vmcb, control.SAVE_AREA + FIELDS[name].offset, getattr(vcpu, name))
    for number in IN_VMCB:
        store_word(machine.memory, vmcb, control.SAVE_AREA + FIELDS[NAMES[number]].offset, vcpu.gpr[number])


def advance(machine: Machine, vmcb: int) -> None:
    """RIP behind the intercepted instruction."""
    next_rip = load_word(machine.memory, vmcb, control.NEXT_RIP)
    store_word(machine.memory, vmcb, control.SAVE_AREA + FIELDS["rip"].offset, next_rip)


def field(machine: Machine, vmcb: int, name: str) -> int:
    """A field of the state save area."""
    where = FIELDS[name]
    return int.from_bytes(machine.memory.read_raw(vmcb + control.SAVE_AREA + where.offset, where.size), "little")
