"""Firmware commands on pages: operands to try."""

from random import Random
from typing import Any

from sevspec.crosscheck.bench import Bench
from sevspec.crosscheck.command_draws import a_context, a_page_that, a_size, contents_of, context_for, reserved
from sevspec.crosscheck.draws import HEADS, PAGES, RARELY, a_page, likely
from sevspec.crosscheck.mailbox import PAGE, page_address
from spec.firmware.dbg import DebugCopy
from spec.firmware.launch_update import LaunchUpdate
from spec.firmware.page_md_init import PageMdInit
from spec.firmware.page_move import PageMove
from spec.firmware.page_reclaim import PageReclaim
from spec.firmware.page_set_state import PageSetState
from spec.firmware.page_unsmash import PageUnsmash
from spec.firmware.range_list import PageRange
from spec.maps import Map
from spec.rmp.authority import page_of
from spec.rmp.page_state import is_firmware, is_metadata, is_pre_guest, is_pre_swap
from spec.vocabulary import PAGE_SHIFT, PAGES_PER_2M

LIST_PAGE = 0x1_4300_0000


def draw_page_reclaim(rng: Random, bench: Bench) -> PageReclaim:
    """Any page."""
    address = page_address(bench, a_page(rng) << PAGE_SHIFT)
    return PageReclaim(address, a_size(rng, bench, address), reserved(rng))


def draw_page_unsmash(rng: Random, bench: Bench) -> PageUnsmash:
    """A region, or rarely something else."""
    page = rng.choice(HEADS) if likely(rng, 0.9) else a_page(rng)
    first = page & ~(PAGES_PER_2M - 1)
    overlaps = any(bench.machine.rmp.contains(p << PAGE_SHIFT) for p in range(first, first + PAGES_PER_2M))
    return PageUnsmash(page_address(bench, page << PAGE_SHIFT), reserved(rng), overlaps)


def draw_page_set_state(rng: Random, bench: Bench) -> PageSetState:
    """Mostly one range, of a region that the host has donated."""
    count = rng.choice((1, 1, 1, 2, 3)) if likely(rng, 0.9) else rng.choice((0, 255, 256))
    ranges: Map[int, PageRange] = Map(PageRange(base=0, page_count=0, reserved=False))
    own: Map[int, bool] = Map(False)
    for number in range(min(count, 3)):
        ranges = ranges.set(number, each := a_range(rng))
        for page in range(page_of(each.base), page_of(each.base) + each.page_count):
            own = own.set(page, bench.machine.rmp.contains(page << PAGE_SHIFT))
    address = rng.choice(PAGES) << PAGE_SHIFT if likely(rng, RARELY) else LIST_PAGE
    return PageSetState(
        wrong_length=likely(rng, RARELY),
        reserved=reserved(rng),
        list_address=page_address(bench, address),
        list_reserved=likely(rng, RARELY),
        count=count,
        ranges=ranges,
        rmp_pages=own,
    )


def a_range(rng: Random) -> PageRange:
    """Mostly the start of a region; rarely up to the RMP, which begins in the middle of one, or inside of it."""
    if likely(rng):
        return PageRange(base=rng.choice((0, 0x20_0000)), page_count=rng.choice((0, 0x100, 0x101)), reserved=False)
    base = rng.choice(HEADS) if likely(rng, 0.9) else a_page(rng)
    return PageRange(
        base=base << PAGE_SHIFT, page_count=rng.choice((0, 1, 1, 2, 3, 512, 513)), reserved=likely(rng, RARELY)
    )


def draw_launch_update(rng: Random, bench: Bench) -> LaunchUpdate:
    """Mostly a page that the host has prepared."""
    page = a_page_that(rng, bench, is_pre_guest)
    size, page_type = a_size(rng, bench, page), rng.choice((1, 1, 2, 2, 3, 4, 5, 6, 0, 7))
    raw = bench.machine.memory.read_raw(page.spa & -PAGE, PAGE)
    count = int.from_bytes(raw[:4], "little")
    return LaunchUpdate(
        context=context_for(rng, bench, page),
        page=page,
        page_size=size,
        page_type=page_type,
        imi_page=likely(rng),
        vmpl1_perms=rng.choice((0, 1, 3, 0xF)),
        vmpl2_perms=rng.choice((0, 1, 7)),
        vmpl3_perms=0,
        reserved=reserved(rng),
        contents=contents_of(bench, page.spa, page_type, large=bool(size)),
        cpuid_malformed=count > 64 or any(raw[4:16]),
        cpuid_unsafe=False,
    )


def draw_page_md_init(rng: Random, bench: Bench) -> PageMdInit:
    """Mostly a donated page."""
    return PageMdInit(a_context(rng, bench), a_page_that(rng, bench, is_firmware))


def draw_page_move(rng: Random, bench: Bench) -> PageMove:
    """A guest's page or a METADATA page, to where it can go."""
    source = a_page_that(rng, bench, is_pre_swap, is_pre_guest, is_metadata)
    goal = is_firmware if is_metadata(bench.system.rmp[source.page]) and likely(rng, 0.9) else is_pre_guest
    return PageMove(
        context=context_for(rng, bench, source),
        page_size=a_size(rng, bench, source),
        reserved=reserved(rng),
        source=source,
        destination=a_page_that(rng, bench, goal),
    )


def draw_dbg(rng: Random, bench: Bench) -> DebugCopy:
    """Any pages."""
    return DebugCopy(
        a_context(rng, bench),
        a_page_that(rng, bench, is_pre_swap, is_pre_guest, chance=0.5),
        a_page_that(rng, bench, is_pre_guest, is_pre_swap, is_firmware),
    )


DRAWS: dict[str, Any] = {
    "page_reclaim": draw_page_reclaim,
    "page_unsmash": draw_page_unsmash,
    "page_set_state": draw_page_set_state,
    "launch_update": draw_launch_update,
    "page_md_init": draw_page_md_init,
    "page_move": draw_page_move,
    "dbg_decrypt": draw_dbg,
    "dbg_encrypt": draw_dbg,
}
