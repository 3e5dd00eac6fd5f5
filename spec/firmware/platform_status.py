"""SNP_PLATFORM_STATUS and SNP_FEATURE_INFO: what firmware says of itself, in any platform state."""

from typing import Annotated

from spec.firmware.answer_page import answer_refused
from spec.firmware.command import PageAddress, is_initialised
from spec.logic import none_of
from spec.record import record
from spec.registry import Outcome, transition
from spec.system.state import System
from spec.vocabulary import Actor, Bits, Evidence, Status

FEATURE_FUNCTIONS = 2
"""The sub-functions of SNP_FEATURE_INFO are 0 and 1."""


@record
class PlatformStatus:
    """The command buffer."""

    answer: PageAddress
    """STATUS_PADDR; it needs no alignment."""
    crosses_page: bool
    """The answer would run over the end of its page."""


@record
class PlatformStatusAnswer:
    """The answer, without versions and the number of guests."""

    state: Annotated[int, Bits(1)]
    rmp_initialised: bool
    chip_key_masked: bool
    vlek_installed: bool


@record
class FeatureInfo:
    """The command buffer."""

    answer: PageAddress
    length_valid: bool
    misplaced: bool
    """The answer's address is not a multiple of 4, or it would run over the end of its page."""
    function: Annotated[int, Bits(32)]
    """ECX_IN."""


@transition(actor=Actor.FIRMWARE, manual='Firmware ABI (56860), "SNP_PLATFORM_STATUS"')
def platform_status(system: System, op: PlatformStatus) -> Outcome:
    """Changes nothing. The answer's page is looked up in the RMP only while SNP is initialised."""
    # 1. The answer fits into its page.
    if op.crosses_page:
        return Outcome(Status.INVALID_PARAM, "crosses-page", system, Evidence.FIRMWARE)

    # 2. The answer's page.
    if (refused := answer_refused(system, op.answer, looked_up=is_initialised(system))) is not None:
        return refused

    # 3. The answer.
    firmware = system.firmware
    answer = PlatformStatusAnswer(
        firmware.state, firmware.rmp_initialised, firmware.chip_key_masked, firmware.vlek_installed
    )
    return Outcome(Status.SUCCESS, "answered", system, Evidence.FIRMWARE, answer)


@transition(actor=Actor.FIRMWARE, manual='Firmware ABI (56860), "SNP_FEATURE_INFO"')
def feature_info(system: System, op: FeatureInfo) -> Outcome:
    """Changes nothing. What the feature words say is not modelled."""
    # 1. The command buffer.
    if none_of(op.length_valid):
        return Outcome(Status.INVALID_PARAM, "length", system, Evidence.FIRMWARE)
    if op.misplaced:
        return Outcome(Status.INVALID_ADDRESS, "misplaced", system, Evidence.FIRMWARE)

    # 2. The answer's page.
    if (refused := answer_refused(system, op.answer, looked_up=is_initialised(system))) is not None:
        return refused

    # 3. The sub-function.
    if op.function >= FEATURE_FUNCTIONS:
        return Outcome(Status.INVALID_PARAM, "function", system, Evidence.FIRMWARE)
    return Outcome(Status.SUCCESS, "answered", system, Evidence.FIRMWARE)
