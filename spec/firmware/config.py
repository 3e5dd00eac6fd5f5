"""SNP_CONFIG and SNP_VLEK_LOAD: which keys sign reports and root derived keys."""

from spec.logic import first_of, none_of
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.system.state import System
from spec.vocabulary import Actor, Evidence, Status


@record
class SnpConfig:
    """The command buffer. MASK_CHIP_ID and the reported TCB only show in reports."""

    reserved: bool
    above_committed_tcb: bool
    """REPORTED_TCB is not 0, and above the committed TCB."""
    mask_chip_key: bool


@record
class VlekLoad:
    """The command buffer, and what the wrapped VLEK says."""

    length_valid: bool
    version_valid: bool
    """VLEK_WRAPPED_VERSION is 0."""
    reserved: bool
    for_reported_tcb: bool
    """The VLEK was made for the TCB that is reported."""
    authentic: bool
    """It was wrapped for this chip."""


@transition(actor=Actor.FIRMWARE, manual='Firmware ABI (56860), "SNP_CONFIG"')
def snp_config(system: System, op: SnpConfig) -> Outcome:
    """In any platform state."""
    # 1. The command buffer.
    if cause := first_of(("reserved-bits", op.reserved), ("reported-tcb", op.above_committed_tcb)):
        return Outcome(Status.INVALID_PARAM, cause, system, Evidence.FIRMWARE)

    # 2. The chip key signs and roots, or does not.
    firmware = replace(system.firmware, chip_key_masked=op.mask_chip_key)
    return Outcome(Status.SUCCESS, "configured", replace(system, firmware=firmware), Evidence.FIRMWARE)


@transition(actor=Actor.FIRMWARE, manual='Firmware ABI (56860), "SNP_VLEK_LOAD"')
def vlek_load(system: System, op: VlekLoad) -> Outcome:
    """In any platform state."""
    # 1. The command buffer.
    if cause := first_of(
        ("length", none_of(op.length_valid)),
        ("version", none_of(op.version_valid)),
        ("reserved-bits", op.reserved),
    ):
        return Outcome(Status.INVALID_PARAM, cause, system, Evidence.FIRMWARE)

    # 2. The VLEK is for this TCB and this chip.
    if none_of(op.for_reported_tcb):
        return Outcome(Status.BAD_SVN, "vlek-tcb", system, Evidence.FIRMWARE)
    if none_of(op.authentic):
        return Outcome(Status.BAD_MEASUREMENT, "vlek-authentic", system, Evidence.FIRMWARE)

    # 3. It is installed, until SNP is shut down.
    firmware = replace(system.firmware, vlek_installed=True)
    return Outcome(Status.SUCCESS, "vlek-installed", replace(system, firmware=firmware), Evidence.FIRMWARE)
