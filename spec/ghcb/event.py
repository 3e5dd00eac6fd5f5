"""An event of the page protocol as data: its code, what the guest must give, what it may take from the reply.

GHCB (56421), "Standard VMGEXIT Events". SW_EXITCODE, SW_EXITINFO1 and SW_EXITINFO2 are inputs of every event, and
SW_EXITINFO1 and SW_EXITINFO2 results of every reply; the rows say what comes on top of them.
"""

from dataclasses import dataclass

from spec.ghcb.vocabulary.page import QWORD, GhcbField, ValidBitmap
from spec.logic import any_of
from spec.vocabulary import Evidence


def bit_of(field: int) -> ValidBitmap:
    """The bit of a field in the valid bitmap."""
    return 1 << field // QWORD


def bits_of_fields(fields: tuple[int, ...]) -> ValidBitmap:
    """The bits of several fields."""
    return sum(bit_of(field) for field in fields)


@dataclass(frozen=True)
class EventRow:
    """An event, or the form of it that a part of SW_EXITINFO1 selects."""

    code: int
    title: str
    inputs: tuple[GhcbField, ...] = ()
    """What the guest marks valid."""
    outputs: tuple[GhcbField, ...] = ()
    """What it may use of the reply, if it is marked valid there."""
    info1_mask: int = 0
    info1_value: int = 0
    """The row is for requests with `SW_EXITINFO1 & info1_mask == info1_value`."""
    scratch_in: bool = False
    """The guest puts data into the scratch area."""
    scratch_out: bool = False
    """The host does. In both cases SW_SCRATCH is an input."""
    info2_out: bool = False
    """SW_EXITINFO2 of a reply without error is a result of the event."""
    since: int = 1
    """Protocol version."""
    feature: int = 0
    """What the host must offer, see `HvFeature`."""
    snp: bool = False
    """Only for guests with SNP."""
    evidence: Evidence = Evidence.AGREED

    @property
    def scratch(self) -> bool:
        """Whether there is a scratch area."""
        return any_of(self.scratch_in, self.scratch_out)

    @property
    def required(self) -> ValidBitmap:
        """The bits that the event needs besides those that all need."""
        extra = (GhcbField.SW_SCRATCH,) if self.scratch else ()
        return bits_of_fields((*self.inputs, *extra))

    @property
    def given(self) -> ValidBitmap:
        """The bits of the registers that a reply may give."""
        return bits_of_fields(self.outputs)


ALWAYS_IN: ValidBitmap = bits_of_fields((GhcbField.SW_EXITCODE, GhcbField.SW_EXITINFO1, GhcbField.SW_EXITINFO2))
ALWAYS_OUT: ValidBitmap = bits_of_fields((GhcbField.SW_EXITINFO1, GhcbField.SW_EXITINFO2))
