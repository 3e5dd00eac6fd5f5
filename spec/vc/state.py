"""One virtual processor of an SEV-ES guest with its #VC handler, its GHCB page, and the hypervisor on the other side.

Every access of the handler to the shared page is a step of its own, and the hypervisor writes any part of the page
between any two of them. What the handler has read, and all else here, is private to the guest.

Calls of the handler nest: level 0 is the code that is interrupted, level 1 handles its #VC, level 2 one that comes
while level 1 is at work (inside an NMI handler). Each level has the registers that it interrupted.
"""

from enum import IntEnum, unique
from typing import Annotated

from spec.features import Platform
from spec.ghcb.events import Request
from spec.ghcb.msr_state import Version
from spec.ghcb.vocabulary.exits import ExitCode
from spec.ghcb.vocabulary.page import GhcbFrame, ValidBitmap
from spec.maps import Map
from spec.record import record
from spec.vc.instruction import Instruction, Qword, Word
from spec.vocabulary import Address, Bits, Cpl, Gfn

Level = Annotated[int, Bits(2, "level")]
DEEPEST: Level = 2
"""One backup page, so two calls."""
LinearPage = Annotated[int, Bits(52)]
Port = Annotated[int, Bits(17)]
"""A port, and those behind the last one that a wide access would reach."""
Leaf = Annotated[int, Bits(32)]


@unique
class Stage(IntEnum):
    """How far a call of the handler has come; the order is that of the steps."""

    RAISED = 0
    """The processor has pushed the frame; the handler has not begun."""
    ENTERED = 1
    """On a safe stack, and the exit code is one that is handled."""
    FETCHED = 2
    """The instruction was fetched and decoded."""
    ADMITTED = 3
    """The exit code admits it, and the interrupted code may execute it."""
    CHECKED = 4
    """The handler carries it out, and its operands are what they have to be."""
    ASKING = 5
    """The request is known."""
    SAVING = 6
    """The page is being copied for the call that was interrupted."""
    FILLING = 7
    FILLED = 8
    LEFT = 9
    """VMGEXIT was executed; the reply is being read."""
    READ = 10
    BELIEVED = 11
    """The reply is one that the instruction can have."""
    RESTORING = 12
    """Done; the page is being put back for the call that was interrupted."""


@record
class HandlerRules:
    """The rules of a careful handler (S5 to S9, S15, S22 of the attack catalogue); each can be switched off."""

    checks_opcode: bool = True
    """S5: the instruction at RIP is one that the exit code admits."""
    distrusts_users: bool = True
    """S6: no MMIO for code at CPL 3; its port accesses are checked again, as are the addresses of its strings."""
    shared_mmio_only: bool = True
    """S7: MMIO only where the guest's own page tables map the page shared."""
    safe_stack: bool = True
    """S8: #VC comes in on a stack of its own (IST), which the handler leaves at once."""
    shifts_stack: bool = True
    """S8: an NMI that comes before the handler has left its stack moves the stack's beginning, and puts it back."""
    reads_once: bool = True
    """S9: each part of the reply is read once, into private memory."""
    honours_bitmap: bool = True
    """S9: nothing of the reply is used that is not marked valid."""
    exports_minimum: bool = True
    """S9: whatever is no input of the request is 0 in the page."""
    keeps_backup: bool = True
    """S9: a nested call copies the page, and puts it back."""
    fetches_once: bool = True
    """Every part of an instruction comes from one fetch."""
    limits_exceptions: bool = True
    """Only #GP and #UD are accepted from the hypervisor."""
    limits_registers: bool = True
    """S15: nothing that the guest can know by itself comes from the hypervisor: the secure TSC, DR7, CPUID with SNP."""
    stops_on_unvalidated: bool = True
    """S22: exit code 404h terminates before anything is looked at."""


CAREFUL_HANDLER = HandlerRules()


@record
class Context:
    """The code that a call has interrupted, beside its registers."""

    code: Instruction
    """What stands at its RIP. At CPL 3 another thread may change it at any moment."""
    cpl: Cpl
    iopl: Cpl
    users_stack: bool
    """RSP is what code at CPL 3 chose: at CPL 3, and behind SYSCALL before the kernel has switched stacks."""
    cr4_tsd: bool
    cr4_pce: bool
    cr4_osxsave: bool
    cr4_pke: bool


@record
class Call:
    """One call of the handler; private."""

    stage: Annotated[int, Bits(4)]
    """See `Stage`."""
    exit_code: ExitCode
    """The error code of #VC: the hypervisor's word."""
    instruction: Instruction
    """The fetched copy."""
    request: Request
    inputs: ValidBitmap
    """What the request marks valid."""
    data: Word
    """What goes into the scratch area."""
    cursor: Qword
    """The next place to be saved, stored, read or restored."""
    saved: bool
    """The page was copied for the call below."""


@record
class Place:
    """A register of one level."""

    level: Level
    qword: Qword


@record
class Mapping:
    """What the guest's own page tables say of a page."""

    present: bool
    shared: bool
    """The C-bit is clear."""
    user: bool
    """Code at CPL 3 may use it."""
    frame: Gfn


@record
class CpuidIndex:
    """EAX and ECX of CPUID."""

    leaf: Leaf
    subleaf: Leaf


@record
class CpuidEntry:
    """An entry of the CPUID page, which firmware has filtered (rule S13)."""

    present: bool
    in_range: bool
    """The leaf is not above the highest one of its range."""
    eax: Leaf
    ebx: Leaf
    ecx: Leaf
    edx: Leaf


@record
class VcGhost:
    """What no one can read: what the guest has stored, and what has happened to its frames."""

    stored: Map[Place, Word]
    """What the call of a level stored last at each place of the page, whatever the hypervisor has written since."""
    sent_by: Level
    """The call whose request or reply the page holds."""
    frame_on_users_stack: bool
    """The processor pushed a frame to where code at CPL 3 said."""
    frame_lost: bool
    """A frame was pushed over one that is still needed."""


@record
class VcExchange:
    """The processor, the handler, the page."""

    platform: Platform
    sev_features: Annotated[int, Bits(64)]
    """SEV_FEATURES of the VMSA, see `SevFeatures`."""
    rules: HandlerRules
    version: Version
    """The negotiated one."""
    frame: GhcbFrame
    """Of the GHCB page, which is shared and registered (GHCB-I18)."""
    page: Map[Qword, Word]
    """Its contents: anyone's."""
    depth: Level
    """Calls under way; 0 while no #VC is handled."""
    calls: Map[Level, Call]
    contexts: Map[Level, Context]
    registers: Map[Place, Word]
    answers: Map[Place, Word]
    """What the call of each level has read of the reply."""
    backup: Map[Qword, Word]
    """The private copy of the page."""
    mappings: Map[LinearPage, Mapping]
    ports: Map[Port, bool]
    """The I/O permission bitmap: the port is allowed to code at CPL above IOPL."""
    memory: Map[Address, Word]
    """The guest's ordinary memory at linear addresses: what a string's other side is."""
    cpuid_page: Map[CpuidIndex, CpuidEntry]
    stopped: bool
    """The guest has terminated."""
    ghost: VcGhost


def call_of(exchange: VcExchange) -> Call:
    """The call under way."""
    return exchange.calls[exchange.depth]


def context_of(exchange: VcExchange) -> Context:
    """The code that it has interrupted."""
    return exchange.contexts[exchange.depth]


def register(exchange: VcExchange, qword: Qword) -> Word:
    """A register of that code."""
    return exchange.registers[Place(exchange.depth, qword)]
