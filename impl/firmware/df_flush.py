"""SNP_DF_FLUSH: after WBINVD, ASIDs of guests that are gone become usable again."""

from impl.firmware.buffers import NoBuffer
from impl.firmware.refusal import require
from impl.firmware.state import Firmware
from spec.vocabulary import Status


def df_flush(firmware: Firmware, _buffer: NoBuffer) -> str:
    """Firmware ABI (56860), SNP_DF_FLUSH. Core complexes that are done make progress even where others are not."""
    topology = firmware.environment.topology
    waiting = {topology.ccx_of_core(core) for core in topology.cores if core not in firmware.wbinvd_done}
    firmware.asids.flush(set(topology.ccxs) - waiting)

    # 1. Every core has executed WBINVD.
    require(not waiting, Status.WBINVD_REQUIRED, "wbinvd")
    return "flushed"
