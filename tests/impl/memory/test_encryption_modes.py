"""What each cipher of memory prevents and what it does not, in bytes: replay, moved blocks, equal ciphertexts."""

from hashlib import sha512
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from impl.memory.encryption_mode import (
    ADDRESS_BOUND,
    XE_PUBLIC,
    XEX_PUBLIC,
    XEX_SECRET,
    XTS_128,
    XTS_256,
    EncryptionMode,
    TweakForm,
)
from impl.memory.engine import HOST_ENCRYPTED, EncryptionEngine, MissingKeyError
from impl.memory.linear_tweak import LinearTweak, public_constants, secret_constants
from impl.memory.physical import PhysicalMemory

WITH_128 = [XE_PUBLIC, XEX_PUBLIC, XEX_SECRET, ADDRESS_BOUND, XTS_128]
WITH_256 = [EncryptionMode(mode.tweak, 256, mode.secret_constants) for mode in WITH_128]
MODES = [*WITH_128, *WITH_256]
LINEAR = [mode for mode in MODES if mode.tweak.is_linear]
BOUND = [mode for mode in MODES if not mode.tweak.is_linear]
HERE, THERE = 0x1234_5670, 0x89_ABCD_E0F0
"""Blocks in different pages, of different offsets."""
GUEST, OTHER = 1, 2
SECRET = b"attack at dawn!!"
FIRST_ADDRESS = st.integers(0, (1 << 48) - 1).map(lambda block: block << 4)


def name(mode: EncryptionMode) -> str:
    return f"{mode.tweak.name}-{mode.key_bits}" + "-secret" * mode.secret_constants


in_every_mode = pytest.mark.parametrize("mode", MODES, ids=name)
in_linear_modes = pytest.mark.parametrize("mode", LINEAR, ids=name)
in_bound_modes = pytest.mark.parametrize("mode", BOUND, ids=name)


def fixed_bytes(seed: bytes = b""):
    drawn = count()
    return lambda length: sha512(b"%b %d" % (seed, next(drawn))).digest()[:length]


def memory_of(mode: EncryptionMode) -> PhysicalMemory:
    draw = fixed_bytes()
    engine = EncryptionEngine(mode, draw)
    for asid in (GUEST, OTHER):
        engine.install_key(asid, draw(mode.key_bytes))
    return PhysicalMemory(engine)


def xor(*blocks: bytes) -> bytes:
    value = 0
    for block in blocks:
        value ^= int.from_bytes(block, "little")
    return value.to_bytes(len(blocks[0]), "little")


def after_move(memory: PhysicalMemory, plaintext: bytes, source: int, target: int) -> bytes:
    """What the guest reads at `target` once the host has copied there the ciphertext of `source`."""
    memory.write(source, plaintext, GUEST)
    memory.write_raw(target, memory.read_raw(source, 16))
    return memory.read(target, 16, GUEST)


def test_modes_have_keys_of_these_lengths():
    assert [mode.key_bytes for mode in WITH_128] == [16, 16, 16, 32, 32]
    assert [mode.key_bytes for mode in WITH_256] == [32, 32, 32, 64, 64]
    assert WITH_256[-1] == XTS_256


# --- what no mode prevents ---


@in_every_mode
def test_replayed_ciphertext_decrypts_to_the_old_plaintext(mode):
    memory = memory_of(mode)
    memory.write(HERE, SECRET, GUEST)
    old = memory.read_raw(HERE, 16)
    memory.write(HERE, b"retreat at dusk!", GUEST)
    memory.write_raw(HERE, old)
    assert memory.read(HERE, 16, GUEST) == SECRET


@in_every_mode
def test_equal_plaintext_at_one_address_is_equal_ciphertext(mode):
    memory = memory_of(mode)
    seen = []
    for plaintext in (SECRET, bytes(16), SECRET):
        memory.write(HERE, plaintext, GUEST)
        seen.append(memory.read_raw(HERE, 16))
    assert seen[0] == seen[2] != seen[1]


@in_every_mode
def test_equal_plaintext_at_two_addresses_is_different_ciphertext(mode):
    memory = memory_of(mode)
    memory.write(0x1000, bytes(0x2000), GUEST)
    blocks = {memory.read_raw(spa, 16) for spa in range(0x1000, 0x3000, 16)}
    assert len(blocks) == 0x2000 // 16


