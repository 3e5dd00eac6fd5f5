"""Legacy SEV commands that write an answer into their command buffer: the buffer's page is checked, and released."""

from spec.firmware.answer_page import is_writable
from spec.firmware.command import PageAddress, has_entry, is_initialised
from spec.logic import all_of, any_of, ite, none_of
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.rmp.page_state import is_firmware
from spec.system.state import System
from spec.vocabulary import Actor, Evidence, Status

BUFFER_FAILURE = 0x40
"""Added to the status of a buffer that the RMP forbids, in the mailbox: INVALID_PAGE_STATE shows as 5Ah."""


@record
class LegacyWriteback:
    """The buffer of a legacy command, whose own result does not matter: the page is released if it fails, too."""

    buffer: PageAddress
    """The first page."""
    last: PageAddress
    """The last page, if the buffer crosses a page boundary; else the first again."""


@transition(actor=Actor.FIRMWARE, manual='Firmware ABI (56860), "Command Buffers"')
def legacy_writeback(system: System, op: LegacyWriteback) -> Outcome:
    """FIRMWARE becomes RECLAIM, for the first page; a refusal's output is the status in the mailbox."""
    # 1. While SNP is initialised, the buffer is where firmware may write.
    checked = is_initialised(system)
    if all_of(checked, any_of(op.buffer.forbidden, op.last.forbidden)):
        return Outcome(Status.INVALID_ADDRESS, "address", system, Evidence.FIRMWARE)
    if all_of(checked, any_of(op.buffer.in_rmp, op.last.in_rmp)):
        status = Status.INVALID_PARAM
        return Outcome(status, "rmp-page", system, Evidence.FIRMWARE, status + BUFFER_FAILURE)
    if all_of(checked, none_of(all_of(is_writable(system, op.buffer), is_writable(system, op.last)))):
        status = Status.INVALID_PAGE_STATE
        return Outcome(status, "buffer-page-state", system, Evidence.FIRMWARE, status + BUFFER_FAILURE)

    # 2. The first page is the host's to take back; a page without an entry is so already.
    page = op.buffer.page
    entry = system.rmp[page]
    release = all_of(has_entry(system, op.buffer), none_of(op.buffer.in_rmp), is_firmware(entry))
    mutable = replace(entry, immutable=False, lock=False)
    released = replace(system, rmp=system.rmp.set(page, ite(release, mutable, entry)))
    return Outcome(Status.SUCCESS, "released", released, Evidence.FIRMWARE)
