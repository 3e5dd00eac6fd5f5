"""The running guest on the machine: its own tables, its accesses, its page states."""

from dataclasses import replace
from itertools import count

from impl.completion import Completion
from impl.guest.discipline import Guest, Rules, Verdict
from impl.machine import Cpu
from impl.memory.cached_access import load, store
from impl.memory.engine import PAGE_BYTES
from impl.memory.guest_tables import map_guest
from impl.memory.paging import Pte, map_nested
from impl.rmp.pvalidate import pvalidate_at
from impl.rmp.rmpadjust import rmpadjust_at
from sevspec.attacks.judge import Answer, End, Word
from sevspec.attacks.machine.launching import Launching
from sevspec.attacks.machine.places import CONTEXTS, CORE, NESTED, TABLE_FRAMES, TABLE_PAGES, TABLES, from_page
from sevspec.attacks.machine.platform import Platform, SetUpFailed
from sevspec.attacks.player import NOT_MAPPED, NPF, VC
from sevspec.attacks.setting import WORD_BYTES, Setting, Stage
from sevspec.attacks.side import MAIN, MONITOR, OTHER, STRANGER, Side
from spec.vocabulary import (
    FULL_WITHOUT_SSS,
    PAGE_SHIFT,
    PAGES_PER_2M,
    AccessKind,
    Eax,
    Event,
    MappingSize,
    NpfInfo,
    PageSize,
)

ES_ASID = 1