@in_every_mode
def test_changed_ciphertext_bit_garbles_its_block_and_no_other(mode):
    memory = memory_of(mode)
    memory.write(0x1000, bytes(range(64)), GUEST)
    memory.write_raw(0x1010, xor(memory.read_raw(0x1010, 16), bytes([1]) + bytes(15)))
    read = memory.read(0x1000, 64, GUEST)
    assert read[:16] + read[32:] == bytes(range(16)) + bytes(range(32, 64))
    assert read[16:32] != bytes(range(16, 32))


# --- a moved block ---


@in_linear_modes
def test_block_moved_with_a_change_of_the_tweaks_has_the_predicted_difference(mode):
    """XE needs no change; XEX needs the difference of the tweaks added to the ciphertext, too."""
    memory, tweak = memory_of(mode), tweak_of(mode)
    difference = xor(tweak.of(HERE), tweak.of(THERE))
    memory.write(HERE, SECRET, GUEST)
    moved = memory.read_raw(HERE, 16)
    memory.write_raw(THERE, moved if mode.tweak is TweakForm.XE else xor(moved, difference))
    assert memory.read(THERE, 16, GUEST) == xor(SECRET, difference) != SECRET


def tweak_of(mode: EncryptionMode) -> LinearTweak:
    """The tweak of `memory_of(mode)`, whose constants are what it draws first."""
    return LinearTweak(secret_constants(fixed_bytes()) if mode.secret_constants else public_constants())


@given(source=FIRST_ADDRESS, target=FIRST_ADDRESS, plaintext=st.binary(min_size=16, max_size=16))
def test_moved_block_under_xe_differs_by_both_tweaks_wherever_it_goes(source, target, plaintext):
    tweak = LinearTweak(public_constants())
    moved = after_move(memory_of(XE_PUBLIC), plaintext, source, target)
    assert moved == xor(plaintext, tweak.of(source), tweak.of(target))


@in_linear_modes
def test_difference_of_linear_tweaks_is_known_from_one_pair_of_addresses_for_all_like_it(mode):
    tweak = tweak_of(mode)
    distance = HERE ^ THERE
    for source in (0, 0x1000, 0xFFFF_FFF0, 0x0008_0000_0000_0000):
        assert xor(tweak.of(source), tweak.of(source ^ distance)) == xor(tweak.of(HERE), tweak.of(THERE))


def test_block_moved_unchanged_under_xex_is_garbled():
    memory, tweak = memory_of(XEX_PUBLIC), LinearTweak(public_constants())
    differences = {xor(after_move(memory, text, HERE, THERE), text) for text in (SECRET, bytes(16))}
    assert len(differences) == 2
    assert xor(tweak.of(HERE), tweak.of(THERE)) not in differences


@in_bound_modes
def test_moved_block_under_a_bound_tweak_is_unrelated_plaintext(mode):
    memory = memory_of(mode)
    texts = [SECRET, bytes(16), xor(SECRET, bytes([1]) + bytes(15))]
    moved = [after_move(memory, text, HERE, THERE) for text in texts]
    # No difference is the same for two plaintexts, so none can be predicted.
    assert len({xor(read, text) for read, text in zip(moved, texts, strict=True)}) == 3
    assert not set(moved) & set(texts)


def basis(vectors: list[bytes]) -> tuple[dict[int, tuple[int, int]], int]:
    """Elimination over GF(2): a basis by leading bit, and a set of the vectors that adds up to nothing, or 0."""
    found: dict[int, tuple[int, int]] = {}
    for position, vector in enumerate(vectors):
        value, members = int.from_bytes(vector, "little"), 1 << position
        while value and value.bit_length() in found:
            other, of_other = found[value.bit_length()]
            value, members = value ^ other, members ^ of_other
        if not value:
            return found, members
        found[value.bit_length()] = value, members
    return found, 0


@pytest.mark.parametrize("mode", [XE_PUBLIC, XEX_PUBLIC], ids=name)
def test_block_moved_between_addresses_of_one_tweak_keeps_its_plaintext(mode):
    """32 bits of constants for 48 address bits: some address bits together change nothing."""
    _, bits = basis(public_constants())
    source, target = HERE, HERE ^ bits << 4
    assert source != target
    assert after_move(memory_of(mode), SECRET, source, target) == SECRET


