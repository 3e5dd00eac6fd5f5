"""The launch digest: PAGE_INFO of each measured 4 KiB, chained (firmware ABI 56860, "SNP_LAUNCH_UPDATE")."""

from typing import Annotated

from spec.firmware.state import Digest, GuestContext
from spec.ideal import sha384
from spec.logic import any_of, as_bit, ite
from spec.maps import Map
from spec.record import record, replace
from spec.vocabulary import PAGE_SHIFT, PAGES_PER_2M, Bits, Gfn, LaunchPageType, PageSize, PermissionMask

PageType = Annotated[int, Bits(3)]
"""A `LaunchPageType`, or one of the two codes that are none."""
Chunk = Annotated[int, Bits(9)]
"""A 4 KiB piece of a page: 0 in a 4 KiB page, 0 to 511 in a 2 MiB page."""

PAGE_INFO_BYTES = 0x70

# Bit offsets of PAGE_INFO's fields: 8 times the manual's byte offsets. DIGEST_CUR is at 0; byte 64h is reserved and 0.
CONTENTS = 0x30 * 8
LENGTH = 0x60 * 8
PAGE_TYPE = 0x62 * 8
IMI_PAGE = 0x63 * 8
VMPL1_PERMS = 0x65 * 8
VMPL2_PERMS = 0x66 * 8
VMPL3_PERMS = 0x67 * 8
GPA = 0x68 * 8


@record
class MeasuredPage:
    """What the digest binds of a launched page, its contents aside."""

    page_type: PageType
    imi_page: bool
    vmpl1_perms: PermissionMask
    vmpl2_perms: PermissionMask
    vmpl3_perms: PermissionMask
    gfn: Gfn
    """Of the page's first 4 KiB."""


def page_info(digest: Digest, contents: Digest, page: MeasuredPage, chunk: Chunk) -> int:
    """PAGE_INFO, 70h bytes, as a little-endian number."""
    return (
        digest
        | (contents << CONTENTS)
        | (PAGE_INFO_BYTES << LENGTH)
        | (page.page_type << PAGE_TYPE)
        | (as_bit(page.imi_page) << IMI_PAGE)
        | (page.vmpl1_perms << VMPL1_PERMS)
        | (page.vmpl2_perms << VMPL2_PERMS)
        | (page.vmpl3_perms << VMPL3_PERMS)
        | ((page.gfn + chunk) << (GPA + PAGE_SHIFT))
    )


def measured_contents(page_type: PageType, contents: Digest) -> int:
    """The CONTENTS field: only NORMAL and VMSA pages are measured by content, all others count as 0."""
    by_content = any_of(page_type == LaunchPageType.NORMAL, page_type == LaunchPageType.VMSA)
    return ite(by_content, contents, 0)


def extended(digest: Digest, contents: Digest, page: MeasuredPage, chunk: Chunk = 0) -> int:
    """The digest after one more 4 KiB of a page."""
    measured = measured_contents(page.page_type, contents)
    return sha384(page_info(digest, measured, page, chunk), PAGE_INFO_BYTES)


def extended_2m(digest: Digest, contents: Map[Chunk, Digest], page: MeasuredPage) -> int:
    """The digest after a 2 MiB page: its size is not measured, so as after 512 pages of 4 KiB."""
    for chunk in range(PAGES_PER_2M):
        digest = extended(digest, contents[chunk], page, chunk)
    return digest


def measured(
    context: GuestContext, contents: Map[Chunk, Digest], page: MeasuredPage, page_size: Annotated[int, Bits(1)]
) -> GuestContext:
    """The context after a page was launched; a page of the initial migration image counts in both digests."""
    if page_size == PageSize.SIZE_2M:
        launch_digest = extended_2m(context.launch_digest, contents, page)
        imi_digest = extended_2m(context.imi_digest, contents, page)
    else:
        launch_digest = extended(context.launch_digest, contents[0], page)
        imi_digest = extended(context.imi_digest, contents[0], page)
    return replace(context, launch_digest=launch_digest, imi_digest=ite(page.imi_page, imi_digest, context.imi_digest))
