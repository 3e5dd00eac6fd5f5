"""The life of an image's pages, counted: which states each page had, which steps led from one to the next."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from impl.hypervisor.files import check_image
from impl.hypervisor.footer import parse_footer
from impl.hypervisor.metadata import FOUR_GIB, parse_metadata
from impl.hypervisor.options import LaunchMode, LaunchOptions
from impl.hypervisor.pages import LaunchPage
from impl.hypervisor.svsm import place_svsm
from spec.vocabulary import LaunchPageType, PageState

CONTEXT_PAGE = "guest context"


@dataclass(frozen=True)
class Region:
    """A part of the guest's address space and what it is for. Bytes."""

    name: str
    first: int
    end: int


@dataclass(frozen=True)
class Life:
    """What happened to one page: states and the steps between them in turn."""

    region: str
    page_type: str
    states: tuple[str, ...]
    steps: tuple[str, ...]


def regions(firmware: bytes, options: LaunchOptions) -> tuple[Region, ...]:
    """The images, and the sections that the image which starts first asks for."""
    found = [Region("firmware image", FOUR_GIB - len(firmware), FOUR_GIB)]
    image, role = firmware, "firmware"
    if options.mode is LaunchMode.SNP_SVSM and options.svsm is not None:
        image, role = options.svsm, "SVSM"
    check_image(image, role)
    footer = parse_footer(image, role)
    if role == "SVSM":
        gpa = place_svsm(len(image), footer, len(firmware), options.vars_size or 0).gpa
        found.append(Region("SVSM image", gpa, gpa + len(image)))
    sections = parse_metadata(image, footer.metadata_offset(), role)
    return (*found, *(Region(section.type.name, section.gpa, section.end) for section in sections))


def region_of(page: LaunchPage, known: Sequence[Region]) -> str:
    """The region that a launch page lies in."""
    if page.page_type is LaunchPageType.VMSA:
        return "VMSA"
    return next((region.name for region in known if region.first <= page.gpa < region.end), "other")


@dataclass(frozen=True)
class Row:
    """Pages with the same life."""

    life: Life
    pages: int

    @property
    def story(self) -> str:
        """The states, with an arrow for each step that changes one."""
        return " → ".join(self.life.states)


def rows(lives: Sequence[Life]) -> list[Row]:
    """In the order in which each kind of life first ends."""
    return [Row(life, pages) for life, pages in Counter(lives).items()]


def lived(region: str, page_type: str, states: Sequence[PageState], steps: Sequence[str]) -> Life:
    """One page's life."""
    return Life(region, page_type, tuple(state.value for state in states), tuple(steps))
