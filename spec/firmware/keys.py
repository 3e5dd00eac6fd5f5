"""Random values that firmware draws: keys and report identifiers, each a new identity.

An identity has 32 bits and the counter wraps. That none is drawn twice is therefore a premise, `fresh_keys_remain`, for
whatever rests on the difference of two keys; a step draws at most `MOST_DRAWN` at once.
"""

from spec.firmware.state import Firmware
from spec.record import replace
from spec.system.state import System

KEY_MAX = (1 << 32) - 1
MOST_DRAWN = 4


def drawn_key(firmware: Firmware, position: int) -> int:
    """The identity of the key that a command draws at `position`, from 0."""
    return (firmware.next_key + position) & KEY_MAX


def after_drawing(firmware: Firmware, count: int) -> Firmware:
    """Firmware after it has drawn `count` keys."""
    return replace(firmware, next_key=(firmware.next_key + count) & KEY_MAX)


def fresh_keys_remain(system: System) -> bool:
    """Premise: the next keys have never been drawn before; the counter has not wrapped (cryptography)."""
    return system.firmware.next_key <= KEY_MAX - MOST_DRAWN
