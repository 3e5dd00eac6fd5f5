"""The #VC handler: fetch once, decode, check against the exit code, carry out, advance RIP.

APM Vol. 2, "#VC Exception" (15.35.5); GHCB (56421), "#VC Handler". The exit code, the replies and the moment at which
the exception comes are the hypervisor's. The instruction and the registers are the guest's, so what the handler does
is what the instruction at RIP does, with an answer that a device or the hypervisor may give, or nothing.

Not handled: a shadow stack's copy of RIP, and a single step (RFLAGS.TF) that falls on the instruction.
"""

from collections.abc import Callable

from impl.decode.exits import MSR
from impl.decode.fetch import Fetch, fetch_instruction
from impl.decode.instruction import Instruction
from impl.decode.undecodable import Reason, Undecodable
from impl.vc.access import Machine
from impl.vc.admission import DR7_READ, DR7_WRITE, MMIO, exit_code_of, require_admitted, require_emulated
from impl.vc.counters import rdpmc, rdtsc, rdtscp
from impl.vc.cpuid import cpuid
from impl.vc.debug import read_dr7, write_dr7
from impl.vc.exits import ExceptionRequested, ExitFailed, requested
from impl.vc.hypercall import vmmcall
from impl.vc.ioio import port_io
from impl.vc.mmio import mmio
from impl.vc.msr import msr
from impl.vc.outcome import End, Fault, Outcome, Refusal, Refused, Vector
from impl.vc.vcpu import LOW_32, LOW_64
from impl.vc.without_reply import invd, monitor_mwait, wbinvd

Work = Callable[[Machine, Instruction], Outcome]
BY_EXIT_CODE: dict[int, Work] = {
    DR7_READ: read_dr7,
    DR7_WRITE: write_dr7,
    0x6E: rdtsc,
    0x6F: rdpmc,
    0x72: cpuid,
    0x76: invd,
    0x7B: port_io,
    MSR: msr,
    0x81: vmmcall,
    0x87: rdtscp,
    0x89: wbinvd,
    0x8A: monitor_mwait,
    0x8B: monitor_mwait,
    MMIO: mmio,
}
"""The exits that have an event of the GHCB protocol, and what carries them out."""


def handle(machine: Machine, exit_code: int, fetch: Fetch) -> Outcome:
    """One #VC. `fetch` reads bytes for execution at a linear address, and raises `Fault` where it cannot."""

    def work() -> Outcome:
        carry_out = supported(exit_code)
        vcpu = machine.vcpu
        base, mask = (0, LOW_64) if vcpu.bits == 64 else (vcpu.segment_bases["cs"], LOW_32)
        instruction = fetch_instruction(fetch, (base + vcpu.rip) & mask, vcpu.bits).instruction
        require_admitted(exit_code, instruction)
        return completed(machine, carry_out, instruction)

    return ended(work)


def handle_decoded(machine: Machine, instruction: Instruction, exit_code: int | None = None) -> Outcome:
    """The same for an instruction whose bytes were fetched already; by default, for the exit that it raises."""

    def work() -> Outcome:
        expected = exit_code_of(instruction) if exit_code is None else exit_code
        if expected is None:
            raise Refused(Refusal.NOT_INTERCEPTED)
        carry_out = supported(expected)
        if exit_code is not None:
            require_admitted(exit_code, instruction)
        return completed(machine, carry_out, instruction)

    return ended(work)


def supported(exit_code: int) -> Work:
    """What carries an exit out; refused before any byte is decoded if nothing does."""
    require_emulated(exit_code)
    work = BY_EXIT_CODE.get(exit_code)
    if work is None:
        raise Refused(Refusal.UNSUPPORTED_EXIT)
    return work


def completed(machine: Machine, carry_out: Work, instruction: Instruction) -> Outcome:
    """Carry the instruction out, and only if it is complete move RIP behind it."""
    outcome = carry_out(machine, instruction)
    if outcome.end is End.DONE:
        machine.vcpu.advance(instruction.length)
    return outcome


def ended(work: Callable[[], Outcome]) -> Outcome:
    """Whatever stops the work becomes a fault of the interrupted code or a refusal, and nothing else."""
    try:
        return work()
    except Undecodable as undecodable:
        return undecoded(undecodable)
    except ExceptionRequested as asked:
        return requested(asked.event_injection)
    except ExitFailed:
        return Outcome(End.REFUSED, refusal=Refusal.EXIT_FAILED)
    except Fault as fault:
        return Outcome(End.FAULT, fault=fault)
    except Refused as refused:
        return Outcome(End.REFUSED, refusal=refused.refusal)


def undecoded(undecodable: Undecodable) -> Outcome:
    """What the processor raises for bytes that are no instruction (APM Vol. 2, 8.2.7 and 8.2.14).

    That is #GP(0) for more than fifteen of them, else #UD.
    """
    if undecodable.reason is Reason.TRUNCATED:
        return Outcome(End.REFUSED, refusal=Refusal.TRUNCATED)
    too_long = undecodable.reason is Reason.TOO_LONG
    fault = Fault(Vector.GP if too_long else Vector.UD, error_code=0 if too_long else None, reason=undecodable.reason)
    return Outcome(End.FAULT, fault=fault)
