"""Where the host puts things. System-physical addresses, all in DRAM that the RMP covers and that no one else uses."""

from spec.vocabulary import PAGE_SHIFT

PAGE_BYTES = 1 << PAGE_SHIFT
BUFFER = 0x2000_0000
"""The command buffer, in a page of the hypervisor's."""
OPERAND = 0x2000_1000
"""The memory operand of RMPUPDATE."""
CONTEXT = 0x3000_0000
"""The guest context page."""
MEASUREMENT = 0x2000_2000
"""Where LAUNCH_MEASURE writes, in a page of the hypervisor's."""
TRUSTED_REGION = 0x3010_0000
"""The region that INIT of SEV-ES takes."""
GUEST_MEMORY = 0x4000_0000
"""The first guest page; the others follow in launch order."""
ASID = 1


def guest_page(position: int) -> int:
    """The address of the page that is launched at a position, from 0."""
    return GUEST_MEMORY + position * PAGE_BYTES
