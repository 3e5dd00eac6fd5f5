"""What `sevspec prove` proves, as suites: a kind of state, its steps, its invariants, and what is assumed."""

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

from proofs.induction import is_state_invariant
from proofs.kept import are_held
from proofs.lifting import lifted
from proofs.needed_knobs import needed_knobs_have_defaults
from proofs.suite import Suite
from spec.everything import (
    GUEST_INVARIANTS,
    GUEST_TRANSITIONS,
    INVARIANTS,
    TRANSITIONS,
)
from spec.firmware.activate import ASID_MASK
from spec.firmware.asids import slots_of
from spec.firmware.initial_table import follows_memory_map
from spec.firmware.invariants import is_aligned
from spec.firmware.keys import fresh_keys_remain
from spec.firmware.metadata import entry_at
from spec.firmware.page_invariants import keeps_vmpl0
from spec.firmware.page_swap_in import PageSwapIn
from spec.firmware.sealing import LAST_IV
from spec.firmware.state import MAX_CCX, CcxSlot
from spec.guest.careful import PageStep
from spec.guest.careful_masks import MaskStep
from spec.guest.ghost import LAST_CONTAINER
from spec.guest.invariants import UNIQUE
from spec.guest.world import World, asid_of, is_careful
from spec.logic import all_of, any_of, implies, none_of
from spec.registry import invariant_info
from spec.rmp.authority import GFN_MAX, effective, offset_of, page_of
from spec.rmp.counters import OwnedInRegion
from spec.system.state import System
from spec.vocabulary import PAGES_PER_2M, Asid, Gfn, Guarantor, Pfn


def table_follows_memory_map(op: Any, page: Pfn) -> bool:
    """Premise of SNP_INIT: firmware builds the table from the memory map that it finds."""
    return follows_memory_map(op.memory, op.table, page) if hasattr(op, "memory") else True


def table_names_no_guest(op: Any, asid: Asid) -> bool:
    """Premise of SNP_INIT, which follows from the former: a sum over entries without an owner is 0."""
    if not hasattr(op, "memory"):
        return True
    total = op.table.total_over_blocks(PAGES_PER_2M, OwnedInRegion(asid, True))
    return implies(asid != 0, total == 0)


def arriving_guest_was_exported(op: Any) -> bool:
    """Premise of migration: what arrives was exported by firmware: RMP-I8-ROOT, RMP-IV, RMP-KEYS-LAUNCHED."""
    if not hasattr(op, "incoming"):
        return True
    guest = op.incoming
    return all_of(is_aligned(guest.root_metadata), guest.iv_count <= LAST_IV, guest.oek != 0)


PREMISES = (arriving_guest_was_exported, table_follows_memory_map, table_names_no_guest)


def keys_remain(system: System, op: Any) -> bool:  # noqa: ARG001 - every assumption has operands
    """Fewer than 2**32 keys are ever drawn: identities of keys do not run out."""
    return fresh_keys_remain(system)


def arriving_keys_are_drawn(system: System, op: Any) -> bool:
    """Keys that arrive with a guest are numbered among those drawn here; its root entry keeps RMP-I6-ROOT."""
    if not hasattr(op, "incoming"):
        return True
    next_key = system.firmware.next_key
    root = op.incoming.root_metadata
    return all_of(op.incoming.oek < next_key, root.tag_oek < next_key, keeps_vmpl0(system, root))


def contexts_below_256_tib(system: System, op: Any) -> bool:  # noqa: ARG001 - every assumption has a state
    """Guest contexts lie where the 36 bits that a METADATA entry keeps of their frame tell them apart, and not at 0."""
    if not hasattr(op, "context"):
        return True
    return all_of(op.context.page >> 36 == 0, op.context.page != 0)


STATE_INVARIANTS = tuple(i for i in INVARIANTS if is_state_invariant(i))


def slots_of_the_asid(
    system: System,  # noqa: ARG001 - every hint has a state
    op: Any,
    values: dict[str, Any],
) -> Iterator[tuple[Any, Any]]:
    """In a step that names an ASID, its slots on all core complexes."""
    if hasattr(op, "asid") and hasattr(op, "context") and ("context" in values or "asid" in values):
        first = slots_of(op.asid & ASID_MASK)
        yield from ((CcxSlot, first | ccx) for ccx in range(MAX_CCX))


RMP = Suite(
    name="rmp",
    state_type=System,
    transitions=TRANSITIONS,
    invariants=INVARIANTS,
    hypotheses=(*STATE_INVARIANTS, *PREMISES),
    assumptions=(needed_knobs_have_defaults, keys_remain, arriving_keys_are_drawn, contexts_below_256_tib),
    hints=(slots_of_the_asid,),
)


