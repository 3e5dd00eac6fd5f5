"""Every step of a careful guest."""

from spec.guest.careful import TRANSITIONS as PAGE_TRANSITIONS
from spec.guest.careful_masks import TRANSITIONS as MASK_TRANSITIONS
from spec.guest.careful_turns import TRANSITIONS as TURN_TRANSITIONS

TRANSITIONS = (*PAGE_TRANSITIONS, *MASK_TRANSITIONS, *TURN_TRANSITIONS)
