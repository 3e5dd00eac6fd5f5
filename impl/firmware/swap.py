"""What swapping out and in have in common: the first checks, the metadata entry, and the seal.

Firmware ABI (56860), SNP_PAGE_SWAP_OUT and SNP_PAGE_SWAP_IN. A page is sealed with AES-256-GCM under the guest's
offline key, without additional data. Address, masks and state travel in the metadata entry, outside of the seal.
"""

from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from impl.firmware.guest_context import GuestContext
from impl.firmware.layout import parse
from impl.firmware.memory_map import Span
from impl.firmware.page_buffers import MetadataEntry, SwapBuffer
from impl.firmware.page_states import PAGE_BYTES, NamedPage, without_tag
from impl.firmware.refusal import require
from impl.firmware.state import Firmware
from impl.memory.paging import C_BIT
from spec.vocabulary import GuestState, PageSize, PageState, Status

TAG_BYTES = 16
_IV_COUNT_BYTES, _IV_BYTES = 8, 12


@dataclass(frozen=True)
class SwapPages:
    """The pages of a swap command."""

    context: NamedPage
    guest: GuestContext
    source: NamedPage
    target: NamedPage


def named_pages(firmware: Firmware, buffer: SwapBuffer) -> SwapPages:
    """Checks 1 to 7 of both commands."""
    # 1. Reserved bits.
    require(not buffer.reserved_set, Status.INVALID_PARAM, "reserved-bits")

    # 2. The platform is initialised.
    firmware.require_initialised()

    # 3. The page is a guest context. All pages are looked up before any is judged.
    context, source, target = firmware.pages(buffer.gctx_paddr, buffer.src_paddr, buffer.dst_paddr)
    guest = firmware.context(context)
    if not buffer.root_mdata_en:
        _require_entry_place(firmware, buffer, context)
    return SwapPages(context, guest, source, target)


def _require_entry_place(firmware: Firmware, buffer: SwapBuffer, context: NamedPage) -> None:
    """Where the metadata entry lies, if it is not the root entry."""
    page = firmware.page(buffer.mdata_paddr)

    # 4. Entries are aligned to their length.
    require(buffer.mdata_paddr % MetadataEntry.LENGTH == 0, Status.INVALID_PARAM, "mdata-alignment")

    # 5. The entry lies outside of the pages that are read and written.
    length = PAGE_BYTES[PageSize(buffer.page_size)]
    entry = Span(page.spa, page.spa + MetadataEntry.LENGTH - 1)
    named = (Span(spa & ~C_BIT, (spa & ~C_BIT) + length - 1) for spa in (buffer.src_paddr, buffer.dst_paddr))
    require(not any(entry.overlaps(span) for span in named), Status.INVALID_PARAM, "mdata-overlap")

    # 6. It lies in a METADATA page,
    firmware.require_state(page, PageState.METADATA, check="mdata-page-state")

    # 7. of this context page.
    require(without_tag(page.entry.gfn) == context.pfn, Status.INVALID_PAGE_OWNER, "mdata-owner-context")


def require_live(firmware: Firmware, guest: GuestContext) -> None:
    """The guest exists and has an ASID."""
    firmware.require_guest_state(guest, GuestState.LAUNCH, GuestState.RUNNING)
    firmware.require_asid(guest)


def load_entry(firmware: Firmware, buffer: SwapBuffer, guest: GuestContext) -> MetadataEntry:
    """The metadata entry that the command names."""
    if buffer.root_mdata_en:
        return guest.root_entry
    return parse(MetadataEntry, firmware.read(buffer.mdata_paddr, MetadataEntry.LENGTH))


def store_entry(firmware: Firmware, buffer: SwapBuffer, guest: GuestContext, entry: MetadataEntry) -> None:
    """Replace the metadata entry that the command names."""
    if buffer.root_mdata_en:
        guest.root_entry = entry
    else:
        firmware.write(buffer.mdata_paddr, entry.pack())


def seal(key: bytes, count: int, plaintext: bytes) -> tuple[bytes, bytes]:
    """Ciphertext and tag."""
    sealed = AESGCM(key).encrypt(_iv(count), plaintext, None)
    return sealed[:-TAG_BYTES], sealed[-TAG_BYTES:]


def unseal(key: bytes, count: int, ciphertext: bytes, tag: bytes) -> bytes | None:
    """The plaintext, or None if the tag does not fit."""
    try:
        return AESGCM(key).decrypt(_iv(count), ciphertext + tag, None)
    except InvalidTag:
        return None


def _iv(count: int) -> bytes:
    """The count, little-endian, and four zero bytes."""
    return count.to_bytes(_IV_COUNT_BYTES, "little").ljust(_IV_BYTES, b"\0")
