"""How many bytes of the scratch area a request consists of. GHCB (56421), "Standard VMGEXIT Events"."""

from impl.hypervisor.ghcb_snapshot import Snapshot
from spec.ghcb.vocabulary import exits
from spec.ghcb.vocabulary.exits import GhcbEvent, SvmExit
from spec.ghcb.vocabulary.page import SHARED_BUFFER_END, SHARED_BUFFER_OFFSET
from spec.ghcb.vocabulary.page import GhcbField as Field
from spec.ghcb.vocabulary.page_state import ENTRY_SIZE, HEADER_END_OFFSET, HEADER_SIZE


def request_span(request: Snapshot) -> tuple[int, int]:
    """Offset in the page, and length; nothing if the area does not lie in the shared buffer."""
    fields = request.valid_fields()
    start = fields.get(Field.SW_SCRATCH, 0) - request.gpa
    if not SHARED_BUFFER_OFFSET <= start < SHARED_BUFFER_END:
        return SHARED_BUFFER_OFFSET, 0
    code, info1, info2 = (fields.get(field, 0) for field in (Field.SW_EXITCODE, Field.SW_EXITINFO1, Field.SW_EXITINFO2))
    length = 0
    if code == GhcbEvent.MMIO_WRITE:
        length = info2
    elif code == SvmExit.IOIO and info1 & exits.IOIO_STRING and not info1 & exits.IOIO_IN:
        length = info2 * (info1 >> exits.IOIO_SIZE_SHIFT & 7)
    elif code == GhcbEvent.PAGE_STATE_CHANGE:
        end = int.from_bytes(request.page[start + HEADER_END_OFFSET :][:2], "little")
        length = HEADER_SIZE + ENTRY_SIZE * (end + 1)
    return start, min(length, SHARED_BUFFER_END - start)
