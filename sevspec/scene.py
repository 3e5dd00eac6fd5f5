"""A system that holds one given entry, to ask the specification what would be answered on it."""

from dataclasses import dataclass

from spec.features import Platform
from spec.record import replace
from spec.rmp.authority import head_of, is_2m, offset_of
from spec.rmp.counters import owned_pages
from spec.rmp.entry import SUBENTRY, RmpEntry
from spec.rmp.page_state import state_of
from spec.system.initial import booted
from spec.system.state import System
from spec.vocabulary import PAGE_SHIFT, PAGES_PER_2M, MappingSize, PageSize, PageState, PlatformState

ANY_PAGE = 0x12345
HEAD_PAGE = 0x12200
"""Pages to stand for any: one inside a region, one that heads its region."""


@dataclass(frozen=True)
class Scene:
    """A page and the system around it."""

    system: System
    page: int
    size: PageSize
    """What the entry that speaks for the page says."""
    gfn: int
    asid: int
    """The guest that asks: the owner, or guest 1 where no guest owns the page."""

    @property
    def spa(self) -> int:
        """The page's address."""
        return self.page << PAGE_SHIFT

    @property
    def mapping(self) -> MappingSize:
        """A mapping of the size of the entry."""
        return MappingSize.MAP_2M if self.size == PageSize.SIZE_2M else MappingSize.MAP_4K

    @property
    def state(self) -> PageState:
        """The page's state."""
        return state_after(self, self.system)


def state_after(scene: Scene, system: System) -> PageState:
    """The state of the scene's page in another system."""
    covered = bool(system.covered[scene.page >> 9])
    return state_of(system.rmp, scene.page, covered)


def initialised(platform: Platform) -> System:
    """After SNP_INIT: every page covered and the hypervisor's."""
    system = booted(platform)
    firmware = replace(system.firmware, state=PlatformState.INIT, rmp_initialised=True)
    return replace(system, firmware=firmware)


def holding(entry: RmpEntry, platform: Platform, page: int | None = None, in_use: bool = False) -> Scene:
    """The entry at a page, the rest of a 2 MiB page with it, counters that fit."""
    if page is None:
        page = HEAD_PAGE if entry.page_size == PageSize.SIZE_2M or entry.subpage_count else ANY_PAGE
    system = initialised(platform)
    rmp = system.rmp
    if is_2m(entry) and offset_of(page) == 0:
        rmp = rmp.set_range(page, PAGES_PER_2M, lambda _: SUBENTRY)
    elif offset_of(page) == 0:
        rmp = rmp.set_range(page + 1, entry.subpage_count, lambda _: SUBENTRY)
    rmp = rmp.set(page, entry)
    if offset_of(page) != 0 and entry.assigned:
        head = head_of(page)
        rmp = rmp.set(head, replace(rmp[head], subpage_count=1))
    system = replace(system, rmp=rmp, in_use=system.in_use.set(page, in_use))
    if entry.asid:
        counters = system.asid_pages.set(entry.asid, owned_pages(system, entry.asid))
        system = replace(system, asid_pages=counters)
    size = PageSize(entry.page_size) if offset_of(page) == 0 else PageSize.SIZE_4K
    return Scene(system, page, size, entry.gfn, entry.asid or 1)


def uncovered(platform: Platform) -> Scene:
    """A page without an entry: DEFAULT."""
    scene = holding(initialised(platform).rmp[ANY_PAGE], platform)
    covered = scene.system.covered.set(ANY_PAGE >> 9, False)
    return replace_system(scene, replace(scene.system, covered=covered))


def replace_system(scene: Scene, system: System) -> Scene:
    """The same page in another system."""
    return Scene(system, scene.page, scene.size, scene.gfn, scene.asid)
