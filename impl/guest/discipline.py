"""The part of a guest's software that keeps its page states: what it has accepted, and the rules that it keeps.

Each rule can be left out to see what it is for (`sevspec explain S1`). It runs at VMPL0; where it is a monitor, it
grants what it accepts to the level of the guest's system.
"""

from dataclasses import dataclass, field
from enum import Enum, unique

from impl.completion import Completion
from impl.machine import Cpu, Machine
from impl.memory.cached_access import store
from impl.memory.engine import PAGE_BYTES
from impl.rmp.pvalidate import pvalidate
from impl.rmp.rmpadjust import rmpadjust
from spec.vocabulary import FULL_WITHOUT_SSS, PAGE_SHIFT, Eax, Event

_MASK_SHIFT = 8


@dataclass(frozen=True)
class Rules:
    """What a careful guest does; all of it by default."""

    tracks: bool = True
    """S1: nothing accepted is validated again."""
    checks_carry: bool = True
    """S2: PVALIDATE that changed nothing is fatal."""
    zeroes: bool = True
    """S3: a page is zeroed before a less privileged level gets it."""
    flushes: bool = True
    """S17: what a change of its own makes stale is flushed."""
    evicts: bool = True
    """S18: lines of a page's shared life are evicted."""
    ends_with_lost_page: bool = True
    """S22: an accepted page that raises #VC 404h was taken away."""


@unique
class Verdict(Enum):
    """How a step of the guest's ended."""

    DONE = "done"
    FAULT = "fault"
    ENDS = "the guest ends"


@dataclass
class Guest:
    """One guest's memory of its pages."""

    rules: Rules
    cpu: Cpu
    """Its VMPL0."""
    grants_to: int | None = None
    """The level that gets what is accepted, where there is one."""
    accepted: set[int] = field(default_factory=set)
    """Guest frames."""

    def accept(self, machine: Machine, frame: int, spa: int) -> tuple[Verdict, str, Completion | None]:
        """Validate a page that the guest's tables map at its own address; `spa` is where its lines are evicted."""
        if self.rules.tracks and frame in self.accepted:
            return Verdict.ENDS, "accepted already", None
        return self._validated(machine, frame, spa)

    def handle_unvalidated(self, machine: Machine, frame: int, spa: int) -> tuple[Verdict, str, Completion | None]:
        """The handler of #VC 404h, before it looks at anything else; without S22 it validates on demand."""
        if self.rules.ends_with_lost_page and frame in self.accepted:
            return Verdict.ENDS, "an accepted page was taken away", None
        return self._validated(machine, frame, spa)

    def _validated(self, machine: Machine, frame: int, spa: int) -> tuple[Verdict, str, Completion | None]:
        done = pvalidate(machine, self.cpu, frame << PAGE_SHIFT, 0, 1)
        if done.result != Eax.SUCCESS:
            return Verdict.FAULT, done.check, done
        if self.rules.checks_carry and done.flags is not None and done.flags.cf:
            return Verdict.ENDS, "carry flag: it was validated already", done
        if self.rules.evicts and machine.lines is not None:
            machine.lines.evict(spa)
        self.accepted.add(frame)
        return self._granted(machine, frame, done)

    def rescind(self, machine: Machine, frame: int) -> tuple[Verdict, str, Completion | None]:
        """Take the acceptance back."""
        done = pvalidate(machine, self.cpu, frame << PAGE_SHIFT, 0, 0)
        if done.result != Eax.SUCCESS:
            return Verdict.FAULT, done.check, done
        if self.rules.checks_carry and done.flags is not None and done.flags.cf:
            return Verdict.ENDS, "carry flag: it was not validated", done
        self.accepted.discard(frame)
        if self.rules.flushes:
            self.flush(machine)
        return Verdict.DONE, "rescinded", done

    def flush(self, machine: Machine) -> None:
        """INVLPGB: on every core."""
        for core in machine.tlb.entries:
            machine.tlb.flush(core, self.cpu.asid)

    def _granted(self, machine: Machine, frame: int, done: Completion) -> tuple[Verdict, str, Completion | None]:
        if self.grants_to is None:
            return Verdict.DONE, "accepted", done
        gva = frame << PAGE_SHIFT
        if self.rules.zeroes:
            zeroed = store(machine, 0, self.cpu, gva, bytes(PAGE_BYTES))
            if zeroed.result != Event.COMPLETES:
                return Verdict.FAULT, zeroed.check, zeroed
        granted = rmpadjust(machine, self.cpu, gva, 0, self.grants_to | int(FULL_WITHOUT_SSS) << _MASK_SHIFT)
        if granted.result != Eax.SUCCESS:
            return Verdict.FAULT, granted.check, granted
        return Verdict.DONE, "zeroed and granted" if self.rules.zeroes else "granted", done
