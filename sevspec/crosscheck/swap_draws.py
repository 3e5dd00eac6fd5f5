"""SNP_PAGE_SWAP_OUT and SNP_PAGE_SWAP_IN: operands to try."""

from random import Random
from typing import Any

from sevspec.crosscheck.bench import Bench
from sevspec.crosscheck.command_draws import a_page_that, a_size, context_for, reserved
from sevspec.crosscheck.draws import likely
from sevspec.crosscheck.mailbox import PAGE, page_address
from sevspec.crosscheck.page_draws import LIST_PAGE
from sevspec.crosscheck.swap_commands import content_digest
from spec.firmware.metadata import EntryAddress
from spec.firmware.page_swap_in import PageSwapIn
from spec.firmware.page_swap_out import PageSwapOut
from spec.firmware.sealing import Sealed
from spec.record import replace
from spec.rmp.page_state import is_firmware, is_metadata, is_pre_guest, is_pre_swap


def an_entry(rng: Random, bench: Bench) -> EntryAddress:
    """The root entry, or one of a METADATA page."""
    at = a_page_that(rng, bench, is_metadata)
    spa = at.spa | (rng.choice((0, 64, 64, 0xFC0)) if at.spa % PAGE == 0 else 0)
    return EntryAddress(likely(rng, 0.4), replace(at, spa=spa))


def draw_page_swap_out(rng: Random, bench: Bench) -> PageSwapOut:
    """A guest's page or a METADATA page, into one that holds nothing."""
    source = a_page_that(rng, bench, is_pre_swap, is_pre_guest, is_metadata)
    metadata = is_metadata(bench.system.rmp[source.page])
    kind = rng.randrange(4) if likely(rng) else 1 if metadata else rng.choice((0, 0, 2))
    outside = page_address(bench, LIST_PAGE + PAGE * (512 + rng.randrange(3)))
    return PageSwapOut(
        context=context_for(rng, bench, source),
        source=source,
        destination=outside if likely(rng, 0.6) else a_page_that(rng, bench, is_firmware),
        entry=an_entry(rng, bench),
        software_data=rng.choice((0, 99)),
        page_size=a_size(rng, bench, source),
        page_type=kind,
        reserved=reserved(rng),
    )


def draw_page_swap_in(rng: Random, bench: Bench) -> PageSwapIn:
    """Back into a page that was prepared for it."""
    kind = rng.randrange(4) if likely(rng) else rng.choice((0, 0, 1, 2))
    goal = a_page_that(rng, bench, is_firmware if kind == 1 else is_pre_guest)
    outside = page_address(bench, LIST_PAGE + PAGE * (512 + rng.randrange(3)))
    in_place = likely(rng, 0.05)
    source = goal if in_place and likely(rng, 0.7) else outside
    size = a_size(rng, bench, goal)
    known = source.spa % PAGE == 0 and bench.machine.memory.exists(source.spa, PAGE << 9)
    sealed = bench.keys.sealed.get(content_digest(bench, source.spa, size), Sealed(0, 0)) if known else Sealed(0, 0)
    return PageSwapIn(
        context=context_for(rng, bench, goal),
        source=source,
        destination=goal,
        entry=an_entry(rng, bench),
        page_size=size,
        page_type=kind,
        in_place=in_place,
        reserved=reserved(rng),
        sealed_oek=sealed.oek,
        sealed_iv=sealed.iv,
    )


DRAWS: dict[str, Any] = {"page_swap_out": draw_page_swap_out, "page_swap_in": draw_page_swap_in}
