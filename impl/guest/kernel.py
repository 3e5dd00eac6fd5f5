"""The guest's kernel, as far as SEV-ES needs one: the GHCB at boot, and #VC ever after.

One #VC at a time: the handler runs none of the instructions that raise it, so a second one inside it is forged or a
page taken away, and the guest ends.
"""

from impl.cpu.gate import ProcessorGate
from impl.cpu.processor import Processor
from impl.ghcb.call import GhcbCall
from impl.ghcb.cpuid_table import CpuidTable
from impl.ghcb.page_state_change import Change, make_shared
from impl.ghcb.setup import set_up
from impl.ghcb.termination import terminate
from impl.ghcb.transport import GhcbExits
from impl.guest import layout
from impl.guest.early import EarlyExits
from impl.guest.memory import KernelMemory
from impl.memory.engine import PAGE_BYTES
from impl.vc.access import Machine
from impl.vc.exits import CpuidReply, Exits
from impl.vc.handler import handle
from impl.vc.outcome import End, Outcome, Refused
from impl.vc.vcpu import Vcpu
from spec.vocabulary import AccessKind


class TableExits(GhcbExits):
    """An SNP guest's: CPUID comes from the table that firmware checked."""

    def __init__(self, call: GhcbCall, table: CpuidTable, vcpu: Vcpu) -> None:
        super().__init__(call)
        self._table = table
        self._vcpu = vcpu

    def cpuid(self, leaf: int, subleaf: int, _: int | None) -> CpuidReply:
        """The hypervisor is asked for what the table leaves to it."""
        return self._table.answer(leaf, subleaf, self._vcpu, super().cpuid)


class GuestKernel:
    """The software of one virtual processor of an SEV-ES or SNP guest; of an SEV guest it has nothing to do."""

    def __init__(self, processor: Processor, *, early: bool = False) -> None:
        """`early`: stay without a GHCB page."""
        self._processor = processor
        self._gate = ProcessorGate(processor)
        self._memory = KernelMemory(processor.entry, processor.memory)
        self._early = early
        self._exits: Exits = EarlyExits(self._gate)

    def boot(self) -> None:
        """Set the GHCB up; an SNP guest makes its shared areas shared."""
        entry = self._processor.entry
        if not entry.encrypted or self._early:
            return
        try:
            self._exits = self._with_page(snp=entry.cpu.snp_active)
        except Refused as refused:
            terminate(self._gate, refused.refusal.name)

    def _with_page(self, *, snp: bool) -> Exits:
        ghcb = layout.GHCB.gpa
        call = set_up(self._gate, ghcb, shared=ghcb, private=ghcb + layout.PRIVATE_WINDOW, snp=snp)
        if not snp:
            return GhcbExits(call)
        pages = range(layout.SHARED.gpa, layout.SHARED.end, PAGE_BYTES)
        make_shared(self._gate, call, [Change(gpa, gpa + layout.PRIVATE_WINDOW) for gpa in pages])
        for gpa in pages:
            self._gate.clear(gpa)
        table = CpuidTable(self._processor.memory.read(layout.CPUID.gpa, PAGE_BYTES))
        return TableExits(call, table, self._processor.vcpu)

    def on_vc(self, error_code: int) -> Outcome:
        """Handle the exception; what the handler refuses ends the guest."""
        machine = Machine(self._processor.vcpu, self._memory, self._exits)
        outcome = handle(machine, error_code, self._fetch)
        if outcome.end is End.REFUSED:
            assert outcome.refusal is not None, "a refusal has a name"
            terminate(self._gate, f"#VC {error_code:#x}: {outcome.refusal.name}")
        return outcome

    def _fetch(self, address: int, size: int) -> bytes:
        return self._processor.memory.read(address, size, AccessKind.FETCH)
