"""Pages to which firmware writes an answer for the host."""

from spec.firmware.command import PageAddress, has_entry
from spec.logic import all_of, any_of, none_of
from spec.registry import Outcome
from spec.rmp.page_state import is_firmware
from spec.system.state import System
from spec.vocabulary import Evidence, Status


def is_writable(system: System, address: PageAddress) -> bool:
    """The page is FIRMWARE or DEFAULT."""
    return any_of(none_of(has_entry(system, address)), is_firmware(system.rmp[address.page]))


def answer_refused(system: System, address: PageAddress, *, looked_up: bool) -> Outcome | None:
    """The checks of an answer's page, or None; `looked_up`: the RMP counts, because SNP is initialised."""
    if all_of(looked_up, address.forbidden):
        return Outcome(Status.INVALID_ADDRESS, "answer-address", system, Evidence.FIRMWARE)
    if all_of(looked_up, address.in_rmp):
        return Outcome(Status.INVALID_PARAM, "answer-rmp-page", system, Evidence.FIRMWARE)
    if all_of(looked_up, none_of(is_writable(system, address))):
        return Outcome(Status.INVALID_PAGE_STATE, "answer-page-state", system, Evidence.FIRMWARE)
    return None
