import pytest

from impl.memory.engine import EncryptionEngine, MissingKeyError

KEY = bytes(range(32))


def test_encrypt_at_two_addresses_differs():
    engine = EncryptionEngine()
    engine.install_key(1, KEY)
    assert engine.encrypt(1, 0x1000, bytes(4096)) != engine.encrypt(1, 0x2000, bytes(4096))


def test_decrypt_with_the_same_key_restores_it():
    engine = EncryptionEngine()
    engine.install_key(1, KEY)
    assert engine.decrypt(1, 0x1000, engine.encrypt(1, 0x1000, b"secret" + bytes(4090))) == b"secret" + bytes(4090)


def test_encrypt_of_ieee_1619_vector_4_matches():
    # IEEE Std 1619, XTS-AES-128 vector 4: data unit 0, plaintext 00 01 … ff twice.
    key = bytes.fromhex("2718281828459045235360287471352631415926535897932384626433832795")
    engine = EncryptionEngine()
    engine.install_key(1, key)
    ciphertext = engine.encrypt(1, 0, bytes(range(256)) * 2)
    assert ciphertext[:16] == bytes.fromhex("27a7479befa1d476489f308cd4cfa6e2")


def test_encrypt_for_the_host_is_plaintext():
    assert EncryptionEngine().encrypt(0, 0x1000, b"plain") == b"plain"


def test_dropped_key_is_missing():
    engine = EncryptionEngine()
    engine.install_key(1, KEY)
    engine.drop_key(1)
    assert not engine.has_key(1)
    with pytest.raises(MissingKeyError, match="ASID 1"):
        engine.encrypt(1, 0, bytes(16))


def test_install_key_of_wrong_length_is_refused():
    with pytest.raises(ValueError, match="32 bytes"):
        EncryptionEngine().install_key(1, bytes(16))


def test_install_key_for_the_host_is_refused():
    with pytest.raises(ValueError, match="ASID 0"):
        EncryptionEngine().install_key(0, KEY)


def test_decrypt_for_the_host_is_ciphertext():
    assert EncryptionEngine().decrypt(0, 0x1000, b"plain") == b"plain"
