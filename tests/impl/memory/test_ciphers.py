"""The cipher layer against the vectors of NIST SP 800-38E (XTS) and FIPS 197 (AES), and against its own formulas."""

import cryptography
import cryptography_vectors
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB
from hypothesis import given
from hypothesis import strategies as st

from impl.memory.ciphers import MaskedCipher, XtsCipher
from impl.memory.linear_tweak import LinearTweak, public_constants
from impl.memory.secret_tweak import SecretTweak
from impl.memory.tweak import PageMasks
from tests.impl.memory.nist_vectors import Vector, vectors

XTS_FILES = [
    f"XTS/{tweak}/XTSGenAES{bits}.rsp" for tweak in ("tweak-128hexstr", "tweak-dataunitseqno") for bits in (128, 256)
]
AES_FILES = [
    f"ECB/ECB{kind}{bits}.rsp" for kind in ("GFSbox", "KeySbox", "MMT", "VarKey", "VarTxt") for bits in (128, 256)
]
KEY = bytes(range(16))
TWEAK_KEY = bytes(range(100, 116))
PAGES = st.integers(0, (1 << 40) - 1).map(lambda page: page << 12)
BLOCKS = st.integers(0, 255)


def tweak_of(vector: Vector) -> int:
    """The tweak as the address whose 16 bytes, little-endian, it is."""
    if "i" in vector.fields:
        return int.from_bytes(vector.raw("i"), "little")
    return int(vector.fields["DataUnitSeqNumber"])


def test_vectors_are_those_of_the_library_in_use():
    assert cryptography_vectors.__version__ == cryptography.__version__


@pytest.mark.parametrize("file", XTS_FILES)
def test_xts_of_nist_vectors_matches_in_both_directions(file):
    # Memory is never encrypted in anything but whole blocks, so ciphertext stealing is left out.
    whole = [vector for vector in vectors(file) if int(vector.fields["DataUnitLen"]) % 128 == 0]
    assert len(whole) == 600
    for vector in whole:
        cipher, address = XtsCipher(vector.raw("Key")), tweak_of(vector)
        assert cipher.encrypt(address, vector.raw("PT")) == vector.raw("CT"), vector.name
        assert cipher.decrypt(address, vector.raw("CT")) == vector.raw("PT"), vector.name


@pytest.mark.parametrize("file", AES_FILES)
@pytest.mark.parametrize("also_after", [False, True], ids=["XE", "XEX"])
def test_masked_cipher_with_masks_of_zero_is_aes(file, also_after):
    masks = PageMasks(LinearTweak([bytes(16)] * 48))
    for vector in vectors(file):
        cipher = MaskedCipher(vector.raw("KEY"), masks, also_after=also_after)
        assert cipher.encrypt(0, vector.raw("PLAINTEXT")) == vector.raw("CIPHERTEXT"), vector.name
        assert cipher.decrypt(0, vector.raw("CIPHERTEXT")) == vector.raw("PLAINTEXT"), vector.name


def aes(key: bytes, block: bytes) -> bytes:
    return Cipher(AES(key), ECB()).encryptor().update(block)


def xor(*blocks: bytes) -> bytes:
    result = bytes(16)
    for block in blocks:
        result = bytes(left ^ right for left, right in zip(result, block, strict=True))
    return result


def linear(spa: int) -> bytes:
    """T by its definition."""
    constants = public_constants()
    return xor(*(constants[bit - 4] for bit in range(4, 52) if spa >> bit & 1))


def secret(spa: int) -> bytes:
    return aes(TWEAK_KEY, (spa // 16).to_bytes(16, "big"))


@given(page=PAGES, block=BLOCKS, plaintext=st.binary(min_size=16, max_size=16))
def test_xe_is_aes_of_plaintext_and_tweak(page, block, plaintext):
    cipher = MaskedCipher(KEY, PageMasks(LinearTweak(public_constants())), also_after=False)
    ciphertext = cipher.encrypt(page, bytes(16) * block + plaintext)[-16:]
    assert ciphertext == aes(KEY, xor(plaintext, linear(page + 16 * block)))


@given(page=PAGES, block=BLOCKS, plaintext=st.binary(min_size=16, max_size=16))
@pytest.mark.parametrize(
    ("tweak", "by_definition"), [(LinearTweak(public_constants()), linear), (SecretTweak(TWEAK_KEY), secret)]
)
def test_xex_adds_the_tweak_before_and_after(tweak, by_definition, page, block, plaintext):
    cipher = MaskedCipher(KEY, PageMasks(tweak), also_after=True)
    ciphertext = cipher.encrypt(page, bytes(16) * block + plaintext)[-16:]
    expected = by_definition(page + 16 * block)
    assert ciphertext == xor(aes(KEY, xor(plaintext, expected)), expected)


@pytest.mark.parametrize("tweak", [LinearTweak(public_constants()), SecretTweak(TWEAK_KEY)])
def test_mask_of_a_window_is_that_of_its_pages(tweak):
    window = 0x0123_4567_0000
    pages = [PageMasks(tweak).mask(window + start, 4096).tobytes() for start in range(0, 1 << 16, 4096)]
    assert tweak.mask(window, 1 << 16).tobytes() == b"".join(pages)


def test_remembered_mask_is_that_of_the_page_asked_for():
    tweak = LinearTweak(public_constants())
    masks = PageMasks(tweak)
    for _ in range(2):
        for page in range(0, 3000 * 4096, 4096):
            assert masks.mask(page, 32).tobytes() == linear(page) + linear(page + 16)
