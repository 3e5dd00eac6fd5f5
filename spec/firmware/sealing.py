"""Pages sealed for swapping: AES-256-GCM under the guest's offline encryption key (ABI 56860, "SNP_PAGE_SWAP_OUT").

The key and the IV count say which page was sealed: firmware uses no IV twice under one key, and the tag is ideal. No
additional data is authenticated, so the tag says nothing of the page's address, masks or type.
"""

from typing import Annotated

from spec.firmware.metadata import ENTRY_SHIFT, first_slot
from spec.firmware.state import METADATA_ENTRIES, Firmware, GuestContext, KeyId, MetadataEntry
from spec.logic import all_of, ite
from spec.record import record, replace
from spec.vocabulary import Bits, Pfn

IV_BITS = 64
IV_MASK = (1 << IV_BITS) - 1
LAST_IV = IV_MASK - 1
"""Firmware stops here: the IV count of a guest never wraps."""

Iv = Annotated[int, Bits(64)]


@record
class Sealed:
    """What stands in a page of ciphertext."""

    oek: KeyId
    """The key that sealed it; 0 if nothing did."""
    iv: Iv


def is_sealed_as(sealed_oek: KeyId, sealed_iv: Iv, context: GuestContext, entry: MetadataEntry) -> bool:
    """The tag of the entry accepts the ciphertext."""
    return all_of(sealed_oek != 0, sealed_oek == context.oek, sealed_oek == entry.tag_oek, sealed_iv == entry.iv)


def sealed_slot(oek: KeyId, iv: Iv) -> int:
    """The slot of the first entry of a sealed METADATA page."""
    return (oek << (IV_BITS + ENTRY_SHIFT)) | (iv << ENTRY_SHIFT)


def with_sealed_entries(firmware: Firmware, sealed: Sealed, page: Pfn, *, seals: bool) -> Firmware:
    """Firmware after it has sealed a METADATA page, with the entries in it; nothing new if it has not."""
    metadata, first = firmware.metadata, first_slot(page)
    entries = firmware.sealed.set_range(
        sealed_slot(sealed.oek, sealed.iv),
        ite(seals, METADATA_ENTRIES, 0),
        lambda slot: metadata[first | (slot & (METADATA_ENTRIES - 1))],
    )
    return replace(firmware, sealed=entries)


def with_unsealed_entries(firmware: Firmware, sealed: Sealed, page: Pfn, *, unseals: bool) -> Firmware:
    """Firmware after it has put the entries of a sealed METADATA page into a page; nothing new if it has not."""
    kept, first = firmware.sealed, sealed_slot(sealed.oek, sealed.iv)
    entries = firmware.metadata.set_range(
        first_slot(page),
        ite(unseals, METADATA_ENTRIES, 0),
        lambda slot: kept[first | (slot & (METADATA_ENTRIES - 1))],
    )
    return replace(firmware, metadata=entries)
