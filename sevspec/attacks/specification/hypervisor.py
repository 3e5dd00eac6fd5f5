"""The hypervisor and devices in the specification: memory, nested tables, caches, and the RMP."""

from sevspec.attacks.judge import Answer, End, Word
from sevspec.attacks.side import ABSENT
from sevspec.attacks.specification.guest_memory import answered, said_of, shown
from sevspec.attacks.specification.registers import Processors
from sevspec.attacks.specification.scene import RMP_PAGE, SPARE
from spec.memory.block import Block, tweak_of
from spec.memory.caching import Flush, hypervisor_flushes
from spec.memory.host import (
    BusWrite,
    HostRead,
    HostWrite,
    bus_writes,
    device_writes,
    host_reads,
    host_writes,
)
from spec.memory.lines import LineStep, host_drops_lines, processor_evicts, processor_writes_back
from spec.record import replace
from spec.registry import Outcome
from spec.rmp.cpu import HOST_CPU
from spec.rmp.entry import UNASSIGNED, RmpEntry
from spec.rmp.psmash import Psmash, psmash
from spec.vmpl.permissions import reset_masks
from spec.vocabulary import FULL_WITHOUT_SSS, PAGE_SHIFT, Event

NO_RMP = Answer(End.DONE, "nothing to do: there is no RMP")


