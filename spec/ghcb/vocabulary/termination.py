"""Why a guest asks to be terminated: MSR message 100h, event 8000FFFEh (GHCB, 56421, "Termination Request")."""

from enum import IntEnum, unique
from typing import Annotated

from spec.vocabulary import Bits

ReasonSet = Annotated[int, Bits(4)]
"""Set 0 is the protocol's own; others belong to those who wrote the guest."""
ReasonCode = Annotated[int, Bits(8)]

GENERAL_SET: ReasonSet = 0
EVENT_SET_SHIFT, EVENT_REASON_SHIFT = 0, 4
"""In SW_EXITINFO1 of event 8000FFFEh: [3:0] and [11:4], other places than in the MSR."""


@unique
class Reason(IntEnum):
    """Reasons of `GENERAL_SET`."""

    GENERAL = 0
    PROTOCOL_RANGE = 1
    """No version that both sides speak."""
    SNP_FEATURES = 2
    """The hypervisor does not offer what an SNP guest needs."""
