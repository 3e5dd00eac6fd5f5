"""What steps choose from: few pages, few guests, and who executes; mostly sensible, sometimes not."""

from random import Random

from sevspec.crosscheck.bench import Bench
from sevspec.crosscheck.concretisation import SCRATCH
from spec.rmp.authority import effective, head_of, is_2m
from spec.rmp.cpu import HOST_CPU, Cpu
from spec.rmp.translation import Translation
from spec.vocabulary import PAGE_SHIFT

FIRST_HEAD, SECOND_HEAD = 0x40000, 0x40200
HEADS = (FIRST_HEAD, SECOND_HEAD)
PAGES = (FIRST_HEAD, FIRST_HEAD + 1, FIRST_HEAD + 2, FIRST_HEAD + 511, SECOND_HEAD, SECOND_HEAD + 1)
CONTEXT_PAGES = (0x40403, 0x40405)
"""In a region of their own, so that guests live for a while."""
UNCOVERED = (SCRATCH >> PAGE_SHIFT) + 0x5000
RMP_PAGE, TSEG_PAGE = 0x101, 0xF0000
GUESTS = (1, 2, 5)
FRAMES = (0x800, 0x801, 0x802, 0x9FF, 0xA00, 0xA01)
WIDE = (0, 3, 6, 7, 8, 100, 0x3FE, 0x3FF, 0x400, 1007, 1 << 31)
RARELY, SELDOM, OFTEN = 0.03, 0.1, 0.8


def likely(rng: Random, chance: float = SELDOM) -> bool:
    """True with this chance."""
    return rng.random() >= 1 - chance


def a_page(rng: Random) -> int:
    """A page of the two regions; rarely one elsewhere."""
    if likely(rng, 0.05):
        return rng.choice(CONTEXT_PAGES)
    return rng.choice((UNCOVERED, RMP_PAGE, TSEG_PAGE)) if likely(rng, RARELY) else rng.choice(PAGES)


def a_guest_page(rng: Random, bench: Bench) -> int:
    """Mostly a page that a guest owns, if there is one."""
    owned = [page for page in PAGES if effective(bench.system.rmp, page).asid]
    return rng.choice(owned) if owned and likely(rng, 0.7) else a_page(rng)


def frame_for(page: int) -> int:
    """The guest frame that a sensible host gives to a page."""
    return 0x800 + (page - FIRST_HEAD if FIRST_HEAD <= page < FIRST_HEAD + 0x400 else 0)


def a_host(rng: Random) -> Cpu:
    """The host; rarely someone else."""
    if not likely(rng, RARELY):
        return HOST_CPU
    return Cpu(asid=rng.choice((0, 1)), vmpl=0, cpl=rng.choice((0, 3)), snp_active=False)


def a_guest(rng: Random, asid: int, *, any_level: bool = True) -> Cpu:
    """A virtual processor of a guest, or rarely of another."""
    return Cpu(
        asid=rng.choice(GUESTS) if asid == 0 or likely(rng, 0.05) else asid,
        vmpl=rng.choice((0, 0, 1, 2, 3)) if any_level or likely(rng, 0.05) else 0,
        cpl=3 if likely(rng, RARELY) else 0,
        snp_active=not likely(rng, RARELY),
        reflect_vc=likely(rng),
    )


def a_translation(rng: Random, bench: Bench, page: int) -> tuple[Translation, int, bool]:
    """A translation to the page; who owns it, and whether its entry is large. Mostly as the entry wants it."""
    entry, large = effective(bench.system.rmp, page), is_2m(bench.system.rmp[head_of(page)])
    gfn = rng.choice(FRAMES) if likely(rng) else (entry.gfn if entry.asid else frame_for(page)) & ((1 << 35) - 1)
    mapping = rng.choice((0, 1, 2, 3)) if likely(rng, 0.15) else int(large)
    offset = rng.choice((0, 8, 0xFF8)) if likely(rng) else 0
    at = 0 if likely(rng, RARELY) else 0x1_0000_0000
    gva = (at + (gfn << PAGE_SHIFT) if likely(rng, OFTEN) else (gfn & ~511) << PAGE_SHIFT) | offset
    spa = page << PAGE_SHIFT | offset
    return Translation(gva, gfn, spa, mapping, not likely(rng)), entry.asid, large