class Hypervisor(Processors):
    """What the hypervisor does."""

    # --- memory ---

    def observe(self, page: int) -> Answer:
        """A block, kept in a note."""
        note = self.note()
        block: Block = self.take(host_reads, HostRead(page << PAGE_SHIFT, 0, note)).output
        if block.key == 0:
            return Answer(End.DONE, f"reads {shown(block.value)}", block.value, (note, block))
        return Answer(End.DONE, "reads ciphertext", None, (note, block))

    def overwrite(self, page: int, content: object) -> Answer:
        """Through the processor, which asks the RMP; past it on the bus, if that is assumed."""
        note, value = self._source(content)
        if not self.scene.rules.bus_closed:
            if note is None:
                note = self._noted(value)
            return answered(self.take(bus_writes, BusWrite(page, note)))
        return answered(self.take(host_writes, HostWrite(page << PAGE_SHIFT, 0, note is not None, note or 0, value)))

    def _source(self, content: object) -> tuple[int | None, Word]:
        if isinstance(content, tuple):
            note, _block = content
            return int(note), 0
        return None, int(str(content))

    def _noted(self, value: Word) -> int:
        """The hypervisor's own bytes, where it keeps what it read."""
        note = self.note()
        self.take(host_writes, HostWrite(SPARE << PAGE_SHIFT, 0, False, 0, value))
        self.take(host_reads, HostRead(SPARE << PAGE_SHIFT, 0, note))
        return note

    def flipped(self, kept: object) -> object:
        """Ciphertext with a bit changed is nobody's ciphertext any more: bytes of the hypervisor's own."""
        assert isinstance(kept, tuple), "only ciphertext is flipped"
        _note, block = kept
        return block.value ^ 1

    def alike(self, one: object, two: object) -> bool:
        """Equal blocks look equal; where comparing is not assumed, or hidden, all look alike."""
        if self.scene.rules.ciphertexts_unlike:
            return True
        first, second = (
            kept[1] if isinstance(kept, tuple) and not isinstance(kept, Block) else kept for kept in (one, two)
        )
        return bool(first == second)

    def difference(self, one: int, two: int) -> Word:
        """By the published tweak."""
        return 0 if self.scene.rules.tweak_secret else tweak_of(one) ^ tweak_of(two)

    def map(self, frame: int, page: int | None, *, flush: bool = True) -> Answer:
        """Nested tables are the hypervisor's: no step of the registry, only what later translations are."""
        self.at.pop(frame, None)
        self.large.discard(frame)
        if page is not None:
            self.at[frame] = page
        if flush:
            self.take(hypervisor_flushes, Flush(self.asid))
        return Answer(End.DONE, "nested tables changed, and flushed" if flush else "nested tables changed")

    def dma(self, page: int, value: Word) -> Answer:
        """A write that no core makes."""
        return answered(self.take(device_writes, HostWrite(page << PAGE_SHIFT, 0, False, 0, value)))

    # --- caches ---

    def write_back(self, page: int) -> Answer:
        """Memory is as new as the cache."""
        return answered(self.take(processor_writes_back, LineStep(page)))

    def drop(self, page: int) -> Answer:
        """INVD."""
        outcome = self.take(host_drops_lines, LineStep(page))
        if outcome.result is Event.COMPLETES:
            return Answer(End.DONE, said_of(outcome))
        return Answer(End.IGNORED, said_of(outcome))

    def evict(self, page: int) -> Answer:
        """The host's line, late."""
        return answered(self.take(processor_evicts, LineStep(page)))

    # --- the RMP ---

    def assign(self, page: int, frame: int | None, *, to_firmware: bool = False) -> Answer:
        """RMPUPDATE."""
        if not self.setting.column.has_rmp:
            return ABSENT if to_firmware else NO_RMP
        return answered(self.update(page, frame, immutable=to_firmware))

    def split(self, page: int) -> Answer:
        """PSMASH."""
        if not self.setting.column.has_rmp:
            return NO_RMP
        return answered(self.take(psmash, Psmash(HOST_CPU, page << PAGE_SHIFT, contended=False)))

    def close_rmp(self) -> None:
        """SNP_INIT makes the RMP's own pages the firmware's."""
        own = replace(UNASSIGNED, assigned=True, immutable=True, masks=reset_masks(self.scene.world.system.platform))
        self._enter_entry(RMP_PAGE, own)

    def open_rmp(self, *, before: bool) -> Answer:
        """While SNP_INIT builds the RMP its own entries are written by another core, or, before, by the host.

        SNP_INIT is one step of the specification, so that what R14 forbids is that its result is another.
        """
        if not self.setting.column.has_rmp:
            return ABSENT
        if self.setting.lacks("R14"):
            self._enter_entry(RMP_PAGE, UNASSIGNED)
            return Answer(End.DONE, "the RMP's own entry is the hypervisor's")
        if before:
            return Answer(End.DONE, "SNP_INIT writes the entry anew")
        return answered(self._store(RMP_PAGE))

    def write_entry(self, page: int, frame: int | None) -> Answer:
        """A store to the RMP's memory: the specification says whether it passes; the table is what it holds."""
        outcome = self._store(RMP_PAGE)
        if outcome.result is not Event.COMPLETES:
            return answered(outcome)
        entry = replace(UNASSIGNED, masks=reset_masks(self.scene.world.system.platform))
        if frame is not None:
            masks = entry.masks
            for level in (1, 2, 3):
                masks = masks.granting(level, int(FULL_WITHOUT_SSS))
            entry = replace(entry, assigned=True, asid=self.asid, gfn=frame, validated=True, masks=masks)
        self._enter_entry(page, entry)
        return Answer(End.DONE, f"the entry is rewritten: {said_of(outcome)}")

    def _store(self, page: int) -> Outcome:
        return self.take(host_writes, HostWrite(page << PAGE_SHIFT, 0, False, 0, 0))

    def _enter_entry(self, page: int, entry: RmpEntry) -> None:
        world = self.scene.world
        system = replace(world.system, rmp=world.system.rmp.set(page, entry))
        self.scene = replace(self.scene, world=replace(world, system=system))


def block_of(kept: object) -> Block:
    """The ciphertext of what was kept, with or without the note that it stands in."""
    block = kept if isinstance(kept, Block) else kept[1] if isinstance(kept, tuple) else None
    assert isinstance(block, Block), "only ciphertexts are compared"
    return block
