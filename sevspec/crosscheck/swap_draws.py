"""SNP_PAGE_SWAP_OUT and SNP_PAGE_SWAP_IN: operands to try."""

from random import Random
from typing import Any

from sevspec.crosscheck.bench import Bench
from sevspec.crosscheck.command_draws import a_page_that, a_size, context_for, reserved
from sevspec.crosscheck.draws import likely
from sevspec.crosscheck.mailbox import PAGE, page_address
from sevspec.crosscheck.page_draws import LIST_PAGE
from sevspec.crosscheck.swap_commands import content_digest
from spec.firmware.command import PageAddress
from spec.firmware.metadata import ENTRY_SHIFT, EntryAddress
from spec.firmware.page_swap_in import PageSwapIn
from spec.firmware.page_swap_out import PageSwapOut
from spec.firmware.sealing import Sealed
from spec.firmware.state import MetadataEntry
from spec.record import replace
from spec.rmp.page_state import is_firmware, is_metadata, is_pre_guest, is_pre_swap, untagged
from spec.vocabulary import PAGE_SHIFT

OUTSIDE = tuple(LIST_PAGE + PAGE * (512 + number) for number in range(3))
"""Pages beyond the RMP, for what is swapped out."""


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
    outside = page_address(bench, rng.choice(OUTSIDE))
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


def swapped_entries(bench: Bench) -> list[tuple[int, EntryAddress, MetadataEntry]]:
    """What is swapped out: the page of the guest's context, where the entry is, and what it says."""
    firmware, rmp = bench.system.firmware, bench.system.rmp
    nowhere = page_address(bench, 0)
    contexts = firmware.contexts.changed()
    found = [(page, EntryAddress(True, nowhere), context.root_metadata) for page, context in contexts]
    for slot, entry in firmware.metadata.changed():
        holder = rmp[slot >> 6]
        if is_metadata(holder):
            found.append((untagged(holder), EntryAddress(False, page_address(bench, slot << ENTRY_SHIFT)), entry))
    return sorted((each for each in found if each[2].valid), key=lambda each: (each[0], each[1].at.spa))


def sealed_pages(bench: Bench, entry: MetadataEntry) -> list[PageAddress]:
    """Pages that hold what the entry describes."""
    pages = (page_address(bench, spa) for spa in OUTSIDE)
    wanted = Sealed(entry.tag_oek, entry.iv)
    return [p for p in pages if bench.keys.sealed.get(content_digest(bench, p.spa, entry.page_size)) == wanted]


def draw_page_swap_in(rng: Random, bench: Bench) -> PageSwapIn:
    """Back into a page that was prepared for it."""
    known = swapped_entries(bench)
    kind, entry, sources = rng.randrange(4), an_entry(rng, bench), [page_address(bench, spa) for spa in OUTSIDE]
    goal = a_page_that(rng, bench, is_firmware if kind == 1 else is_pre_guest)
    context = context_for(rng, bench, goal)
    if known and likely(rng, 0.85):
        page, entry, described = rng.choice(known)
        kind = 1 if described.metadata else 2 if described.vmsa else 0
        sources = sealed_pages(bench, described) or sources
        context = page_address(bench, page << PAGE_SHIFT)
        asid = bench.system.firmware.contexts[page].asid
        goal = a_page_that(rng, bench, is_firmware if kind == 1 else lambda e: is_pre_guest(e) and e.asid == asid)
    in_place = likely(rng, 0.05)
    source = goal if in_place and likely(rng, 0.7) else rng.choice(sources)
    size = a_size(rng, bench, goal)
    readable = source.spa % PAGE == 0 and bench.machine.memory.exists(source.spa, PAGE << 9)
    found = bench.keys.sealed.get(content_digest(bench, source.spa, size)) if readable else None
    sealed = found or Sealed(0, 0)
    return PageSwapIn(
        context=context,
        source=source,
        destination=goal,
        entry=entry,
        page_size=size,
        page_type=kind,
        in_place=in_place,
        reserved=reserved(rng),
        sealed_oek=sealed.oek,
        sealed_iv=sealed.iv,
    )


DRAWS: dict[str, Any] = {"page_swap_out": draw_page_swap_out, "page_swap_in": draw_page_swap_in}
