"""The end of a guest that cannot go on. GHCB (56421), "Termination Request"."""

from typing import NoReturn

from impl.ghcb.gate import Gate
from spec.ghcb.vocabulary.msr import TERMINATE_REASON_SHIFT, TERMINATE_SET_SHIFT, MsrCode
from spec.ghcb.vocabulary.termination import GENERAL_SET, Reason


class Terminated(Exception):
    """The guest has asked for its termination, and runs no instruction more. The text says why."""


def terminate(gate: Gate, why: str, reason: Reason = Reason.GENERAL) -> NoReturn:
    """Ask, and stop whatever the answer is."""
    gate.write_msr(MsrCode.TERMINATE | GENERAL_SET << TERMINATE_SET_SHIFT | reason << TERMINATE_REASON_SHIFT)
    gate.vmgexit()
    raise Terminated(why)