def of_world(invariant: Callable[..., bool]) -> Callable[..., bool]:
    """An invariant of the machine, as one of the world."""

    @wraps(invariant)
    def holds(world: World, **values: Any) -> bool:
        return invariant(world.system, **values)

    kinds = {name: kind for name, kind in invariant.__annotations__.items() if name != "system"}
    holds.__annotations__ = {"world": World, **kinds}
    return holds


def world_knobs(world: World, op: Any) -> bool:
    """The assumptions of the machine."""
    return all_of(*(assumption(world.system, op) for assumption in RMP.assumptions))


def of_careful_guests(invariant: Callable[..., bool]) -> Callable[..., bool]:
    """What the guest guarantees, as a claim about all guests: those that keep the rules that it rests on, or every one.

    Others stay as they are.
    """
    info = invariant_info(invariant)
    if info.guarantor is not Guarantor.GUEST:
        return invariant

    @wraps(invariant)
    def holds(*world: World, **named: Any) -> bool:
        first = world[0] if world else named["before"]
        kept = are_held(info.premises, first) if info.premises else is_careful(first.guest.rules)
        return implies(kept, invariant(*world, **named))

    return holds


OF_GUESTS = tuple(of_careful_guests(i) for i in GUEST_INVARIANTS)
STATES_OF_GUESTS = tuple(i for i in OF_GUESTS if is_state_invariant(i))


def identities_last(world: World, op: Any) -> bool:  # noqa: ARG001 - every assumption has operands
    """Fewer than 2**48 METADATA pages are ever made: ghost identities do not run out."""
    return world.ghost.next_container < LAST_CONTAINER


def no_clone_arrives(world: World, op: Any) -> bool:
    """No migration agent brings a second copy of the guest to this machine."""
    if not hasattr(op, "incoming"):
        return True
    arriving: int = op.incoming.oek
    return arriving != world.system.firmware.contexts[world.guest.context].oek


def the_guest_is_below_256_tib(world: World, op: Any) -> bool:  # noqa: ARG001 - every assumption has operands
    """As `contexts_below_256_tib`, of the guest that is followed."""
    return world.guest.context >> 36 == 0


def careful_guests_are_careful_at_vmpl0(world: World, op: Any) -> bool:
    """What runs at VMPL0 of a guest with the rules on pages takes its careful steps only; other levels run anything."""
    if not hasattr(op, "cpu"):
        return True
    at_vmpl0 = all_of(op.cpu.snp_active, op.cpu.asid != 0, op.cpu.vmpl == 0)
    return implies(all_of(are_held(UNIQUE, world), at_vmpl0), none_of(op.cpu.asid == asid_of(world)))


def guests_execute_once_entered(world: World, op: Any) -> bool:
    """No instruction of the guest runs before VMRUN enters it, at any level. What a processor runs is not state."""
    careful = isinstance(op, PageStep | MaskStep)
    own = all_of(op.cpu.snp_active, op.cpu.asid != 0, op.cpu.asid == asid_of(world)) if hasattr(op, "cpu") else False
    return implies(any_of(careful, own), world.ghost.entered)


def same_offset(world: World, op: Any, values: dict[str, Any]) -> Iterator[tuple[Any, Any]]:
    """In a 2 MiB step, the page at the offset of an arbitrary page's guest address, or of an arbitrary address."""
    if hasattr(op, "translation") or hasattr(op, "target_vmpl"):
        named = page_of(getattr(op, "page", op).translation.spa)
    elif hasattr(op, "source"):
        named = op.source.page
    else:
        return
    base = named & ~(PAGES_PER_2M - 1)
    if "page" in values:
        yield Pfn, base | offset_of(effective(world.system.rmp, values["page"]).gfn)
    if "gfn" in values:
        yield Pfn, base | offset_of(values["gfn"])


def address_that_comes_back(world: World, op: Any, values: dict[str, Any]) -> Iterator[tuple[Any, Any]]:
    """In SWAP_IN, the guest address at which an arbitrary page of the destination will be."""
    if isinstance(op, PageSwapIn) and "page" in values:
        gfn = entry_at(world.system, op.entry, op.context).gfn
        yield Gfn, gfn
        yield Gfn, (gfn + offset_of(values["page"])) & GFN_MAX


GUEST = Suite(
    name="guest",
    state_type=World,
    transitions=(*GUEST_TRANSITIONS, *(lifted(t) for t in TRANSITIONS)),
    invariants=OF_GUESTS,
    hypotheses=(*STATES_OF_GUESTS, *(of_world(i) for i in STATE_INVARIANTS), *PREMISES),
    assumptions=(
        world_knobs,
        identities_last,
        no_clone_arrives,
        the_guest_is_below_256_tib,
        careful_guests_are_careful_at_vmpl0,
        guests_execute_once_entered,
    ),
    hints=(same_offset, address_that_comes_back),
)
