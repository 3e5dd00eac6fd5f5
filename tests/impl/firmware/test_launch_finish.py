"""LAUNCH_FINISH with an ID block: who may have signed the guest. Keys and signatures are made here."""

import struct
from hashlib import sha384
from itertools import pairwise

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP384R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA384

from impl.firmware.command_ids import CommandId
from impl.firmware.launch_buffers import LaunchFinishBuffer
from impl.firmware.processor import Answer
from spec.vocabulary import Status
from tests.impl.firmware.host import ASID, GCTX, OTHER_SPA, PAGE, POLICY, TARGET, Host
from tests.impl.firmware.test_launch import digest_of, launching

AUTH = OTHER_SPA


def public_key(key: EllipticCurvePrivateKey) -> bytes:
    numbers = key.public_key().public_numbers()
    return (struct.pack("<I", 2) + numbers.x.to_bytes(72, "little") + numbers.y.to_bytes(72, "little")).ljust(
        0x404, b"\0"
    )


def signature(key: EllipticCurvePrivateKey, message: bytes) -> bytes:
    r, s = decode_dss_signature(key.sign(message, ECDSA(SHA384())))
    return (r.to_bytes(72, "little") + s.to_bytes(72, "little")).ljust(0x200, b"\0")


ID_KEY, AUTHOR_KEY = generate_private_key(SECP384R1()), generate_private_key(SECP384R1())


def id_block(host: Host, policy: int = POLICY, digest: bytes | None = None) -> bytes:
    ids = b"family".ljust(16) + b"image".ljust(16)
    return (digest_of(host) if digest is None else digest) + ids + struct.pack("<IIQ", 1, 7, policy)


def id_auth(block: bytes, algorithms: tuple[int, int] = (1, 1), signer: EllipticCurvePrivateKey = ID_KEY) -> bytes:
    id_key, author_key = public_key(ID_KEY), public_key(AUTHOR_KEY)
    parts = {0: struct.pack("<II", *algorithms), 0x40: signature(signer, block), 0x240: id_key,
             0x680: signature(AUTHOR_KEY, id_key), 0x880: author_key, PAGE: b""}  # fmt: skip
    return b"".join(parts[offset].ljust(end - offset, b"\0") for offset, end in pairwise(parts))


def finish(host: Host, block: bytes, auth: bytes, author: int = 1) -> Answer:
    host.machine.memory.write_raw(TARGET + 0x20, block)
    host.machine.memory.write_raw(AUTH, auth)
    return host.run(
        CommandId.LAUNCH_FINISH,
        LaunchFinishBuffer(
            gctx_paddr=GCTX,
            id_block_paddr=TARGET + 0x20,
            id_auth_paddr=AUTH,
            id_block_en=1,
            auth_key_en=author,
            vcek_dis=1,
            host_data=b"host data".ljust(32),
        ),
    )


def test_launch_finish_accepts_a_signed_id_block_and_remembers_it():
    host = launching()
    block = id_block(host)
    assert finish(host, block, id_auth(block)) == Answer(Status.SUCCESS, "running")
    guest = host.firmware.contexts[GCTX >> 12]
    assert guest.id_key_digest == sha384(public_key(ID_KEY)).digest()
    assert guest.author_key_digest == sha384(public_key(AUTHOR_KEY)).digest()
    assert (guest.id_block.guest_svn, guest.id_block.family_id) == (7, b"family".ljust(16))
    assert (guest.host_data, guest.vcek_disabled, guest.author_key_en) == (b"host data".ljust(32), True, True)


def test_launch_finish_without_author_key_ignores_its_algorithm_and_signature():
    host = launching()
    block = id_block(host)
    assert finish(host, block, id_auth(block, (1, 9))[:0x680].ljust(PAGE, b"\0"), author=0).result == Status.SUCCESS


def test_launch_finish_judges_the_id_block_in_order():
    host = launching()
    good = id_block(host)
    wrong_digest, wrong_policy = id_block(host, 0, b"\1" * 48), id_block(host, 0)
    unsigned = id_auth(good, (9, 9), AUTHOR_KEY)
    assert finish(host, wrong_digest, unsigned) == Answer(Status.BAD_MEASUREMENT, "id-block-digest")
    assert finish(host, wrong_policy, unsigned) == Answer(Status.POLICY_FAILURE, "id-block-policy")
    assert finish(host, good, unsigned) == Answer(Status.INVALID_PARAM, "id-auth-algorithm")
    assert finish(host, good, id_auth(good, (1, 9))) == Answer(Status.INVALID_PARAM, "id-auth-algorithm")
    wrong_signer = id_auth(good, signer=AUTHOR_KEY)
    assert finish(host, good, wrong_signer) == Answer(Status.BAD_SIGNATURE, "id-block-signature")
    broken = bytearray(id_auth(good))
    broken[0x680] ^= 1
    assert finish(host, good, bytes(broken)) == Answer(Status.BAD_SIGNATURE, "id-key-signature")
    assert finish(host, good, id_auth(good)).result == Status.SUCCESS


@pytest.mark.parametrize("offset", [0x240, 0x244, 0x28C], ids=["curve", "x", "y"])
def test_launch_finish_refuses_a_key_that_is_no_point_of_the_curve(offset):
    host = launching()
    block = id_block(host)
    auth = bytearray(id_auth(block))
    auth[offset] ^= 1
    assert finish(host, block, bytes(auth)) == Answer(Status.BAD_SIGNATURE, "id-block-signature")


def test_launch_finish_stores_the_author_flag_without_an_id_block():
    host = launching()
    host.ok(CommandId.LAUNCH_FINISH, LaunchFinishBuffer(gctx_paddr=GCTX, auth_key_en=1))
    guest = host.firmware.contexts[GCTX >> 12]
    assert (guest.author_key_en, guest.id_block_en, guest.author_key_digest) == (True, False, bytes(48))
    assert ASID not in host.machine.invalid_asids
