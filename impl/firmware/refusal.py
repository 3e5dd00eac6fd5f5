"""How a firmware command fails: a status and the name of the check that decided."""

from spec.vocabulary import Limit, Status


class Refused(Exception):
    """The command stops. What it has written by then stays written."""

    def __init__(self, result: Status | Limit, check: str) -> None:
        super().__init__(f"{check}: {result.name}")
        self.result = result
        self.check = check


def require(holds: bool, status: Status, check: str) -> None:
    """Go on if the check named `check` holds, else answer `status`."""
    if not holds:
        raise Refused(status, check)
