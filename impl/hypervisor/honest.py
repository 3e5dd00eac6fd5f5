"""A hypervisor that does its work: it emulates what its guest asks for, and changes page states as it is asked.

Of an SEV guest it uses the registers; of an SEV-ES or SNP guest it has the GHCB page, the GHCB MSR, and what else is
shared. It remembers everything that it saw.
"""

from typing import NoReturn

from impl.cpu.software import Stopped
from impl.hypervisor import plain_guest
from impl.hypervisor.emulated import Emulated
from impl.hypervisor.ghcb_events import EVENTS
from impl.hypervisor.ghcb_reply import Reply, exception, refused
from impl.hypervisor.ghcb_snapshot import Refused, Snapshot
from impl.hypervisor.msr_messages import FEATURES, MsrMessages
from impl.hypervisor.page_states import GuestPages
from impl.hypervisor.seen import Seen, exit_name, message_name
from impl.machine import Machine
from impl.memory.agents import host_read
from impl.memory.paging import NestedFault, walk_nested
from impl.rmp import vmcb as control
from impl.rmp.vmcb import load_vmcb, load_word, store_word
from impl.vc.exits import ExceptionRequested
from spec.ghcb.vocabulary.answers import Malformed
from spec.ghcb.vocabulary.exits import GhcbEvent, SvmExit
from spec.ghcb.vocabulary.msr import (
    INFO_MASK,
    TERMINATE_REASON_SHIFT,
    TERMINATE_SET_SHIFT,
    MsrCode,
)
from spec.ghcb.vocabulary.page import GHCB_SIZE, SHARED_BUFFER_OFFSET, STANDARD_USAGE, GhcbField
from spec.ghcb.vocabulary.termination import EVENT_REASON_SHIFT, EVENT_SET_SHIFT

INTERRUPT, HLT = 0x60, 0x78
CONTROL = (GhcbField.SW_EXITCODE, GhcbField.SW_EXITINFO1, GhcbField.SW_EXITINFO2)


class HonestHypervisor:
    """The hypervisor of one virtual processor."""

    def __init__(self, machine: Machine, emulated: Emulated, pages: GuestPages | None) -> None:
        """`pages` is how pages of an SNP guest change hands."""
        self.machine = machine
        self.emulated = emulated
        self.messages = MsrMessages(emulated, pages)
        self.seen: list[Seen] = []
        self._pages = pages
        self._left = bytes(GHCB_SIZE)
        """The GHCB page as it was after the last answer."""

    def meanwhile(self) -> None:
        """It never touches a page while the guest runs."""

    def exited(self, vmcb: int, registers: list[int]) -> None:
        """Serve one exit."""
        memory = self.machine.memory
        words = [load_word(memory, vmcb, where) for where in (control.EXITCODE, control.EXITINFO1, control.EXITINFO2)]
        seen = Seen(words[0], words[1], words[2])
        self.seen.append(seen)
        if seen.exit_code == INTERRUPT:
            return
        if seen.exit_code == HLT:
            self._halted(vmcb)
        if seen.exit_code == SvmExit.VMGEXIT:
            self._vmgexit(vmcb, seen)
        elif load_vmcb(memory, vmcb).sev_es:
            raise Stopped(f"{seen.name}, EXITINFO1 {seen.info1:#x}, EXITINFO2 {seen.info2:#x}")
        elif seen.exit_code == SvmExit.NPF and not self.emulated.bus.has(seen.info2):
            raise Stopped(f"nested page fault at {seen.info2:#x}, where there is nothing")
        else:
            plain_guest.serve(self.machine, vmcb, registers, self.emulated, seen)

    def _halted(self, vmcb: int) -> NoReturn:
        """The program is over. Behind an automatic exit RIP is behind the instruction, else the hypervisor puts it."""
        memory = self.machine.memory
        if not load_vmcb(memory, vmcb).sev_es:
            plain_guest.advance(self.machine, vmcb)
        raise Stopped("HLT")

    def _vmgexit(self, vmcb: int, seen: Seen) -> None:
        value = load_word(self.machine.memory, vmcb, control.GHCB_GPA)
        code = value & INFO_MASK
        if code == MsrCode.PAGE:
            self._page(value, load_vmcb(self.machine.memory, vmcb).nested_cr3, seen)
            return
        seen.event, seen.exposed = f"MSR {message_name(code)}", {"GHCB_MSR": value}
        if code == MsrCode.TERMINATE:
            terminated(value >> TERMINATE_SET_SHIFT & 0xF, value >> TERMINATE_REASON_SHIFT & 0xFF)
        answer = self.messages.answer(value)
        store_word(self.machine.memory, vmcb, control.GHCB_GPA, answer)
        seen.returned = {"GHCB_MSR": answer}

    def _page(self, gpa: int, nested_cr3: int, seen: Seen) -> None:
        where = walk_nested(self.machine.memory, nested_cr3, gpa)
        if isinstance(where, NestedFault):
            raise Stopped(f"the GHCB page is to lie at {gpa:#x}, where there is no memory")
        request = Snapshot(host_read(self.machine, where.spa, GHCB_SIZE), gpa)
        reply = self._answered(request)
        self._remember(request, reply, seen)
        reply.store(self.machine, where.spa)
        self._left = host_read(self.machine, where.spa, GHCB_SIZE)

    def _answered(self, request: Snapshot) -> Reply:
        try:
            return self._event(request)
        except Refused as why:
            return refused(why.reason)
        except ExceptionRequested as fault:
            return exception(fault.event_injection)

    def _event(self, request: Snapshot) -> Reply:
        if self._pages is not None and self.messages.registered != request.gpa:
            raise Refused(Malformed.NOT_REGISTERED)
        if request.usage != STANDARD_USAGE:
            raise Refused(Malformed.INVALID_USAGE)
        code, info1, _ = (request.value(field) for field in CONTROL)
        if code == GhcbEvent.TERMINATION:
            terminated(info1 >> EVENT_SET_SHIFT & 0xF, info1 >> EVENT_REASON_SHIFT & 0xFF)
        if code == GhcbEvent.HV_FEATURES:
            return Reply(info2=FEATURES if self._pages else 0)
        if code == GhcbEvent.PAGE_STATE_CHANGE and self._pages is not None:
            return self._pages.change_all(request)
        if code not in EVENTS:
            raise Refused(Malformed.INVALID_EVENT)
        return EVENTS[code](self.emulated, request)

    def _remember(self, request: Snapshot, reply: Reply, seen: Seen) -> None:
        """What the page held, and what the answer is."""
        fields = request.valid_fields()
        seen.event = exit_name(fields.get(GhcbField.SW_EXITCODE, 0))
        seen.exposed = {field.name: value for field, value in fields.items()}
        used = len(request.page[SHARED_BUFFER_OFFSET:].rstrip(b"\0")) if GhcbField.SW_SCRATCH in fields else 0
        start = fields[GhcbField.SW_SCRATCH] - request.gpa if used else SHARED_BUFFER_OFFSET
        seen.data = request.page[start : SHARED_BUFFER_OFFSET + used]
        seen.stray = request.stray_bytes(self._left, [(start, len(seen.data))])
        seen.returned = {field.name: value for field, value in reply.fields().items()}
        seen.returned_data = reply.scratch[1] if reply.scratch else b""


def terminated(reason_set: int, reason: int) -> NoReturn:
    """The guest asks not to be run again."""
    raise Stopped(f"the guest asks for its termination: set {reason_set}, reason {reason}")
