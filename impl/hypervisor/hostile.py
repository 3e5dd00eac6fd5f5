"""A hypervisor that attacks its guest: at any step of the guest's it does whatever a plan says, and serves the rest.

A step is an exit, or one access of the guest to shared memory or to the GHCB MSR: before each of them other processors
of the hypervisor can act. Everything that is not the guest's private state is theirs to change.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from impl.cpu.software import Host, Stopped
from impl.guest import layout
from impl.machine import HOST, Machine
from impl.memory.engine import PAGE_BYTES
from impl.memory.paging import FULL_ACCESS, map_nested, walk_nested
from impl.rmp import vmcb as control
from impl.rmp.rmpupdate import rmpupdate
from impl.rmp.state_operand import StateOperand
from impl.rmp.vmcb import load_vmcb, load_word, store_word
from spec.ghcb.vocabulary import answers
from spec.ghcb.vocabulary.page import GHCB_SIZE
from spec.vocabulary import PageSize

INTERRUPT = 0x60
EXCEPTION = answers.EventType.EXCEPTION << answers.EVENT_TYPE_SHIFT
FLUSH_ALL = b"\x01"
"""TLB_CONTROL."""


@dataclass
class Attack:
    """What is done at one step. Everything that is set is done."""

    writes: Mapping[int, bytes] = field(default_factory=dict)
    """Into the GHCB page, by offset."""
    msr: int | None = None
    """A new value of the GHCB MSR."""
    replay: int | None = None
    """The GHCB page becomes what it was at an earlier exit, by number."""
    inject: int | None = None
    """#VC with this error code when the guest next runs."""
    vector: int = answers.Vector.VC
    """Or another exception."""
    silent: bool = False
    """The exit is not served: the guest finds the page as it left it."""
    stall: bool = False
    """The guest never runs again."""
    take: int | None = None
    """The page at this GPA is taken from an SNP guest by RMPUPDATE, and given back: it is validated no more."""
    remap: tuple[int, int] | None = None
    """The nested tables lead from the first GPA to where the second is."""


class Hostile:
    """A host that stands before another, who serves what is left to him."""

    def __init__(
        self,
        machine: Machine,
        vmcb: int,
        served_by: Host,
        plan: Mapping[int, Attack],
        interrupts: Sequence[Attack] = (),
        patience: int = 1000,
    ) -> None:
        """`plan` is by step, from 0; each interrupt of the guest is one attack. After so many exits it gives up."""
        self._machine = machine
        self._vmcb = vmcb
        self._served_by = served_by
        self._plan = plan
        self._interrupts = list(interrupts)
        self._patience = patience
        self._step = 0
        self._pages: list[bytes] = []
        self.done: list[Attack] = []
        """What was done of the plan."""

    def meanwhile(self) -> None:
        """One access of the guest."""
        self._attack(self._next())

    def exited(self, vmcb: int, registers: list[int]) -> None:
        """One exit. What the plan says is done after it was served: replies are what is forged."""
        self._patience -= 1
        if self._patience < 0:
            raise Stopped("the hypervisor runs the guest no more")
        interrupted = load_word(self._machine.memory, vmcb, control.EXITCODE) == INTERRUPT
        attack = self._interrupts.pop(0) if interrupted and self._interrupts else self._next()
        if attack is None or not (attack.silent or attack.stall):
            self._served_by.exited(vmcb, registers)
        self._pages.append(self._machine.memory.read_raw(self._ghcb(), GHCB_SIZE))
        self._attack(attack)

    def _next(self) -> Attack | None:
        self._step += 1
        return self._plan.get(self._step - 1)

    def _attack(self, attack: Attack | None) -> None:
        if attack is None:
            return
        self.done.append(attack)
        if attack.stall:
            raise Stopped("the hypervisor stalls")
        if attack.replay is not None and self._pages:
            self._machine.memory.write_raw(self._ghcb(), self._pages[attack.replay % len(self._pages)])
        for offset, data in attack.writes.items():
            self._machine.memory.write_raw(self._ghcb() + offset, data[: GHCB_SIZE - offset])
        if attack.msr is not None:
            store_word(self._machine.memory, self._vmcb, control.GHCB_GPA, attack.msr)
        if attack.inject is not None:
            event = answers.EVENT_VALID | answers.EVENT_ERROR_CODE_VALID | EXCEPTION | attack.vector
            event |= attack.inject << answers.EVENT_ERROR_CODE_SHIFT
            store_word(self._machine.memory, self._vmcb, control.EVENTINJ, event)
        if attack.take is not None and self._machine.snp_enabled:
            self._take(attack.take)
        if attack.remap is not None:
            self._remap(*attack.remap)

    def _ghcb(self) -> int:
        return self._spa(layout.GHCB.gpa)

    def _spa(self, gpa: int) -> int:
        where = walk_nested(self._machine.memory, load_vmcb(self._machine.memory, self._vmcb).nested_cr3, gpa)
        return getattr(where, "spa", 0)

    def _take(self, gpa: int) -> None:
        """Unassigned, then assigned again: the RMP forgets that the guest validated the page."""
        vmcb, spa, operand = load_vmcb(self._machine.memory, self._vmcb), self._spa(gpa), self._vmcb + 4 * PAGE_BYTES
        for assigned in (False, True):
            state = StateOperand(
                gpa if assigned else 0, assigned, PageSize.SIZE_4K, False, vmcb.asid if assigned else 0
            )
            self._machine.memory.write_raw(operand, state.pack())
            rmpupdate(self._machine, HOST, spa, operand)

    def _remap(self, gpa: int, other: int) -> None:
        """The tables exist, so that no new one is needed."""
        memory, vmcb = self._machine.memory, load_vmcb(self._machine.memory, self._vmcb)
        map_nested(memory, vmcb.nested_cr3, gpa, self._spa(other), iter(()), flags=FULL_ACCESS)
        memory.write_raw(self._vmcb + control.TLB_CONTROL, FLUSH_ALL)
