"""What others than the guest can see of memory (theorem T2): everything, but for values under a key that they lack.

Two scenes look alike to the hypervisor and to every other guest if they differ only in what is hidden here. They have
the same entries, caches, keys and ciphertexts: which block stands where, under which key and for which place, is seen.

A less privileged VMPL of the guest has the guest's key. Between the guest's levels permissions decide, not keys:
RMP-T3-ACCESS and RMP-I37 say which pages it reaches, and RMP-I41 that what it finds there was meant for it.
"""

from spec.firmware.state import KeyId
from spec.guest.copies import context
from spec.logic import all_of, any_of, iff, implies, none_of
from spec.memory.block import Block, BlockKey, SealedFrame
from spec.memory.state import Note, Scene
from spec.memory.tlb import Vcpu
from spec.vocabulary import Gfn, Pfn

OEK_SHIFT = 73


def is_secret(scene: Scene, key: BlockKey) -> bool:
    """Nobody but the guest and the firmware can open what is under this key."""
    own = context(scene.world)
    return all_of(key != 0, any_of(key == own.vek, key == own.oek))


def blocks_look_alike(scene: Scene, one: Block, other: Block) -> bool:
    """Two blocks are the same but for a value under a secret key."""
    same = all_of(one.key == other.key, one.at == other.at)
    return all_of(same, any_of(is_secret(scene, one.key), one.value == other.value))


def contents_look_alike(one: Scene, other: Scene, page: Pfn) -> bool:
    """What stands in memory."""
    return blocks_look_alike(one, one.memory.contents[page], other.memory.contents[page])


def behind_looks_alike(one: Scene, other: Scene, page: Pfn) -> bool:
    """What stands behind a cache."""
    return blocks_look_alike(one, one.memory.behind[page], other.memory.behind[page])


def lines_look_alike(one: Scene, other: Scene, page: Pfn) -> bool:
    """What stands in an old cache line."""
    mine, theirs = one.memory.lines[page], other.memory.lines[page]
    return all_of(iff(mine.present, theirs.present), blocks_look_alike(one, mine.block, theirs.block))


def notes_look_alike(one: Scene, other: Scene, note: Note) -> bool:
    """What the hypervisor has read."""
    return blocks_look_alike(one, one.memory.notes[note], other.memory.notes[note])


def checks_look_alike(one: Scene, other: Scene, vcpu: Vcpu) -> bool:
    """What the processor remembers of saved registers: not seen, but compared."""
    return blocks_look_alike(one, one.memory.checks[vcpu], other.memory.checks[vcpu])


def sealed_pages_look_alike(one: Scene, other: Scene, frame: SealedFrame) -> bool:
    """What was swapped out by another guest, which gets it back."""
    key: KeyId = context(one.world).oek
    own = all_of(key != 0, frame >> OEK_SHIFT == key)
    return any_of(own, one.memory.sealed[frame] == other.memory.sealed[frame])


def registers_look_alike(one: Scene, other: Scene, vcpu: Vcpu) -> bool:
    """Registers of other guests, and of the guest's those that hold a public value."""
    own = all_of(is_secret(one, one.memory.runs[vcpu]), none_of(one.written.clean[vcpu]))
    return any_of(own, one.memory.registers[vcpu] == other.memory.registers[vcpu])


def public_addresses_look_alike(one: Scene, other: Scene, gfn: Gfn) -> bool:
    """What the guest wrote where it keeps public values."""
    written = one.written
    kept = all_of(written.public[gfn], written.since_accepted[gfn], none_of(written.vmsa[gfn]))
    return implies(kept, written.last[gfn] == other.written.last[gfn])


VIEWS = (
    contents_look_alike,
    behind_looks_alike,
    lines_look_alike,
    notes_look_alike,
    checks_look_alike,
    sealed_pages_look_alike,
    registers_look_alike,
    public_addresses_look_alike,
)
"""The relation of two scenes, part by part. All else is the same in both."""