class GuestMemory(Side):
    """Memory as the guest uses it."""

    def __init__(self, setting: Setting, stage: Stage) -> None:
        """Powered on; nothing is launched."""
        super().__init__(setting, stage)
        self.platform = Platform(setting)
        self.machine = self.platform.machine
        sev = self.machine.configuration.minimum_sev_asid
        self.asid = ES_ASID if setting.encrypts_registers else sev
        self.launching = Launching(self.platform, CONTEXTS["guest"], self.asid)
        self.nested_pages = from_page(NESTED + PAGE_BYTES)
        self.table_frames = {who: count((first + 1) << PAGE_SHIFT, PAGE_BYTES) for who, first in TABLE_FRAMES.items()}
        self.at: dict[int, int] = {}
        """Where the nested tables lead: guest frame to page."""
        self.shared = {stage.frame(name) for name in stage.attack.pages.shared}
        self.has_stranger = False
        keeps = setting.keeps
        rules = Rules(keeps("S1"), keeps("S2"), keeps("S3"), keeps("S17"), keeps("S18"), keeps("S22"))
        level = setting.vmpl or None
        self.guest = Guest(rules, replace(self.cpu(MAIN), vmpl=0), level)

    def cpu(self, who: str) -> Cpu:
        """The state of a virtual processor."""
        tables = MAIN if who == MONITOR else who
        return Cpu(
            asid=self.asid,
            vmpl=0 if who in (MONITOR, STRANGER) else self.setting.vmpl,
            snp_active=self.setting.column.has_rmp,
            nested_cr3=NESTED,
            cr3=TABLE_FRAMES[tables] << PAGE_SHIFT,
        )

    # --- pages of the guest before the trace begins ---

    def owned(self, page: int, frame: int, *, large: bool = False, level: int | None = None) -> None:
        """A page of the guest's, validated at VMPL0 and granted to a level."""
        size = PageSize.SIZE_2M if large else PageSize.SIZE_4K
        self.lead(frame, page, large=large)
        if not self.setting.column.has_rmp:
            return
        self.platform.updated(page, self.asid, frame, large=large)
        gpa, spa, cpu = frame << PAGE_SHIFT, page << PAGE_SHIFT, replace(self.cpu(MAIN), vmpl=0)
        mapping = MappingSize.MAP_2M if large else MappingSize.MAP_4K
        done = [pvalidate_at(self.machine, cpu, gpa, gpa, spa, mapping, True, size, True)]
        if level:
            mask = int(FULL_WITHOUT_SSS)
            done.append(rmpadjust_at(self.machine, cpu, gpa, gpa, spa, mapping, True, size, level, mask, False))
        if any(one.result != Eax.SUCCESS for one in done):
            raise SetUpFailed(f"page {page:#x} cannot be the guest's: {done[-1].check}")

    def lead(self, frame: int, page: int, *, large: bool = False) -> None:
        """The nested tables."""
        size = MappingSize.MAP_2M if large else MappingSize.MAP_4K
        map_nested(self.machine.memory, NESTED, frame << PAGE_SHIFT, page << PAGE_SHIFT, self.nested_pages, size)
        for offset in range(PAGES_PER_2M if large else 1):
            self.at[frame + offset] = page + offset

    def unmap(self, frame: int) -> None:
        """The nested tables lead nowhere."""
        address = frame << PAGE_SHIFT
        map_nested(self.machine.memory, NESTED, address, 0, self.nested_pages, flags=Pte(0))
        self.at.pop(frame, None)

    def make_tables(self, who: str) -> None:
        """Private pages of zeros for a guest's own tables; every page of the trace is mapped at its own address."""
        level = self.setting.vmpl if who != STRANGER else None
        for index in range(TABLES):
            page = TABLE_PAGES[who] + index
            self.owned(page, TABLE_FRAMES[who] + index, level=level)
            self.machine.memory.write(page << PAGE_SHIFT, bytes(PAGE_BYTES), self.asid)
        pages = self.stage.attack.pages
        for name in (*pages.private, *pages.shared, *pages.free, *pages.monitor):
            frame = self.stage.frame(name)
            self.map_at(who, frame, frame, private=frame not in self.shared)
        for name in pages.large:
            self.map_at(who, self.stage.frame(name), self.stage.frame(name), private=True, large=True)

    def map_at(self, who: str, virtual: int, frame: int, *, private: bool, large: bool = False) -> None:
        """One entry of the guest's own tables."""
        size = MappingSize.MAP_2M if large else MappingSize.MAP_4K
        gva, gpa = virtual << PAGE_SHIFT, frame << PAGE_SHIFT
        map_guest(self.machine, self.cpu(who), gva, gpa, self.table_frames[who], size, c_bit=private)

    # --- what the guest does ---

    def load(self, who: str, frame: int, *, shared: bool, fetch: bool = False, virtual: int | None = None) -> Answer:  # noqa: ARG002 - the tables say what is shared
        """Read or execute."""
        if who == STRANGER and not self.has_stranger:
            return Answer(End.REJECT, "no other guest has the ASID")
        if virtual is not None:
            self.map_at(who, virtual, frame, private=True)
            if self.switches_process(who, virtual, frame):
                self.machine.tlb.flush_address(CORE, self.asid, virtual << PAGE_SHIFT)
        gva = (frame if virtual is None else virtual) << PAGE_SHIFT
        kind = AccessKind.FETCH if fetch else AccessKind.READ
        got = load(self.machine, CORE, self.cpu(who), gva, WORD_BYTES, kind)
        if isinstance(got, Completion):
            return faulted(got)
        value = int.from_bytes(got, "little")
        return Answer(End.DONE, f"gets {shown(value)}", value)

    def store(self, who: str, frame: int, value: Word, *, shared: bool) -> Answer:  # noqa: ARG002 - the tables say it
        """Write."""
        done = store(self.machine, CORE, self.cpu(who), frame << PAGE_SHIFT, value.to_bytes(WORD_BYTES, "little"))
        return Answer(End.DONE, f"writes {shown(value)}") if done.result == Event.COMPLETES else faulted(done)

    def accept(self, frame: int) -> Answer:
        """PVALIDATE, by the guest's rules."""
        if not self.setting.column.has_rmp:
            return Answer(End.DONE, "nothing to validate: there is no RMP")
        verdict, said, done = self.guest.accept(self.machine, frame, self.at.get(frame, 0) << PAGE_SHIFT)
        answer = self._judged(verdict, said, done)
        zeroed = self.setting.vmpl and self.guest.rules.zeroes
        return replace(answer, value=0) if zeroed and answer.end is End.DONE else answer

    def handle_unvalidated(self, frame: int) -> Answer:
        """By the guest's rule."""
        return self._judged(*self.guest.handle_unvalidated(self.machine, frame, self.at[frame] << PAGE_SHIFT))

    def rescind(self, frame: int) -> Answer:
        """PVALIDATE, by the guest's rules."""
        if not self.setting.column.has_rmp:
            return Answer(End.DONE, "nothing to rescind: there is no RMP")
        return self._judged(*self.guest.rescind(self.machine, frame))

    def change_to_private(self, frame: int) -> Answer:
        """The C-bit, and a flush if the guest makes one."""
        self.shared.discard(frame)
        for who in (MAIN, OTHER):
            self.map_at(who, frame, frame, private=True)
        if not self.guest.rules.flushes:
            return Answer(End.DONE, "the C-bit is set; nothing is flushed")
        self.guest.flush(self.machine)
        return Answer(End.DONE, "the C-bit is set, and translations are flushed")

    def _judged(self, verdict: Verdict, said: str, done: Completion | None) -> Answer:
        if verdict is Verdict.ENDS:
            return Answer(End.DETECT, f"the guest ends: {said}")
        if verdict is Verdict.FAULT and done is not None:
            return faulted(done)
        return Answer(End.DONE, said)


def faulted(done: Completion) -> Answer:
    """A fault of an access."""
    said = f"{getattr(done.result, 'value', done.result)} ({done.check})"
    if done.result == Event.NPF and not done.error & NpfInfo.RMP:
        return Answer(End.FAULT, said, event=NOT_MAPPED)
    names = {Event.NPF: NPF, Event.VC: VC, Event.PF: "#PF", Event.IOMMU_FAULT: "IOMMU", Event.GP: "#GP"}
    if done.result in names:
        return Answer(End.FAULT, said, event=names[Event(done.result)])
    return Answer(End.REJECT, said)


def shown(value: Word) -> str:
    """A value, short."""
    return f"{value & 0xFFFF_FFFF:08x}…"
