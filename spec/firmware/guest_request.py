"""SNP_GUEST_REQUEST with a message that changes nothing but the counts: CPUID, key, report, TSC information."""

from enum import IntEnum, unique
from typing import Annotated

from spec.firmware.command import context_of
from spec.firmware.guest_answer import InBand, answered
from spec.firmware.guest_message import GuestMessage, refused_message
from spec.firmware.state import GuestContext
from spec.logic import all_of, any_of, first_of, none_of
from spec.record import record
from spec.registry import Outcome, transition
from spec.system.state import System
from spec.vocabulary import Actor, Bits, Evidence, Limit, Status

CPUID_FUNCTIONS = 64
KEY_FIELDS = 0x3F
"""GUEST_FIELD_SELECT: policy, image, family, measurement, SVN, TCB."""
SVN_FIELD = 1 << 4
TCB_FIELD = 1 << 5


@unique
class MessageType(IntEnum):
    """MSG_TYPE of requests."""

    CPUID = 0x01
    KEY = 0x03
    REPORT = 0x05
    EXPORT = 0x07
    IMPORT = 0x09
    ABSORB = 0x0B
    VMRK = 0x0D
    ABSORB_NOMA = 0x0F
    TSC_INFO = 0x11


@unique
class KeySelect(IntEnum):
    """KEY_SEL: which endorsement key signs, or roots a derived key."""

    VLEK_OR_VCEK = 0
    VCEK = 1
    VLEK = 2
    RESERVED = 3


@record
class GuestRequest:
    """A message and its payload; fields that its type does not have are ignored."""

    message: GuestMessage
    message_type: Annotated[int, Bits(8)]
    reserved: bool
    """Some reserved bit of the payload is set."""
    count: Annotated[int, Bits(32)]
    """CPUID: how many functions."""
    vmpl: Annotated[int, Bits(32)]
    key_select: Annotated[int, Bits(2)]
    root_is_vmrk: bool
    fields: Annotated[int, Bits(64)]
    guest_svn: Annotated[int, Bits(32)]
    above_committed_tcb: bool


@transition(actor=Actor.FIRMWARE, manual='Firmware ABI (56860), "SNP_GUEST_REQUEST"')
def guest_request(system: System, op: GuestRequest) -> Outcome:
    """The messages of a migration agent are transitions of their own: `guest_request_export` and its like."""
    # 1. The message can be opened, and is the next one.
    if (refused := refused_message(system, op.message)) is not None:
        return refused

    # 2. Its type.
    kind = op.message_type
    if any_of(kind & 1 == 0, kind > MessageType.TSC_INFO):
        return Outcome(Status.INVALID_PARAM, "message-type", system, Evidence.FIRMWARE)
    if all_of(kind >= MessageType.EXPORT, kind <= MessageType.ABSORB_NOMA):
        return Outcome(Limit.NOT_MODELLED, "migration-message", system, Evidence.FIRMWARE)

    # 3. Its payload; then the answer.
    failure = refused_payload(system, op, context_of(system, op.message.context))
    if failure is not None:
        return answered(system, op.message, failure.status, failure.check)
    return answered(system, op.message, Status.SUCCESS, "answered")


def refused_payload(system: System, op: GuestRequest, context: GuestContext) -> InBand | None:
    """What is wrong with the payload, in the order of its type's checks; no check is shared out of order."""
    is_cpuid, is_key = op.message_type == MessageType.CPUID, op.message_type == MessageType.KEY
    named = any_of(is_key, op.message_type == MessageType.REPORT)
    rooted = none_of(all_of(is_key, op.root_is_vmrk))
    if cause := first_of(
        ("payload-reserved", op.reserved),
        ("cpuid-count", all_of(is_cpuid, op.count > CPUID_FUNCTIONS)),
    ):
        return InBand(Status.INVALID_PARAM, cause)
    if cause := first_of(
        ("chip-key-masked", all_of(is_key, rooted, system.firmware.chip_key_masked)),
        ("key-select", all_of(named, rooted, key_missing(system, op.key_select, context))),
    ):
        return InBand(Status.INVALID_KEY, cause)
    if cause := first_of(
        ("vmpl", all_of(named, names_higher_level(op.vmpl, op.message.vmpck))),
        ("key-fields", all_of(is_key, op.fields & KEY_FIELDS != op.fields)),
        ("key-tcb", all_of(is_key, op.fields & TCB_FIELD != 0, op.above_committed_tcb)),
        ("key-svn", all_of(is_key, op.fields & SVN_FIELD != 0, op.guest_svn > context.guest_svn)),
    ):
        return InBand(Status.INVALID_PARAM, cause)
    return None


def key_missing(system: System, key_select: int, context: GuestContext) -> bool:
    """The chosen endorsement key does not exist, or is not this guest's to use."""
    no_vlek = none_of(system.firmware.vlek_installed)
    return any_of(
        key_select == KeySelect.RESERVED,
        all_of(key_select == KeySelect.VLEK, no_vlek),
        all_of(key_select == KeySelect.VCEK, context.vcek_disabled),
        all_of(key_select == KeySelect.VLEK_OR_VCEK, context.vcek_disabled, no_vlek),
    )


def names_higher_level(vmpl: Annotated[int, Bits(32)], vmpck: Annotated[int, Bits(8)]) -> bool:
    """The VMPL of a request is more privileged than the level whose key sealed it."""
    return vmpl < vmpck
