"""The GHCB MSR between a guest and its hypervisor: what it holds, what the guest asked, and what it has learned.

GHCB (56421), "GHCB MSR Protocol". The value lives in the VMCB, so whenever the guest has left, the hypervisor may have
changed it; the guest's own memory of the call is private.
"""

from enum import IntEnum, unique
from typing import Annotated

from spec.features import Platform
from spec.ghcb.vocabulary.hv_features import FeatureBitmap
from spec.ghcb.vocabulary.msr import DATA_SHIFT, INFO_MASK, MsrCode, MsrData, MsrInfo, MsrValue
from spec.ghcb.vocabulary.page import GhcbFrame
from spec.record import record
from spec.vocabulary import Bits

Version = Annotated[int, Bits(16)]
"""Protocol version; 0 stands for none."""


@unique
class MsrStage(IntEnum):
    """How far a call over the MSR has come. Interrupts are off from ASKED on, until the call is over."""

    IDLE = 0
    """No call: the MSR holds the address of the GHCB page, if there is one."""
    ASKED = 1
    """The request is written."""
    LEFT = 2
    """VMGEXIT; the hypervisor has had control."""
    ANSWERED = 3
    """The response was read and accepted."""


@record
class MsrGuest:
    """What the guest is, and what it has learned; private."""

    snp: bool
    """It runs with SNP, which its launch has fixed."""
    min_version: Version
    max_version: Version
    version: Version
    """The negotiated one; 0 before."""
    hv_min_version: Version
    hv_max_version: Version
    """What the hypervisor said in that answer."""
    c_bit: Annotated[int, Bits(8)]
    """Position of the C-bit, as the hypervisor said; to be compared with CPUID (rule S14)."""
    features: FeatureBitmap
    features_known: bool
    has_page: bool
    """There is a GHCB page."""
    frame: GhcbFrame
    """Its frame, which the guest chose."""
    registered: bool
    """The hypervisor has accepted it."""
    stopped: bool
    """It has terminated."""


@record
class MsrHost:
    """What a careful host offers, and has noted of this virtual processor and VMPL."""

    min_version: Version
    max_version: Version
    features: FeatureBitmap
    c_bit: Annotated[int, Bits(8)]
    registered: bool
    frame: GhcbFrame
    """Of the registered page."""


@record
class MsrExchange:
    """One virtual processor at one VMPL: the MSR, both sides, and the call under way."""

    platform: Platform
    msr: MsrValue
    """What RDMSR gives the guest, and what a VMGEXIT hands over."""
    stage: Annotated[int, Bits(2)]
    """See `MsrStage`."""
    request: MsrValue
    """What the guest asked in this call."""
    guest: MsrGuest
    host: MsrHost
    written: MsrValue
    """Ghost: what the guest wrote last; the hypervisor's writes do not change it."""


@record
class Moment:
    """A step without operands."""


def info_of(value: MsrValue) -> MsrInfo:
    """GHCBInfo."""
    return value & INFO_MASK


def data_of(value: MsrValue) -> MsrData:
    """GHCBData."""
    return value >> DATA_SHIFT


def message(info: MsrInfo, data: MsrData) -> MsrValue:
    """A value of the MSR."""
    return data << DATA_SHIFT | info


def page_address(guest: MsrGuest) -> MsrValue:
    """What the MSR holds between calls once there is a page (code 000h)."""
    return message(MsrCode.PAGE, guest.frame)
