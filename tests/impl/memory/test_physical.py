import pytest

from impl.memory.engine import EncryptionEngine
from impl.memory.physical import PhysicalMemory

PAGE = 0x1000


@pytest.fixture
def memory() -> PhysicalMemory:
    engine = EncryptionEngine()
    engine.install_key(1, bytes(range(32)))
    engine.install_key(2, bytes(range(32, 64)))
    return PhysicalMemory(engine)


def test_untouched_memory_reads_zero(memory):
    assert memory.read_raw((1 << 52) - 8, 8) == bytes(8)


def test_read_beyond_52_bits_is_refused(memory):
    with pytest.raises(ValueError, match="outside"):
        memory.read_raw((1 << 52) - 4, 8)


def test_private_write_is_ciphertext_in_dram(memory):
    memory.write(PAGE, b"attack at dawn!!", 1)
    assert memory.read(PAGE, 16, 1) == b"attack at dawn!!"
    assert memory.read_raw(PAGE, 16) != b"attack at dawn!!"
    assert memory.read(PAGE, 16, 0) == memory.read_raw(PAGE, 16)


def test_private_page_read_by_another_asid_differs(memory):
    memory.write(PAGE, b"attack at dawn!!", 1)
    assert memory.read(PAGE, 16, 2) not in (b"attack at dawn!!", memory.read_raw(PAGE, 16))


def test_partial_write_changes_only_its_blocks(memory):
    memory.write(PAGE, bytes(PAGE), 1)
    before = memory.read_raw(PAGE, PAGE)
    memory.write(PAGE + 30, b"four", 1)
    after = memory.read_raw(PAGE, PAGE)
    assert after[:16] == before[:16]
    assert after[16:32] != before[16:32]
    assert after[32:48] != before[32:48]
    assert after[48:] == before[48:]
    assert memory.read(PAGE + 28, 8, 1) == b"\0\0four\0\0"


def test_pieces_written_one_by_one_equal_the_whole_page(memory):
    content = bytes(range(256)) * 16
    memory.write(PAGE, content, 1)
    whole = memory.read_raw(PAGE, PAGE)
    memory.write_raw(PAGE, bytes(PAGE))
    for start in range(0, PAGE, 100):
        memory.write(PAGE + start, content[start : start + 100], 1)
    assert memory.read_raw(PAGE, PAGE) == whole


def test_write_across_pages_uses_each_page_s_tweak(memory):
    memory.write(2 * PAGE - 16, bytes(32), 1)
    assert memory.read_raw(2 * PAGE - 16, 16) != memory.read_raw(2 * PAGE, 16)
    assert memory.read(2 * PAGE - 16, 32, 1) == bytes(32)


def test_ciphertext_moved_to_another_page_decrypts_to_something_else(memory):
    memory.write(PAGE, b"attack at dawn!!", 1)
    memory.write_raw(2 * PAGE, memory.read_raw(PAGE, 16))
    assert memory.read(2 * PAGE, 16, 1) != b"attack at dawn!!"


def test_replayed_ciphertext_at_its_own_address_decrypts_to_the_old_value(memory):
    memory.write(PAGE, b"attack at dawn!!", 1)
    old = memory.read_raw(PAGE, 16)
    memory.write(PAGE, b"retreat at dusk!", 1)
    memory.write_raw(PAGE, old)
    assert memory.read(PAGE, 16, 1) == b"attack at dawn!!"
