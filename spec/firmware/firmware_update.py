"""SNP_DOWNLOAD_FIRMWARE_EX and SNP_COMMIT: other firmware, while SNP guests run; and its TCB becomes the floor."""

from spec.logic import all_of, none_of
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.system.state import System
from spec.vocabulary import Actor, Evidence, Status


@record
class DownloadFirmwareEx:
    """The command buffer, and what becomes of the image."""

    reserved: bool
    aligned: bool
    """FW_PADDR is a multiple of 32."""
    image_valid: bool
    """The image is AMD's."""
    accepts_state: bool
    """The new firmware can go on with the state of the old one; else the old one is restored."""
    commit: bool
    raises_tcb: bool
    """The new firmware's TCB is not the committed one."""


@record
class Commit:
    """The command buffer."""

    length_valid: bool
    raises_tcb: bool
    """The running firmware's TCB is not the committed one."""


@transition(actor=Actor.FIRMWARE, manual='Firmware ABI (56860), "SNP_DOWNLOAD_FIRMWARE_EX"')
def download_firmware_ex(system: System, op: DownloadFirmwareEx) -> Outcome:
    """Guests, RMP and platform state go on. What the new firmware can do is not modelled."""
    # 1. Legacy SEV is not initialised.
    if system.firmware.sev_initialised:
        return Outcome(Status.INVALID_PLATFORM_STATE, "sev-state", system, Evidence.FIRMWARE)

    # 2. The command buffer.
    if op.reserved:
        return Outcome(Status.INVALID_PARAM, "reserved-bits", system, Evidence.FIRMWARE)
    if none_of(op.aligned):
        return Outcome(Status.INVALID_ADDRESS, "alignment", system, Evidence.FIRMWARE)

    # 3. The image.
    if none_of(op.image_valid):
        return Outcome(Status.BAD_SIGNATURE, "image", system, Evidence.INFERRED)
    if none_of(op.accepts_state):
        return Outcome(Status.UPDATE_FAILED, "accepts-state", system, Evidence.FIRMWARE)

    # 4. The new firmware runs.
    updated = committed(system, all_of(op.commit, op.raises_tcb))
    return Outcome(Status.SUCCESS, "updated", updated, Evidence.FIRMWARE)


@transition(actor=Actor.FIRMWARE, manual='Firmware ABI (56860), "SNP_COMMIT"')
def snp_commit(system: System, op: Commit) -> Outcome:
    """In any platform state."""
    # 1. The command buffer.
    if none_of(op.length_valid):
        return Outcome(Status.INVALID_PARAM, "length", system, Evidence.FIRMWARE)

    # 2. There is no way back to older firmware.
    return Outcome(Status.SUCCESS, "committed", committed(system, op.raises_tcb), Evidence.FIRMWARE)


def committed(system: System, raises_tcb: bool) -> System:
    """The committed TCB is the running firmware's; an RMP built under another one cannot be kept by SNP_INIT_EX."""
    same_tcb = all_of(system.firmware.rmp_same_tcb, none_of(raises_tcb))
    return replace(system, firmware=replace(system.firmware, rmp_same_tcb=same_tcb))
