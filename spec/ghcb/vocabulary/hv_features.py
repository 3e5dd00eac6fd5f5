"""What a hypervisor may say that it offers: data of MSR message 081h, SW_EXITINFO2 of event 8000FFFDh.

GHCB (56421), "Hypervisor Feature Support".
"""

from enum import IntFlag
from typing import Annotated

from spec.vocabulary import Bits

FeatureBitmap = Annotated[int, Bits(64)]


class HvFeature(IntFlag):
    """Bits of the feature bitmap."""

    SNP = 1 << 0
    AP_CREATION = 1 << 1
    RESTRICTED_INJECTION = 1 << 2
    RESTRICTED_INJECTION_TIMER = 1 << 3
    APIC_ID_LIST = 1 << 4
    MULTI_VMPL = 1 << 5
    SEV_PAGE_STATE_CHANGE = 1 << 6
    """Guests without SNP may use page state change, too."""
    TIO = 1 << 7
    UNREGISTER_GPA = 1 << 8
    EXTENDED_INTERRUPTS = 1 << 9
