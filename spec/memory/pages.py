"""Contents of whole pages, of either size, as firmware moves and encrypts them."""

from collections.abc import Callable

from spec.guest.following import frames_of
from spec.logic import ite
from spec.memory.block import Block, BlockKey, Word, opened
from spec.memory.state import Scene, content
from spec.record import replace
from spec.rmp.authority import offset_of
from spec.vocabulary import Pfn


def at_offset(page: Pfn, large: bool, other: Pfn) -> int:
    """The 4 KiB of a page that is at the same offset as `other` in its own page."""
    return page | ite(large, offset_of(other), 0)


def read_under(scene: Scene, key: BlockKey, page: Pfn) -> int:
    """What firmware reads in a page with a guest's key, or without one."""
    return opened(key, page, content(scene, page), scene.rules)


def filled(scene: Scene, page: Pfn, large: bool, block: Callable[[Pfn], Block]) -> Scene:
    """The scene after a page of either size was written. Firmware writes memory and not a guest's alias of it."""
    contents = scene.memory.contents.set_range(page, frames_of(large), block)
    return replace(scene, memory=replace(scene.memory, contents=contents))


def encrypted(key: BlockKey, value: Callable[[Pfn], Word]) -> Callable[[Pfn], Block]:
    """Blocks under a key, each for its own place."""
    return lambda page: Block(key, page, value(page))
