"""The state after the processor was started and the RMP was zeroed: every page the hypervisor's."""

from spec.features import Platform
from spec.firmware.state import BOOTED
from spec.maps import Map
from spec.rmp.entry import UNASSIGNED
from spec.system.state import System


def booted(platform: Platform) -> System:
    """Every page covered and unassigned; firmware not initialised (APM Vol. 2, 15.36.4)."""
    return System(
        platform=platform,
        covered=Map(True),
        rmp=Map(UNASSIGNED),
        in_use=Map(False),
        asid_pages=Map(0),
        firmware=BOOTED,
    )
