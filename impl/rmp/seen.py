"""The RMP as memory accesses see it, implicit ones and those of guest instructions included.

They go by an unassigned entry of 2 MiB size, if RMPUPDATE leaves one, in its whole region (knob K-S-UNASSIGNED).
"""

from impl.machine import Machine
from impl.rmp.effective import effective, hypervisor_owned
from impl.rmp.layout import RmpEntry
from spec.vocabulary import MappingSize


def seen_entry(machine: Machine, pfn: int) -> RmpEntry | None:
    """The entry that an access to the page goes by, or None for an uncovered page."""
    return effective(machine.rmp, pfn, unassigned_2m=not machine.knobs.unassigned_is_4k)


def seen_hypervisor_owned(machine: Machine, pfn: int, mapping: MappingSize = MappingSize.MAP_4K) -> bool:
    """Hypervisor-Owned, by that entry."""
    return hypervisor_owned(machine.rmp, pfn, mapping, unassigned_2m=not machine.knobs.unassigned_is_4k)
