"""MSG_KEY_REQ: a guest asks for a key that only it, or guests like it, can have (firmware ABI 56860, "Key Derivation").

SP 800-108 in counter mode with HMAC-SHA-256. The root is the guest's VMRK or the key that signs reports; a machine
without chip keys answers INVALID_KEY to a request for the latter.
"""

import hmac
from dataclasses import dataclass
from enum import IntFlag
from hashlib import sha256
from typing import ClassVar

from impl.firmware.config import exceeds, reserved_components_set
from impl.firmware.endorsement_key import key_selected
from impl.firmware.guest_context import GuestContext
from impl.firmware.layout import Layout, bits, parse, raw, u32, u64
from impl.firmware.refusal import require
from impl.firmware.state import Firmware
from spec.vocabulary import SigningKey, Status

_LABEL = b"gmsg-keyreq"
_KEY_BITS = 256
_WORD_BYTES = 4
_SCALAR_BYTES = 48
_TRUNCATED_DIGEST = 32
"""Of a 48-byte digest only so many bytes enter the derivation."""


class GuestField(IntFlag):
    """GUEST_FIELD_SELECT: what the key shall depend on."""

    POLICY = 1 << 0
    IMAGE_ID = 1 << 1
    FAMILY_ID = 1 << 2
    MEASUREMENT = 1 << 3
    GUEST_SVN = 1 << 4
    TCB_VERSION = 1 << 5


_ALL_FIELDS = (1 << len(GuestField)) - 1


@dataclass(frozen=True, kw_only=True)
class KeyRequest(Layout):
    """MSG_KEY_REQ."""

    LENGTH: ClassVar[int] = 0x20
    root_key_select: int = bits(0x00, 0, 1)
    """0 VCEK or VLEK, 1 VMRK."""
    key_sel: int = bits(0x00, 1, 2)
    guest_field_select: int = u64(0x08)
    vmpl: int = u32(0x10)
    guest_svn: int = u32(0x14)
    tcb_version: int = u64(0x18)


@dataclass(frozen=True, kw_only=True)
class MixData(Layout):
    """What the key is derived from besides the root key. Fields that were not selected are zero."""

    LENGTH: ClassVar[int] = 0xA8
    root_key_select: int = bits(0x00, 0, 1)
    idblock_key_select: int = bits(0x00, 1, 2)
    """0 none, 1 the ID key, 2 the author key."""
    guest_field_select: int = u64(0x08)
    vmpl: int = u32(0x10)
    guest_svn: int = u32(0x14)
    tcb_version: int = u64(0x18)
    policy: int = u64(0x20)
    image_id: bytes = raw(0x28, 16)
    family_id: bytes = raw(0x38, 16)
    measurement: bytes = raw(0x48, 32)
    host_data: bytes = raw(0x68, 32)
    idblock_key: bytes = raw(0x88, 32)


@dataclass(frozen=True, kw_only=True)
class KeyResponse(Layout):
    """MSG_KEY_RSP."""

    LENGTH: ClassVar[int] = 0x40
    status: int = u32(0x00)
    derived_key: bytes = raw(0x20, 32)


def derive(firmware: Firmware, guest: GuestContext, payload: bytes, vmpck: int) -> KeyResponse:
    """The answer to a request that was sent under communication key `vmpck`."""
    request = parse(KeyRequest, payload)

    # 1. Reserved bits.
    require(not request.reserved_set, Status.INVALID_PARAM, "key-reserved-bits")

    # 2. A chip key, if one is asked for, is there and may be used.
    from_vmrk = bool(request.root_key_select)
    chip_key = None if from_vmrk or firmware.mask_chip_key else key_selected(firmware, guest, request.key_sel)
    require(from_vmrk or chip_key is not None, Status.INVALID_KEY, "key-available")

    # 3. No key of a more privileged level.
    require(request.vmpl >= vmpck, Status.INVALID_PARAM, "key-vmpl")

    # 4. Only fields that exist.
    chosen = request.guest_field_select
    require(not chosen & ~_ALL_FIELDS, Status.INVALID_PARAM, "key-fields")

    # 5. No TCB version that the firmware has not reached.
    committed = firmware.environment.committed_tcb
    newer = exceeds(request.tcb_version, committed) or reserved_components_set(request.tcb_version)
    require(not (chosen & GuestField.TCB_VERSION and newer), Status.INVALID_PARAM, "key-tcb-version")

    # 6. No security version that the guest's owner has not reached.
    future = request.guest_svn > guest.id_block.guest_svn
    require(not (chosen & GuestField.GUEST_SVN and future), Status.INVALID_PARAM, "key-guest-svn")
    tcb = request.tcb_version if chosen & GuestField.TCB_VERSION else firmware.reported_tcb
    root = guest.root_key if chip_key is None else _chip_root(firmware, chip_key, tcb)
    return KeyResponse(derived_key=_key(root, _mixed(guest, request)))


def _chip_root(firmware: Firmware, key: SigningKey, tcb: int) -> bytes:
    """A VCEK is derived anew for an older TCB version that the guest asks for; a VLEK is what was loaded."""
    endorsement = firmware.environment.endorsement
    assert endorsement is not None, "there is a key"
    if key == SigningKey.VCEK or endorsement.vlek is None:
        return endorsement.chip.root_key(tcb)
    secret = endorsement.vlek.private_numbers().private_value
    return sha256(secret.to_bytes(_SCALAR_BYTES, "little")).digest()


def _mixed(guest: GuestContext, request: KeyRequest) -> MixData:
    select, owner_key = 0, bytes(_TRUNCATED_DIGEST)
    if guest.author_key_en:
        select, owner_key = 2, guest.author_key_digest[:_TRUNCATED_DIGEST]
    elif guest.id_block_en:
        select, owner_key = 1, guest.id_key_digest[:_TRUNCATED_DIGEST]
    chosen = request.guest_field_select
    block = guest.id_block
    return MixData(
        root_key_select=request.root_key_select,
        idblock_key_select=select,
        guest_field_select=chosen,
        vmpl=request.vmpl,
        guest_svn=request.guest_svn if chosen & GuestField.GUEST_SVN else 0,
        tcb_version=request.tcb_version if chosen & GuestField.TCB_VERSION else 0,
        policy=guest.policy if chosen & GuestField.POLICY else 0,
        image_id=block.image_id if chosen & GuestField.IMAGE_ID else bytes(len(block.image_id)),
        family_id=block.family_id if chosen & GuestField.FAMILY_ID else bytes(len(block.family_id)),
        measurement=(
            guest.launch_digest[:_TRUNCATED_DIGEST] if chosen & GuestField.MEASUREMENT else bytes(_TRUNCATED_DIGEST)
        ),
        host_data=guest.host_data,
        idblock_key=owner_key,
    )


def _key(root: bytes, mix: MixData) -> bytes:
    counter, length = (number.to_bytes(_WORD_BYTES, "little") for number in (1, _KEY_BITS))
    return hmac.digest(root, counter + _LABEL + b"\0" + mix.pack() + length, "sha256")
