"""What a page of memory holds: ideal ciphertext (APM Vol. 2, 15.34; SEV, SEV-ES and SNP alike).

The engine in the memory controller encrypts each 16 bytes by themselves, under the key of an ASID and with a tweak made
from their address. Nothing is authenticated and nothing counts how often a place was written: whoever can write a page
can put back what stood there before. Every rule moves, encrypts or protects whole pages and treats all 256 blocks of a
page alike. So here a page holds one block: the one at some offset, any offset, the same in all pages.
"""

from typing import Annotated

from spec.firmware.state import KeyId
from spec.ideal import ideal
from spec.logic import all_of, any_of, ite, none_of
from spec.memory.rules import Rules
from spec.record import record
from spec.vocabulary import Bits, Pfn

Word = Annotated[int, Bits(128)]
"""16 bytes, as the one who has the key sees them."""
BlockKey = Annotated[int, Bits(33)]
"""What encrypts a block: a `KeyId`; 0 is no key; from 2**32 on the keys of legacy guests."""
Tweak = Annotated[int, Bits(64)]
"""Where a block was encrypted: a page frame number. Of what was swapped out: the IV."""
WORD_BITS = 128
FIRST_LEGACY_KEY = 1 << 32


@record
class Block:
    """What stands in memory: `value` under `key`, encrypted for the place `at`; without a key, the value itself."""

    key: BlockKey
    at: Tweak
    value: Word


def plain(value: Word) -> Block:
    """Without encryption."""
    return Block(0, 0, value)


EMPTY = Block(0, 0, 0)
"""Memory after reset."""


def garbled(key: BlockKey, page: Pfn, block: Block, *, unlike: bool) -> int:
    """What a block is under a key, or at a place, that is not its own: an ideal function, of which nothing is known.

    Unless equal ciphertexts can be told (X-cteq), it does not depend on what was encrypted.
    """
    told = ite(any_of(block.key == 0, none_of(unlike)), block.value, 0)
    return ideal("garbled", WORD_BITS, key, page, block.key, block.at, told)


def tweak_of(place: Tweak) -> int:
    """The published tweak of early processors is linear in the address, and its constants are known.

    What follows from that does not depend on the constants, so the frame number stands for its own tweak.
    """
    return place


def opened(key: BlockKey, page: Pfn, block: Block, rules: Rules) -> int:
    """What a read at `page` through the engine gives, with the key of the reader."""
    own = key == block.key
    here = any_of(key == 0, block.at == page)
    shifted = block.value ^ tweak_of(block.at) ^ tweak_of(page)
    garbage = garbled(key, page, block, unlike=rules.ciphertexts_unlike)
    elsewhere = ite(rules.tweak_secret, garbage, shifted)
    return ite(own, ite(here, block.value, elsewhere), garbage)


def sealed_frame(oek: KeyId, iv: Tweak, offset: Annotated[int, Bits(9)]) -> int:
    """The number of 4 KiB of a page that firmware sealed for swapping: its key, its IV, its place in the page."""
    return (oek << 73) | (iv << 9) | offset


SealedFrame = Annotated[int, Bits(105)]
"""See `sealed_frame`."""


def is_under(block: Block, key: BlockKey, page: Pfn) -> bool:
    """The block was encrypted with this key for this page."""
    return all_of(block.key == key, block.at == page)
