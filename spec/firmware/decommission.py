"""SNP_DECOMMISSION: the end of a guest. Its ASID is released, its context page is the firmware's again."""

from spec.firmware.asids import released
from spec.firmware.command import PageAddress, refused_before_context
from spec.firmware.state import EMPTY_CONTEXT
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.system.state import System
from spec.vocabulary import Actor, Evidence, Pfn, Status


@record
class Decommission:
    """The command buffer."""

    context: PageAddress


@transition(actor=Actor.FIRMWARE, manual='Firmware ABI (56860), "SNP_DECOMMISSION"')
def decommission(system: System, op: Decommission) -> Outcome:
    """From any guest state. The guest's pages stay as they are: nobody looks at the RMP or at its counters."""
    # 1. Reserved bits, platform state, address, and the page is a guest context.
    if (refused := refused_before_context(system, op.context, reserved=False)) is not None:
        return refused

    # 2. The guest is gone.
    return Outcome(Status.SUCCESS, "decommissioned", decommissioned(system, op.context.page), Evidence.FIRMWARE)


def decommissioned(system: System, page: Pfn) -> System:
    """CONTEXT becomes FIRMWARE. The guest's memory key stays installed for its ASID until another guest's replaces it.

    For a guest without an ASID the ASID is 0, which is allocated nowhere: nothing is released.
    """
    firmware = released(system.firmware, system.firmware.contexts[page].asid)
    return replace(
        system,
        rmp=system.rmp.set(page, replace(system.rmp[page], vmsa=False)),
        firmware=replace(firmware, contexts=firmware.contexts.set(page, EMPTY_CONTEXT)),
    )
