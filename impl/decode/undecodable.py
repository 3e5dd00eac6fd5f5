"""Why bytes are no instruction, each reason by name, and the event that a processor raises for it."""

from enum import Enum, unique

from spec.vocabulary import Event

MAX_LENGTH = 15
"""Bytes of the longest instruction. APM Vol. 3, "Instruction Encoding Overview" (1.1)."""


@unique
class Reason(Enum):
    """The name of a refusal and what it says; the value is unique, the name is what tests and tools print."""

    TRUNCATED = "the bytes end before the instruction does"
    TOO_LONG = "longer than 15 bytes"
    NO_OPCODE = "no instruction has this opcode in this mode"
    NO_MODRM = "the opcode is not defined with this ModRM byte"
    LOCK = "LOCK without a memory operand that can be locked"
    VECTOR_PREFIX = "66, F2, F3, LOCK or REX before VEX, EVEX or XOP"
    VECTOR_FIELD = "a field of VEX, EVEX or XOP has a value that is not defined here"
    NO_REGISTER = "the register number is not defined"
    SAME_REGISTER = "registers that must differ are the same"
    APX = "REX2 or an EVEX map of Intel APX, which AMD's manual does not define"


class Undecodable(Exception):
    """Bytes that are not an instruction."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason

    @property
    def event(self) -> Event | None:
        """What a processor raises: #GP for too long (APM Vol. 2, 8.2.14), else #UD; nothing where bytes are missing."""
        if self.reason is Reason.TRUNCATED:
            return None
        return Event.GP if self.reason is Reason.TOO_LONG else Event.UD
