"""Which inputs of an event a host refuses as invalid (SW_EXITINFO1 2, SW_EXITINFO2 5).

GHCB (56421), "Standard VMGEXIT Events", each event. The evidence is what hosts do; the text names few of these.
"""

from spec.ghcb.events import Request
from spec.ghcb.host_state import HostExchange
from spec.ghcb.vocabulary.exits import (
    AP_DESTROY,
    AP_VMPL_SHIFT,
    DOORBELL_SET,
    IOIO_RESERVED,
    GhcbEvent,
    SvmExit,
)
from spec.ghcb.vocabulary.page import MAX_MMIO, MAX_SCRATCH_V1
from spec.knobs import MmioLength
from spec.logic import all_of, any_of, first_of, implies, ite, none_of
from spec.vc.instruction import Word
from spec.vocabulary import PAGES_PER_2M, VMPLS

PAGE_MASK = 0xFFF
LARGE_PAGE_MASK = (PAGES_PER_2M << 12) - 1
AP_KIND_MASK = 0xFFFF


def is_page(address: Word) -> bool:
    """A 4 KiB-aligned address."""
    return address & PAGE_MASK == 0


def bad_mmio(exchange: HostExchange, request: Request) -> bool:
    """An MMIO event of a length that there is not."""
    knobs, length = exchange.platform.knobs, request.info2
    mmio = any_of(request.code == GhcbEvent.MMIO_READ, request.code == GhcbEvent.MMIO_WRITE)
    power = any_of(*(length == size for size in (1, 2, 4, MAX_MMIO)))
    empty = all_of(length == 0, knobs.ghcb_mmio_length != MmioLength.POWERS)
    upto = all_of(length <= MAX_MMIO, knobs.ghcb_mmio_length == MmioLength.UP_TO_8)
    modern = any_of(power, empty, upto)
    allowed = ite(exchange.version >= 2, modern, length <= MAX_SCRATCH_V1)
    return all_of(mmio, none_of(allowed))


def bad_port(request: Request) -> bool:
    """Port I/O with reserved bits, or not of one operand size."""
    size = request.info1 >> 4 & 7
    sized = any_of(size == 1, size == 2, size == 4)
    right = all_of(sized, request.info1 & IOIO_RESERVED == 0)
    return all_of(request.code == SvmExit.IOIO, none_of(right))


def bad_pages(request: Request) -> bool:
    """A guest request whose two pages are one, or are none."""
    asks = any_of(request.code == GhcbEvent.GUEST_REQUEST, request.code == GhcbEvent.EXTENDED_GUEST_REQUEST)
    right = all_of(is_page(request.info1), is_page(request.info2), request.info1 != request.info2)
    data = implies(request.code == GhcbEvent.EXTENDED_GUEST_REQUEST, is_page(request.rax))
    return all_of(asks, none_of(all_of(right, data)))


def bad_processor(request: Request) -> bool:
    """AP creation with a VMPL that there is not, or a VMSA that no processor runs (a 2 MiB-aligned one is avoided)."""
    creates = request.code == GhcbEvent.AP_CREATION
    vmpl = request.info1 >> AP_VMPL_SHIFT & 0xFFFF
    vmsa = all_of(is_page(request.info2), request.info2 & LARGE_PAGE_MASK != 0)
    right = any_of(request.info1 & AP_KIND_MASK == AP_DESTROY, vmsa)
    return all_of(creates, none_of(all_of(vmpl < len(VMPLS), right)))


def invalid_input(exchange: HostExchange, request: Request) -> str | None:
    """Why the inputs of a request are refused, or None."""
    doorbell = all_of(request.code == GhcbEvent.HV_DOORBELL, request.info1 == DOORBELL_SET)
    run = all_of(request.code == GhcbEvent.RUN_VMPL, any_of(request.info1 >= len(VMPLS), request.info2 != 0))
    return first_of(
        ("mmio-length", bad_mmio(exchange, request)),
        ("port-operands", bad_port(request)),
        ("request-pages", bad_pages(request)),
        ("processor", bad_processor(request)),
        ("doorbell-page", all_of(doorbell, none_of(is_page(request.info2)))),
        ("run-vmpl", run),
    )
