"""What SNP_LAUNCH_UPDATE makes of a page: its RMP entry and its content (firmware ABI 56860, "SNP_LAUNCH_UPDATE")."""

from enum import IntEnum, unique

from spec.firmware.launch_digest import MeasuredPage, PageType
from spec.logic import any_of, ite
from spec.record import replace
from spec.rmp.entry import RmpEntry
from spec.vmpl.permissions import VmplMasks
from spec.vocabulary import LaunchPageType


@unique
class LaunchedContent(IntEnum):
    """What the page holds after the command."""

    PROVIDED = 0
    """What the host put there, now encrypted. In a VMSA firmware fills in the fields that it owns."""
    ZEROS = 1
    SECRETS = 2
    CORRECTED = 3
    """In plain text: the CPUID table with the values that firmware would accept."""


def content_after(page_type: PageType) -> int:
    """The `LaunchedContent` of a page that is launched."""
    zeros = ite(page_type == LaunchPageType.ZERO, LaunchedContent.ZEROS, LaunchedContent.PROVIDED)
    return ite(page_type == LaunchPageType.SECRETS, LaunchedContent.SECRETS, zeros)


def launched_entry(entry: RmpEntry, page: MeasuredPage) -> RmpEntry:
    """GUEST_VALID, with the masks that the host asked for; VMPL0 keeps what RMPUPDATE gave it."""
    return replace(
        entry,
        immutable=False,
        lock=False,
        validated=True,
        vmsa=any_of(entry.vmsa, page.page_type == LaunchPageType.VMSA),
        masks=VmplMasks(entry.masks.vmpl0, page.vmpl1_perms, page.vmpl2_perms, page.vmpl3_perms),
    )
