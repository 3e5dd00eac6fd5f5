"""One event of the page protocol: fill the page, leave, check the answer. GHCB (56421), "VMGEXIT".

The guest stores nothing but the event's inputs, and takes them back before anything else can use the page: a cleared
bit would not hide a stored value. Of the answer it reads each place once.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from impl.ghcb.gate import Gate
from impl.ghcb.page import GhcbPage, bit_of, bits_of
from impl.vc.exits import ExceptionRequested, ExitFailed
from spec.ghcb.vocabulary.answers import Answer
from spec.ghcb.vocabulary.page import GhcbField

CONTROL = (GhcbField.SW_EXITCODE, GhcbField.SW_EXITINFO1, GhcbField.SW_EXITINFO2)
LOW_32 = 0xFFFF_FFFF
NO_INPUTS: Mapping[GhcbField, int] = {}


class Reply(NamedTuple):
    """What the hypervisor answered, as read once."""

    info2: int
    outputs: tuple[int, ...]
    """The outputs that were asked for, in their order, each of them marked valid."""


class GhcbCall:
    """A page that is registered, and the version of the protocol that is spoken."""

    def __init__(self, gate: Gate, page: GhcbPage, version: int) -> None:
        self._gate = gate
        self.page = page
        self.version = version

    def ask(
        self,
        exit_code: int,
        info1: int = 0,
        info2: int = 0,
        *,
        inputs: Mapping[GhcbField, int] = NO_INPUTS,
        outputs: Sequence[GhcbField] = (),
    ) -> Reply:
        """Raises `ExceptionRequested` or `ExitFailed` for any answer but success with all outputs valid."""
        page = self.page
        stored = {**inputs, **dict(zip(CONTROL, (exit_code, info1, info2), strict=True))}
        for field, value in stored.items():
            page.write(field, value)
        page.write_header(self.version)
        page.write_bitmap(bits_of(stored))
        self._gate.write_msr(page.gpa)
        self._gate.vmgexit()
        try:
            return self._reply(outputs)
        finally:
            self._take_back(inputs)

    def _reply(self, outputs: Sequence[GhcbField]) -> Reply:
        valid = self.page.read_bitmap()
        if not valid & bit_of(GhcbField.SW_EXITINFO1):
            raise ExitFailed("SW_EXITINFO1 is not marked valid")
        answer = self.page.read(GhcbField.SW_EXITINFO1) & LOW_32
        info2 = self.page.read(GhcbField.SW_EXITINFO2)
        if answer == Answer.EXCEPTION and valid & bit_of(GhcbField.SW_EXITINFO2):
            raise ExceptionRequested(info2)
        if answer != Answer.NO_ACTION:
            raise ExitFailed(f"SW_EXITINFO1 is {answer:#x}, SW_EXITINFO2 {info2:#x}")
        for field in outputs:
            if not valid & bit_of(field):
                raise ExitFailed(f"{field.name} is not marked valid")
        return Reply(info2 if valid & bit_of(GhcbField.SW_EXITINFO2) else 0, tuple(map(self.page.read, outputs)))

    def _take_back(self, inputs: Mapping[GhcbField, int]) -> None:
        """Nothing of this event stays in the page, and no VMGEXIT of another finds a valid field."""
        self.page.write_bitmap(0)
        for field in inputs:
            self.page.write(field, 0)
