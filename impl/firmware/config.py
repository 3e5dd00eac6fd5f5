"""SNP_CONFIG: the TCB version that reports and keys are made for, and what they hide."""

from impl.firmware.buffers import ConfigBuffer
from impl.firmware.refusal import require
from impl.firmware.state import Firmware
from spec.vocabulary import Status

_COMPONENTS = 8
_RESERVED_COMPONENTS = (2, 3, 4, 5)
"""Bytes of TCB_VERSION without a meaning on Milan and Genoa."""


def exceeds(requested: int, limit: int) -> bool:
    """Whether some component of one TCB version is newer than in the other."""
    parts = zip(requested.to_bytes(_COMPONENTS, "little"), limit.to_bytes(_COMPONENTS, "little"), strict=True)
    return any(wanted > allowed for wanted, allowed in parts)


def reserved_components_set(tcb: int) -> bool:
    """Whether a reserved byte of a TCB version is not zero."""
    parts = tcb.to_bytes(_COMPONENTS, "little")
    return any(parts[index] for index in _RESERVED_COMPONENTS)


def config(firmware: Firmware, buffer: ConfigBuffer) -> str:
    """Firmware ABI (56860), SNP_CONFIG. A TCB version of zero asks for the committed one."""
    # 1. Reserved bits.
    require(not buffer.reserved_set, Status.INVALID_PARAM, "reserved-bits")

    # 2. No component is newer than what is committed.
    committed = firmware.environment.committed_tcb
    require(not exceeds(buffer.reported_tcb, committed), Status.INVALID_PARAM, "reported-tcb")

    firmware.reported_tcb = buffer.reported_tcb or committed
    firmware.mask_chip_id = bool(buffer.mask_chip_id)
    firmware.mask_chip_key = bool(buffer.mask_chip_key)
    return "configured"
