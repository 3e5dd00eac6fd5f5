"""SNP_LAUNCH_FINISH: the launch digest is final, the owner's ID block is checked, the guest may run."""

from dataclasses import dataclass, field

from impl.firmware.asids import CcxState
from impl.firmware.guest_context import DIGEST_BYTES, Activation, GuestContext
from impl.firmware.id_block import ECDSA_P384_SHA384, IdAuth, IdBlock, key_digest, signature_holds
from impl.firmware.launch_buffers import LaunchFinishBuffer
from impl.firmware.layout import parse
from impl.firmware.refusal import require
from impl.firmware.state import Firmware
from spec.vocabulary import GuestState, Status


@dataclass(frozen=True)
class Identity:
    """What the ID block and its keys leave in the guest context."""

    block: IdBlock = field(default_factory=IdBlock)
    id_key_digest: bytes = bytes(DIGEST_BYTES)
    author_key_digest: bytes = bytes(DIGEST_BYTES)


def launch_finish(firmware: Firmware, buffer: LaunchFinishBuffer) -> str:
    """Firmware ABI (56860), SNP_LAUNCH_FINISH. The guest goes from LAUNCH to RUNNING."""
    # 1. Reserved bits.
    require(not buffer.reserved_set, Status.INVALID_PARAM, "reserved-bits")

    # 2. The platform is initialised.
    firmware.require_initialised()

    # 3. The page is a guest context.
    guest = firmware.context(firmware.page(buffer.gctx_paddr))

    # 4. The guest is being launched. A migration image is finished by the guest it absorbs.
    launching = guest.state == GuestState.LAUNCH and not guest.imi_en
    require(launching, Status.INVALID_GUEST_STATE, "guest-state")

    # 5. It has an ASID.
    firmware.require_asid(guest)

    # 6. to 11. The owner meant this guest.
    identity = _identity(firmware, guest, buffer) if buffer.id_block_en else Identity()
    guest.id_block = identity.block
    guest.id_key_digest = identity.id_key_digest
    guest.author_key_digest = identity.author_key_digest
    guest.host_data = buffer.host_data
    guest.id_block_en = bool(buffer.id_block_en)
    # Firmware 1.55 stores this flag even without an ID block.
    guest.author_key_en = bool(buffer.auth_key_en)
    guest.vcek_disabled = bool(buffer.vcek_dis)
    if guest.activation == Activation.PENDING:
        firmware.asids.put(guest.asid, guest.ccxs, CcxState.IN_USE)
        firmware.machine.invalid_asids.discard(guest.asid)
        guest.activation = Activation.ACTIVE
    guest.state = GuestState.RUNNING
    return "running"


def _identity(firmware: Firmware, guest: GuestContext, buffer: LaunchFinishBuffer) -> Identity:
    signed_block = firmware.read(buffer.id_block_paddr, IdBlock.LENGTH)
    block = parse(IdBlock, signed_block)
    auth = parse(IdAuth, firmware.read(buffer.id_auth_paddr, IdAuth.LENGTH))

    # 6. The guest is what its owner expects.
    require(block.launch_digest == guest.launch_digest, Status.BAD_MEASUREMENT, "id-block-digest")

    # 7. So is its policy.
    require(block.policy == guest.policy, Status.POLICY_FAILURE, "id-block-policy")

    # 8. The algorithms are known.
    known = auth.id_key_algo == ECDSA_P384_SHA384
    known = known and (not buffer.auth_key_en or auth.auth_key_algo == ECDSA_P384_SHA384)
    require(known, Status.INVALID_PARAM, "id-auth-algorithm")

    # 9. The ID key signed the block.
    signed = signature_holds(signed_block, auth.id_block_sig, auth.id_key)
    require(signed, Status.BAD_SIGNATURE, "id-block-signature")
    if not buffer.auth_key_en:
        return Identity(block, key_digest(auth.id_key))

    # 10. The author key signed the ID key.
    signed = signature_holds(auth.id_key, auth.id_key_sig, auth.author_key)
    require(signed, Status.BAD_SIGNATURE, "id-key-signature")
    return Identity(block, key_digest(auth.id_key), key_digest(auth.author_key))
