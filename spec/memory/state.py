"""The state of memory, caches and guest registers beside the world; and the ghost state of what a guest wrote."""

from typing import Annotated

from spec.firmware.state import KeyId
from spec.guest.world import World
from spec.logic import all_of, ite, none_of
from spec.maps import Map
from spec.memory.block import EMPTY, Block, BlockKey, SealedFrame, Word
from spec.memory.rules import KEPT, Rules
from spec.memory.tlb import NO_ENTRY, TlbEntry, TlbSlot, Vcpu
from spec.record import record, replace
from spec.vocabulary import Asid, Bits, Gfn, Pfn

Note = Annotated[int, Bits(16)]
"""A place where the hypervisor keeps what it has read."""
Vector = Annotated[int, Bits(8)]


@record
class Line:
    """A modified cache line from the time when a page was the host's."""

    present: bool
    block: Block


NO_LINE = Line(False, EMPTY)


@record
class Alias:
    """Two system pages that are one place in memory, where rule R21 is dropped (X-alias)."""

    page: Pfn
    of: Pfn


@record
class Memory:
    """Everything that the layer adds to the machine."""

    contents: Map[Pfn, Block]
    """What each page holds, caches included."""
    behind: Map[Pfn, Block]
    """What memory itself holds, where a processor's cache has something newer."""
    lines: Map[Pfn, Line]
    sealed: Map[SealedFrame, Word]
    """What was swapped out: the plaintext, which only firmware can bring back."""
    notes: Map[Note, Block]
    """What the hypervisor has read, to be written again."""
    tlb: Map[TlbSlot, TlbEntry]
    registers: Map[Vcpu, Word]
    """The registers of a virtual processor: one stands for all."""
    runs: Map[Vcpu, BlockKey]
    """The key under which its registers will be saved; 0 for a guest without encrypted state."""
    checks: Map[Vcpu, Block]
    """What the processor remembers of an SEV-ES guest's saved registers, where no one can write it."""
    events: Map[Vcpu, Vector]
    """The event that the hypervisor injected last."""
    legacy_keys: Map[Asid, BlockKey]
    """The keys of SEV and SEV-ES guests; 0 if the ASID has none."""
    next_legacy: KeyId
    alias: Alias


@record
class Written:
    """Ghost state: what the guest that is followed last wrote at each of its private addresses."""

    since_accepted: Map[Gfn, bool]
    """It wrote there since it accepted the page; a launch counts."""
    last: Map[Gfn, Word]
    public: Map[Gfn, bool]
    """What the guest keeps there it does not mind to show: it decides so itself, once."""
    clean: Map[Vcpu, bool]
    """A virtual processor's register holds a public value: as the guest believes, and as theorem T2 shows."""
    vmsa: Map[Gfn, bool]
    """The launch or VMPL0 made a VMSA there at some time: such an address is used for nothing else."""


@record
class Habits:
    """The guest's rules that concern contents, caches and translations; each can be switched off."""

    flushes_after_rescinding: bool = True
    """D7, S17: once a page is rescinded, flush its translations everywhere before anything else relies on it."""
    flushes_after_reducing: bool = True
    """D5, S17: the same once a permission was taken away."""
    zeroes_before_granting: bool = True
    """D6, S3: write a page before any VMPL but 0 is given it."""
    flushes_own_tables: bool = True
    """S17: flush after a change of the guest's own page tables."""
    evicts_on_accepting: bool = True
    """S18: evict the cache lines of a page's shared life when it is accepted."""


@record
class Scene:
    """The world, its memory, the ghost state of what was written, and which rules are kept."""

    world: World
    memory: Memory
    written: Written
    rules: Rules = KEPT
    habits: Habits = Habits()


def no_memory() -> Memory:
    """Memory after reset: plain zeros, nothing cached."""
    return Memory(
        contents=Map(EMPTY),
        behind=Map(EMPTY),
        lines=Map(NO_LINE),
        sealed=Map(0),
        notes=Map(EMPTY),
        tlb=Map(NO_ENTRY),
        registers=Map(0),
        runs=Map(0),
        checks=Map(EMPTY),
        events=Map(0),
        legacy_keys=Map(0),
        next_legacy=0,
        alias=Alias(0, 0),
    )


def nothing_written() -> Written:
    """Before the guest's life begins."""
    return Written(since_accepted=Map(False), last=Map(0), public=Map(False), clean=Map(False), vmsa=Map(False))


def cell(scene: Scene, page: Pfn) -> int:
    """The place in memory of a page."""
    aliased = all_of(none_of(scene.rules.decode_injective), page == scene.memory.alias.page)
    return ite(aliased, scene.memory.alias.of, page)


def content(scene: Scene, page: Pfn) -> Block:
    """What a page holds."""
    return scene.memory.contents[cell(scene, page)]


def storing(scene: Scene, page: Pfn, block: Block) -> Scene:
    """The scene after a page was written, into a cache or past it."""
    contents = scene.memory.contents.set(cell(scene, page), block)
    return replace(scene, memory=replace(scene.memory, contents=contents))
