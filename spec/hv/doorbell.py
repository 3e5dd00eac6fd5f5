"""The doorbell page of one virtual processor at one VMPL: 4 KiB, shared with the hypervisor (GHCB, "#HV Doorbell").

The guest believes nothing that stands there; it takes a vector, and whether there is something to look at.
"""

from typing import Annotated

from spec.knobs import Knobs
from spec.logic import any_of, ite, none_of
from spec.record import record
from spec.vocabulary import Bits

Vector = Annotated[int, Bits(8)]
"""An interrupt vector; 0 in the page is none."""
Class = Annotated[int, Bits(4)]
"""Bits [7:4] of a vector; what the TPR is compared with."""

VECTOR_OFFSET = 0
"""PendingEvent[7:0]."""
FLAGS_OFFSET = 1
"""PendingEvent[15:8]: bit 0 NMI, bit 1 #MC, bit 7 NoFurtherSignal; bits [6:2] are reserved and ignored."""
NMI_BIT, MC_BIT, NO_FURTHER_SIGNAL_BIT = 8, 9, 15
"""In the 16-bit word at offset 0."""
NO_EOI_OFFSET = 2
VMPL_EVENTS_OFFSET = 3
"""With K-DB-EXT: bit v - 1 tells that the descriptor of VMPL v has events."""
DESCRIPTOR_OFFSETS = (64, 128, 192)
"""With K-DB-EXT: HVExtIntInfo of VMPL1, VMPL2 and VMPL3, 64 bytes each."""
RESERVED_UP_TO = 64
"""The specification speaks of the first 64 bytes; software may use the others."""
FIRST_EXTERNAL = 31
"""Vectors below are exceptions'."""
SYSCALL_VECTOR = 0x80
"""INT 80h: a gate for the guest's own programs, and nothing that arrives from outside."""
NO_EOI = 1
"""Bit 0 of NoEoiRequired."""


@record
class Doorbell:
    """What the guest reads of its page. Reserved bits and the rest of the page have no effect."""

    vector: Vector
    nmi: bool
    machine_check: bool
    no_further_signal: bool
    """The hypervisor has told the guest, and does not tell it again before this is cleared."""
    no_eoi_required: Annotated[int, Bits(8)]


EMPTY = Doorbell(0, False, False, False, 0)


def class_of(vector: Vector) -> Class:
    """The priority class of a vector."""
    return vector >> 4


def is_due(vector: Vector, tpr: Class) -> bool:
    """The vector may be taken under this TPR; 0 never is."""
    return class_of(vector) > tpr


def has_unmasked(doorbell: Doorbell, tpr: Class) -> bool:
    """There is something to do that the TPR does not mask."""
    return any_of(doorbell.nmi, doorbell.machine_check, is_due(doorbell.vector, tpr))


def is_empty(doorbell: Doorbell) -> bool:
    """No event at all."""
    return none_of(doorbell.vector != 0, doorbell.nmi, doorbell.machine_check)


def needs_no_eoi(value: int, knobs: Knobs) -> bool:
    """The hypervisor spares the guest the EOI."""
    return ite(knobs.no_eoi_by_bit, value & NO_EOI, value) != 0
