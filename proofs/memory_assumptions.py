"""What is assumed of every step in a scene with memory; each is named where a theorem is printed."""

from collections.abc import Iterator
from typing import Any

from proofs.suites import GUEST
from spec.firmware.page_swap_out import PageSwapOut
from spec.logic import all_of, implies
from spec.memory.guest import GuestAccess
from spec.memory.state import Scene
from spec.memory.tlb import covers, frame_reached
from spec.memory.told import is_own_asid
from spec.record import fields_of, is_record, width_of
from spec.rmp.authority import offset_of
from spec.rmp.coverage import SPA_BITS
from spec.vocabulary import Address, PageSize

ADDRESS_BITS = width_of(Address)
PHYSICAL = ("spa", "vmcb", "vmsa", "avic_backing")
"""Operands that are system-physical addresses, by their names."""


def assumptions_of_the_world(scene: Scene, op: Any) -> bool:
    """Those of a guest without memory."""
    return all_of(*(assumption(scene.world, op) for assumption in GUEST.assumptions))


def own_translations_are_current(scene: Scene, op: Any) -> bool:
    """What a processor of a guest that flushes has cached is what the guest's own page tables say (S17-TABLES)."""
    if not isinstance(op, GuestAccess):
        return True
    entry, gva = scene.memory.tlb[op.slot], op.access.translation.gva
    own = all_of(entry.present, entry.vcpu == op.vcpu, is_own_asid(scene, entry.asid), covers(entry, gva))
    flushed = all_of(scene.habits.flushes_own_tables, op.cached, own)
    return implies(flushed, frame_reached(entry, gva) == op.access.translation.gfn)


def physical_addresses(op: Any) -> Iterator[Any]:
    """The system-physical addresses among operands."""
    for field, value in zip(fields_of(type(op)), op, strict=True):
        if field.name in PHYSICAL and field.width == ADDRESS_BITS:
            yield value
        elif is_record(type(value)):
            yield from physical_addresses(value)


def addresses_exist(scene: Scene, op: Any) -> bool:  # noqa: ARG001 - every assumption has a state
    """System-physical addresses have 52 bits: page tables hold no others, and a register that does is refused."""
    return all_of(*(address >> SPA_BITS == 0 for address in physical_addresses(op)))


def sealed_pages_are_aligned(scene: Scene, op: Any) -> bool:
    """Firmware seals a 2 MiB page to an aligned destination. One without an RMP entry has no size that says so."""
    if not isinstance(op, PageSwapOut):
        return True
    large = scene.world.system.rmp[op.source.page].page_size == PageSize.SIZE_2M
    return implies(large, offset_of(op.destination.page) == 0)


ASSUMPTIONS = (
    assumptions_of_the_world,
    own_translations_are_current,
    addresses_exist,
    sealed_pages_are_aligned,
)
