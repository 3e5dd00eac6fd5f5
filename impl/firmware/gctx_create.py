"""SNP_GCTX_CREATE: a donated page becomes the context of a new guest."""

from dataclasses import replace

from impl.firmware.buffers import GuestContextBuffer
from impl.firmware.guest_context import GuestContext
from impl.firmware.memory_map import Span
from impl.firmware.refusal import require
from impl.firmware.state import Firmware
from impl.memory.engine import PAGE_BYTES
from spec.vocabulary import PageSize, PageState, Status


def gctx_create(firmware: Firmware, buffer: GuestContextBuffer) -> str:
    """Firmware ABI (56860), SNP_GCTX_CREATE. FIRMWARE becomes CONTEXT."""
    # 1. Reserved bits.
    require(not buffer.reserved_set, Status.INVALID_PARAM, "reserved-bits")

    # 2. The platform is initialised.
    firmware.require_initialised()

    # 3. The page was donated.
    page = firmware.page(buffer.gctx_paddr)
    firmware.require_state(page, PageState.FIRMWARE)

    # 4. It is a 4 KiB page.
    firmware.require_size(page, PageSize.SIZE_4K)

    # 5. It lies in DRAM.
    in_dram = firmware.environment.memory_map.in_dram(Span(page.spa, page.spa + PAGE_BYTES - 1))
    require(in_dram, Status.INVALID_CONFIG, "dram-region")

    firmware.write(page.spa, bytes(PAGE_BYTES))
    memory_key = firmware.random_bytes(firmware.machine.engine.mode.key_bytes)
    environment = firmware.environment
    firmware.contexts[page.pfn] = GuestContext(memory_key, environment.committed_tcb, environment.mitigations)
    firmware.write_entry(page, replace(page.entry, vmsa=True))
    return "created"
