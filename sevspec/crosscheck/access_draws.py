"""Memory accesses, and instructions on behalf of others: operands to try."""

from collections.abc import Callable
from random import Random
from typing import Any

from sevspec.crosscheck.bench import Bench
from sevspec.crosscheck.draws import (
    GUESTS,
    RARELY,
    a_guest,
    a_guest_page,
    a_host,
    a_page,
    a_translation,
    frame_for,
    likely,
)
from sevspec.crosscheck.instruction_draws import draw_psmash, draw_rmpupdate
from spec.record import replace
from spec.rmp.access_kind import MemoryAccess
from spec.rmp.cpu import HOST_CPU
from spec.rmp.host_writes import Vmsave, WriteHostSaveArea
from spec.rmp.virtualised import VirtPsmash, VirtRmpUpdate
from spec.vocabulary import PAGE_SHIFT


def draw_access(rng: Random, bench: Bench) -> MemoryAccess:
    """Anyone's."""
    where, owner, _ = a_translation(rng, bench, a_guest_page(rng, bench))
    agent = rng.choice((0, 1, 2, 2, 2, 3))
    guest = rng.choice(GUESTS) if owner == 0 or likely(rng) else owner
    return MemoryAccess(
        agent=agent,
        kind=rng.randrange(8),
        asid=0 if agent in (0, 3) else guest,
        vmpl=rng.choice((0, 0, 1, 2, 3)),
        cpl=rng.choice((0, 3)),
        vmpl_sss=likely(rng, 0.5),
        reflect_vc=likely(rng),
        translation=where,
    )


def draw_write_vm_hsave_pa(rng: Random, _bench: Bench) -> WriteHostSaveArea:
    """Any page."""
    return WriteHostSaveArea(a_host(rng), a_page(rng) << PAGE_SHIFT | (8 if likely(rng, RARELY) else 0))


def draw_vmsave(rng: Random, bench: Bench) -> Vmsave:
    """Host or guest."""
    where, owner, _ = a_translation(rng, bench, a_page(rng))
    cpu = a_host(rng) if likely(rng, 0.5) else a_guest(rng, owner)
    return Vmsave(cpu, replace(where, private=False, gva=where.gva & ~0xFFF, spa=where.spa & ~0xFFF))


def draw_virt_rmpupdate(rng: Random, bench: Bench) -> VirtRmpUpdate:
    """As RMPUPDATE, by a guest that is a hypervisor."""
    update = replace(draw_rmpupdate(rng, bench), cpu=HOST_CPU)
    update = replace(update, spa=update.spa & ~0xFFF)
    gpa = frame_for(update.spa >> PAGE_SHIFT) << PAGE_SHIFT | (8 if likely(rng, RARELY) else 0)
    return VirtRmpUpdate(a_guest(rng, 0), gpa, not likely(rng, RARELY), update)


def draw_virt_psmash(rng: Random, bench: Bench) -> VirtPsmash:
    """As PSMASH, by a guest that is a hypervisor."""
    split = replace(draw_psmash(rng, bench), cpu=HOST_CPU)
    gpa = frame_for(split.spa >> PAGE_SHIFT) << PAGE_SHIFT
    return VirtPsmash(a_guest(rng, 0), gpa, not likely(rng, RARELY), split)


DRAWS: dict[str, Callable[[Random, Bench], Any]] = {
    "access": draw_access,
    "write_vm_hsave_pa": draw_write_vm_hsave_pa,
    "vmsave": draw_vmsave,
    "virt_rmpupdate": draw_virt_rmpupdate,
    "virt_psmash": draw_virt_psmash,
}