def test_secret_constants_are_independent():
    found, dependent = basis(secret_constants(fixed_bytes()))
    assert (len(found), dependent) == (48, 0)


# --- keys ---


@in_every_mode
def test_memory_read_under_another_key_is_neither_plaintext_nor_ciphertext(mode):
    memory = memory_of(mode)
    memory.write(HERE, SECRET, GUEST)
    views = {asid: memory.read(HERE, 16, asid) for asid in (GUEST, OTHER, HOST_ENCRYPTED, 0)}
    assert views[GUEST] == SECRET
    assert len(set(views.values())) == 4


@in_every_mode
def test_two_guests_with_equal_plaintext_have_different_ciphertext(mode):
    memory = memory_of(mode)
    seen = set()
    for asid in (GUEST, OTHER, HOST_ENCRYPTED):
        memory.write(HERE, SECRET, asid)
        seen.add(memory.read_raw(HERE, 16))
    assert len(seen) == 3


@in_every_mode
def test_memory_of_a_destroyed_key_is_lost(mode):
    memory = memory_of(mode)
    engine = memory.engine
    memory.write(HERE, SECRET, GUEST)
    engine.drop_key(GUEST)
    assert (engine.has_key(GUEST), engine.key_of(GUEST)) == (False, None)
    with pytest.raises(MissingKeyError, match="ASID 1"):
        memory.read(HERE, 16, GUEST)
    engine.install_key(GUEST, fixed_bytes(b"new")(mode.key_bytes))
    assert memory.read(HERE, 16, GUEST) != SECRET


@in_every_mode
def test_host_key_is_another_one_after_a_reset(mode):
    keys = {EncryptionEngine(mode).key_of(HOST_ENCRYPTED) for _ in range(2)}
    assert len(keys) == 2


@pytest.mark.parametrize("mode", [XEX_SECRET], ids=name)
def test_secret_constants_are_others_after_a_reset(mode):
    key = bytes(range(16))
    seen = set()
    for seed in (b"first", b"second"):
        engine = EncryptionEngine(mode, fixed_bytes(seed))
        engine.install_key(GUEST, key)
        seen.add(engine.encrypt(GUEST, 0x1000, SECRET))
    assert len(seen) == 2


# --- spans ---


@in_every_mode
@pytest.mark.parametrize("pages", [2, 13])
def test_span_is_encrypted_as_its_pages_are(mode, pages):
    engine, first = memory_of(mode).engine, 0x10_3000
    content = b"".join(sha512(b"%d" % number).digest() for number in range(pages * 64))
    starts = range(0, len(content), 4096)
    expected = b"".join(engine.encrypt(GUEST, first + start, content[start : start + 4096]) for start in starts)
    assert engine.encrypt(GUEST, first, content) == expected
    assert engine.decrypt(GUEST, first, expected) == content
    assert engine.encrypt(GUEST, first, content[:-4080]) == expected[:-4080]


@in_every_mode
def test_partial_writes_equal_one_write(mode):
    memory = memory_of(mode)
    content = b"".join(sha512(b"%d" % number).digest() for number in range(3000))
    memory.write(0x1_E000, content, GUEST)
    whole = memory.read_raw(0x1_E000, len(content))
    memory.write_raw(0x1_E000, bytes(len(content)))
    for start in range(0, len(content), 70_001):
        memory.write(0x1_E000 + start, content[start : start + 70_001], GUEST)
    assert memory.read_raw(0x1_E000, len(content)) == whole
    assert memory.read(0x1_E000 + 77, 120_001, GUEST) == content[77 : 77 + 120_001]


@in_every_mode
@pytest.mark.parametrize(("spa", "length"), [(0x1010, 16), (0x1000, 17), (0xF000, 0x2000)])
def test_span_that_is_no_run_of_blocks_in_a_window_is_refused(mode, spa, length):
    with pytest.raises(ValueError, match="whole blocks"):
        memory_of(mode).engine.encrypt(GUEST, spa, bytes(length))
