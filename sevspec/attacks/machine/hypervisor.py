"""The hypervisor and devices on the machine: memory, nested tables, caches, and the RMP."""

from dataclasses import dataclass, replace

from impl.machine import HOST
from impl.memory.agents import host_read, host_write
from impl.memory.encryption_mode import EncryptionMode, TweakForm
from impl.memory.linear_tweak import LinearTweak, public_constants
from impl.rmp.layout import RmpEntry
from impl.rmp.psmash import psmash
from sevspec.attacks.judge import Answer, End, Word
from sevspec.attacks.machine.guest_memory import faulted, shown
from sevspec.attacks.machine.places import CORE
from sevspec.attacks.machine.registers import Processors
from sevspec.attacks.setting import GHOST, WORD_BYTES
from sevspec.attacks.side import ABSENT
from spec.vocabulary import FULL_WITHOUT_SSS, PAGE_SHIFT, Agent, Eax, Event


@dataclass(frozen=True)
class Ciphertext:
    """A block that was read, and where."""

    raw: bytes
    page: int


NO_RMP = Answer(End.DONE, "nothing to do: there is no RMP")
FLIPPED_BIT = 1


class Hypervisor(Processors):
    """What the hypervisor does, from the launch on."""

    def begin(self) -> None:
        """Power-on, firmware, launch, the pages of the attack, and the guest runs."""
        self.opened: Answer | None = None
        self._arm()
        self.platform.initialise()
        self.launching.start()
        self.make_vmsas()
        self.launching.finish()
        pages, level = self.stage.attack.pages, self.setting.vmpl
        for name in (*pages.private, *pages.monitor):
            own = self.stage.page(name.upper()), self.stage.frame(name)
            self.owned(*own, level=0 if name in pages.monitor else level)
            self.guest.accepted.add(self.stage.frame(name))
        for name in pages.large:
            self.owned(self.stage.page(name.upper()), self.stage.frame(name), large=True, level=level)
        for name in pages.shared:
            self.lead(self.stage.frame(name), self.stage.page(name.upper()))
        for who in ("main", "other"):
            self.make_tables(who)
        if self.setting.lifts("X-alias") and self.stage.attack.ghost:
            ghost, real = (self.stage.page(name) << PAGE_SHIFT for name in (GHOST, self.stage.attack.ghost))
            self.machine.memory.alias(ghost, real)
        self.run_first()

    # --- memory ---

    def observe(self, page: int) -> Answer:
        """The block at the beginning."""
        raw = host_read(self.machine, page << PAGE_SHIFT, WORD_BYTES)
        value = int.from_bytes(raw, "little")
        return Answer(End.DONE, f"reads {shown(value)}", value, Ciphertext(raw, page))

    def overwrite(self, page: int, content: object) -> Answer:
        """Through the processor, which asks the RMP; past it on the bus, if that is assumed."""
        raw = self._bytes(content, page)
        if "X-phys" in self.setting.relax:
            self.machine.memory.write_raw(page << PAGE_SHIFT, raw)
            return Answer(End.DONE, "writes on the bus")
        done = host_write(self.machine, page << PAGE_SHIFT, raw)
        return Answer(End.DONE, "writes") if done.result == Event.COMPLETES else faulted(done)

    def flipped(self, kept: object) -> object:
        """The lowest bit."""
        assert isinstance(kept, Ciphertext), "only ciphertext is flipped"
        return replace(kept, raw=bytes([kept.raw[0] ^ FLIPPED_BIT]) + kept.raw[1:])

    def alike(self, one: object, two: object) -> bool:
        """Byte by byte."""
        return one == two

    def _bytes(self, content: object, page: int) -> bytes:
        """What is written. A moved block is adjusted where the known mask also stands behind the cipher (XEX)."""
        if not isinstance(content, Ciphertext):
            return int(str(content)).to_bytes(WORD_BYTES, "little")
        place = self.stage.page(self.stage.attack.ghost) if self._is_ghost(page) else page
        if self.machine.engine.mode.tweak is not TweakForm.XEX:
            return content.raw
        adjusted = int.from_bytes(content.raw, "little") ^ self.difference(content.page, place)
        return adjusted.to_bytes(WORD_BYTES, "little")

    def _is_ghost(self, page: int) -> bool:
        """The page is another name of one of the guest's."""
        return bool(self.stage.attack.ghost) and page == self.stage.page(GHOST)

    def difference(self, one: int, two: int) -> Word:
        """By the published constants of linear tweaks."""
        mode: EncryptionMode = self.machine.engine.mode
        if not mode.tweak.is_linear or mode.secret_constants:
            return 0
        tweak = LinearTweak(public_constants())
        first, second = (int.from_bytes(tweak.of(page << PAGE_SHIFT), "little") for page in (one, two))
        return first ^ second

    def map(self, frame: int, page: int | None, *, flush: bool = True) -> Answer:
        """One entry of the nested tables."""
        if page is None:
            self.unmap(frame)
        else:
            self.lead(frame, page)
        if flush:
            self.machine.tlb.flush(CORE)
        return Answer(End.DONE, "nested tables changed, and flushed" if flush else "nested tables changed")

    def dma(self, page: int, value: Word) -> Answer:
        """A write that no core makes."""
        raw = value.to_bytes(WORD_BYTES, "little")
        done = host_write(self.machine, page << PAGE_SHIFT, raw, agent=Agent.DEVICE)
        return Answer(End.DONE, "writes") if done.result == Event.COMPLETES else faulted(done)

    # --- caches ---

    def write_back(self, page: int) -> Answer:
        """Memory is as new as the cache."""
        assert self.machine.lines is not None, "lines are kept"
        self.machine.lines.write_back(page << PAGE_SHIFT)
        return Answer(End.DONE, "written back")

    def drop(self, page: int) -> Answer:
        """INVD."""
        assert self.machine.lines is not None, "lines are kept"
        lost = self.machine.lines.drop(self.machine.memory, page << PAGE_SHIFT, coherent=self._coherent("X-drop"))
        return Answer(End.DONE, "a modified line is lost") if lost else Answer(End.IGNORED, "no line is lost")

    def evict(self, page: int) -> Answer:
        """The host's line, late."""
        assert self.machine.lines is not None, "lines are kept"
        coherent = self._coherent("X-stale")
        overwrote = self.machine.lines.leave(self.machine.memory, page << PAGE_SHIFT, coherent=coherent)
        return Answer(End.DONE, "the old line overwrites memory" if overwrote else "there is no such line any more")

    def _coherent(self, relaxation: str) -> bool:
        """R20 is kept, or what was lifted is not this."""
        return self.machine.configuration.protections.caches_coherent or not self.setting.lifts(relaxation)

    # --- the RMP ---

    def assign(self, page: int, frame: int | None, *, to_firmware: bool = False) -> Answer:
        """RMPUPDATE."""
        if not self.setting.column.has_rmp:
            return ABSENT if to_firmware else NO_RMP
        asid = 0 if frame is None else self.asid
        refused = self.platform.update(page, asid, frame or 0, immutable=to_firmware)
        return Answer(End.REJECT, refused) if refused else Answer(End.DONE, "SUCCESS (updated)")

    def split(self, page: int) -> Answer:
        """PSMASH."""
        if not self.setting.column.has_rmp:
            return NO_RMP
        done = psmash(self.machine, HOST, page << PAGE_SHIFT)
        said = f"{Eax(done.result).name if isinstance(done.result, Eax) else done.result} ({done.check})"
        return Answer(End.DONE if done.result == Eax.SUCCESS else End.REJECT, said)

    def open_rmp(self, *, before: bool) -> Answer:
        """What the attempt came to, which `begin` made at the right moment."""
        assert self.opened is None or before == ("rmp_prefill" in self._actions()), "the trace has one of the two"
        return ABSENT if self.opened is None else self.opened

    def _actions(self) -> set[str]:
        return {step.action for step in self.stage.attack.trace}

    def write_entry(self, page: int, frame: int | None) -> Answer:
        """Sixteen bytes in the RMP."""
        entry = RmpEntry()
        if frame is not None:
            full = int(FULL_WITHOUT_SSS)
            entry = RmpEntry(assigned=True, gfn=frame, asid=self.asid, validated=True, perms=(full, full, full, full))
        done = host_write(self.machine, self._entry_at(page), entry.pack())
        return Answer(End.DONE, "the entry is rewritten") if done.result == Event.COMPLETES else faulted(done)

    def _entry_at(self, page: int) -> int:
        address = self.machine.rmp.entry_address(page)
        assert address is not None, "the RMP covers the pages of a trace"
        return address

    def _arm(self) -> None:
        """Where the trace attacks SNP_INIT: every page of the RMP that the trace needs becomes the hypervisor's."""
        actions = self._actions()
        if not self.setting.column.has_rmp or not actions & {"rmp_open", "rmp_prefill"}:
            return
        tables = {self._entry_at(page) >> PAGE_SHIFT for page in self.stage.pages}
        guards = [self._entry_at(table) for table in sorted(tables)]

        def write() -> None:
            for guard in guards:
                done = host_write(self.machine, guard, RmpEntry().pack())
                ended = done.result == Event.COMPLETES
                self.opened = Answer(End.DONE, "the RMP's own entry is written") if ended else faulted(done)

        if "rmp_open" in actions:
            self.platform.while_building(write)
            return
        write()
        if "X-route" in self.setting.relax:
            self.machine.diverted = frozenset(guard >> PAGE_SHIFT for guard in guards)
