import pytest

from impl.rmp.layout import RmpEntry
from spec.vocabulary import PageSize


def words(low: int, high: int = 0) -> bytes:
    return low.to_bytes(8, "little") + high.to_bytes(8, "little")


# The first three words were read on Milan and Genoa hosts; the rest are what SNP firmware writes.
@pytest.mark.parametrize(
    ("low", "high", "entry"),
    [
        (
            0x6010FFFFFFFFF001,
            0x1F,
            RmpEntry(True, gfn=0xFFFFFFFFF, asid=2, vmsa=True, validated=True, perms=(0x1F, 0, 0, 0)),
        ),
        (0x8000000000000FFD, 0xF, RmpEntry(True, immutable=True, subpage_count=0x1FF, lock=True, perms=(0xF, 0, 0, 0))),
        (0x80000000000007FD, 0, RmpEntry(True, immutable=True, subpage_count=0xFF, lock=True)),
        (0x0, 0, RmpEntry()),
        (0x4, 0, RmpEntry(immutable=True)),
        (0x8000000000000005, 0, RmpEntry(True, immutable=True, lock=True)),
        (0x0000000000000003, 0, RmpEntry(True, PageSize.SIZE_2M)),
    ],
)
def test_entry_of_known_words_unpacks_and_packs_back(low, high, entry):
    assert RmpEntry.unpack(words(low, high)) == entry
    assert entry.pack() == words(low, high)


def test_masks_take_one_byte_each_of_the_second_quadword():
    entry = RmpEntry(perms=(0x1F, 0x3, 0x5, 0x8))
    assert entry.pack()[8:] == bytes([0x1F, 0x3, 0x5, 0x8, 0, 0, 0, 0])


def test_reserved_bits_of_the_second_quadword_are_kept():
    raw = words(1, 0xDEADBEEF_04030201)
    assert RmpEntry.unpack(raw).reserved == 0xDEADBEEF
    assert RmpEntry.unpack(raw).pack() == raw
