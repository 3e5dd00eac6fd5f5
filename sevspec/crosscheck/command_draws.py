"""What firmware commands choose from: pages in a state that fits, and what they hold."""

from collections.abc import Callable
from hashlib import sha384
from random import Random

from sevspec.crosscheck.bench import Bench
from sevspec.crosscheck.draws import CONTEXT_PAGES, PAGES, RARELY, a_page, likely
from sevspec.crosscheck.mailbox import PAGE, page_address
from spec.firmware.command import PageAddress
from spec.maps import Map
from spec.rmp.entry import RmpEntry
from spec.rmp.page_state import is_context
from spec.vocabulary import PAGE_SHIFT, PAGES_PER_2M


def a_page_that(rng: Random, bench: Bench, *holds: Callable[[RmpEntry], bool], chance: float = 0.9) -> PageAddress:
    """The address of a page in one of these states, if there is one; sometimes of any page."""
    found = [page for page in (*PAGES, *CONTEXT_PAGES) if any(state(bench.system.rmp[page]) for state in holds)]
    page = rng.choice(found) if found and likely(rng, chance) else a_page(rng)
    return page_address(bench, page << PAGE_SHIFT | (1 if likely(rng, 0.01) else 0))


def a_context(rng: Random, bench: Bench) -> PageAddress:
    """GCTX_PADDR."""
    return a_page_that(rng, bench, is_context, chance=0.95)


def context_for(rng: Random, bench: Bench, address: PageAddress) -> PageAddress:
    """GCTX_PADDR of the guest that owns the page, mostly."""
    asid, contexts = bench.system.rmp[address.page].asid, bench.system.firmware.contexts
    found = [page for page in CONTEXT_PAGES if asid and contexts[page].asid == asid]
    return page_address(bench, found[0] << PAGE_SHIFT) if found and likely(rng, 0.9) else a_context(rng, bench)


def a_size(rng: Random, bench: Bench, address: PageAddress) -> int:
    """The size that the entry says, mostly."""
    return 1 - int(likely(rng, 0.9)) if likely(rng) else int(bench.system.rmp[address.page].page_size)


def reserved(rng: Random) -> bool:
    """A reserved bit is set."""
    return likely(rng, RARELY)


def contents_of(bench: Bench, spa: int, page_type: int, *, large: bool) -> Map[int, int]:
    """What firmware will measure of a page; of a VMSA with the TSC scale and offset as 0."""
    contents: Map[int, int] = Map(0)
    for chunk in range(PAGES_PER_2M if large else 1):
        at = (spa & -PAGE) + chunk * PAGE
        page = bench.machine.memory.read_raw(at, PAGE) if bench.machine.memory.exists(at, PAGE) else bytes(PAGE)
        page = page[:0x2F0] + bytes(16) + page[0x300:] if page_type == 2 else page
        contents = contents.set(chunk, int.from_bytes(sha384(page).digest(), "little"))
    return contents
