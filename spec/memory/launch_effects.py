"""What SNP_LAUNCH_UPDATE makes of a page's content: encrypted where it is (firmware ABI 56860)."""

from spec.firmware.launch_update import LaunchUpdate
from spec.guest.following import frames_of
from spec.ideal import ideal
from spec.logic import all_of, ite
from spec.memory.block import WORD_BITS, Word
from spec.memory.pages import at_offset, encrypted, filled, read_under
from spec.memory.state import Scene
from spec.record import replace
from spec.vocabulary import LaunchPageType, PageSize, Pfn


def secrets(scene: Scene, op: LaunchUpdate) -> int:
    """The secrets page: the guest's message keys, which firmware drew."""
    return ideal("secrets", WORD_BITS, scene.world.system.firmware.contexts[op.context.page].vmpcks)


def launched_value(scene: Scene, op: LaunchUpdate, page: Pfn) -> Word:
    """What the guest will find there."""
    provided = ite(op.page_type == LaunchPageType.ZERO, 0, read_under(scene, 0, page))
    return ite(op.page_type == LaunchPageType.SECRETS, secrets(scene, op), provided)


def after_launch_update(before: Scene, op: LaunchUpdate, after: Scene) -> Scene:
    """Encrypted in place, under the guest's key. For its own guest the launch counts as the first writer."""
    key = before.world.system.firmware.contexts[op.context.page].vek
    page, large = op.page.page, op.page_size == PageSize.SIZE_2M
    after = filled(after, page, large, encrypted(key, lambda p: launched_value(before, op, p)))
    own = before.world.guest.context == op.context.page
    first = before.world.system.rmp[page].gfn
    count = ite(own, frames_of(large), 0)
    vmsa = op.page_type == LaunchPageType.VMSA
    old = before.written
    written = replace(
        old,
        since_accepted=old.since_accepted.set_range(first, count, lambda _: True),
        last=old.last.set_range(first, count, lambda g: launched_value(before, op, at_offset(page, large, g))),
        vmsa=old.vmsa.set_range(first, ite(all_of(own, vmsa), count, 0), lambda _: True),
    )
    return replace(after, written=written)
