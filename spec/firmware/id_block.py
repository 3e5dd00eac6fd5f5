"""The ID block of SNP_LAUNCH_FINISH: the owner's word for what is launched, signed (ABI, "SNP_LAUNCH_FINISH")."""

from typing import Annotated

from spec.firmware.command import PageAddress
from spec.firmware.state import Digest, GuestContext
from spec.logic import all_of, any_of, first_of, none_of
from spec.record import record
from spec.registry import Outcome
from spec.system.state import System
from spec.vocabulary import Bits, Evidence, Status

ECDSA_P384_SHA384 = 1
"""The only signature algorithm."""
Algorithm = Annotated[int, Bits(32)]


@record
class IdBlock:
    """The ID block and its authentication, as firmware reads them. Signatures are ideal: they hold or do not."""

    block: PageAddress
    authentication: PageAddress
    launch_digest: Digest
    policy: Annotated[int, Bits(64)]
    guest_svn: Annotated[int, Bits(32)]
    id_key_algorithm: Algorithm
    author_key_algorithm: Algorithm
    id_key_valid: bool
    """A point of the curve P-384."""
    block_signed: bool
    """By the ID key."""
    author_key_valid: bool
    id_key_signed: bool
    """By the author key."""


def id_block_refused(
    system: System, identity: IdBlock, context: GuestContext, author_key_enabled: bool
) -> Outcome | None:
    """What the owner asks for is what was launched, and the owner says so; or the refusal."""
    # 1. The pages.
    if any_of(identity.block.forbidden, identity.authentication.forbidden):
        return Outcome(Status.INVALID_ADDRESS, "id-address", system, Evidence.FIRMWARE)
    if any_of(identity.block.in_rmp, identity.authentication.in_rmp):
        return Outcome(Status.INVALID_PARAM, "id-rmp-page", system, Evidence.INFERRED)

    # 2. What was launched, and under which policy.
    if identity.launch_digest != context.launch_digest:
        return Outcome(Status.BAD_MEASUREMENT, "launch-digest", system, Evidence.FIRMWARE)
    if identity.policy != context.policy:
        return Outcome(Status.POLICY_FAILURE, "id-policy", system, Evidence.FIRMWARE)

    # 3. Who says so.
    author = author_key_enabled
    if cause := first_of(
        ("id-key-algorithm", identity.id_key_algorithm != ECDSA_P384_SHA384),
        ("author-key-algorithm", all_of(author, identity.author_key_algorithm != ECDSA_P384_SHA384)),
    ):
        return Outcome(Status.INVALID_PARAM, cause, system, Evidence.FIRMWARE)
    if cause := first_of(
        ("id-key", none_of(identity.id_key_valid)),
        ("id-block-signature", none_of(identity.block_signed)),
        ("author-key", all_of(author, none_of(identity.author_key_valid))),
        ("id-key-signature", all_of(author, none_of(identity.id_key_signed))),
    ):
        return Outcome(Status.BAD_SIGNATURE, cause, system, Evidence.FIRMWARE)
    return None
