"""Which SEV_FEATURES words VMRUN accepts (APM Vol. 2, 15.36 and Table B-4, VMSA offset 3B0h)."""

from typing import Annotated

from spec.features import Features
from spec.logic import all_of, any_of, first_of, is_subset, none_of
from spec.record import record
from spec.vocabulary import Bits, SevFeatures

SevFeaturesWord = Annotated[int, Bits(64)]
"""Bits as in `SevFeatures`."""

RESERVED_SEV_FEATURES = (0xF << 17) | (((1 << 42) - 1) << 22)
"""Bits [20:17] and [63:22]."""
ALLOWED_FEATURE_BITS = (1 << 62) - 1
"""Bits [61:0], which ALLOWED_SEV_FEATURES speaks of."""
ALLOWED_FEATURES_ENABLE = 1 << 63
HV_VECTOR = 28
"""#HV, the one event that Restricted Injection lets through."""


@record
class InjectionRequest:
    """EVENTINJ of the VMCB."""

    valid: bool
    vector: Annotated[int, Bits(8)]
    kind: Annotated[int, Bits(3)]
    """TYPE; 3 is an exception."""
    error_code_valid: bool


@record
class HostSettings:
    """What the VMCB and the processor add to the question whether a SEV_FEATURES word is legal."""

    shadow_stack: bool
    """VMCB.SSS."""
    ibs: bool
    """An IBS enable MSR is on."""
    allowed: SevFeaturesWord
    """ALLOWED_SEV_FEATURES, VMCB offset 138h; bit 63 enables it."""
    injection: InjectionRequest


def has(word: SevFeaturesWord, feature: SevFeatures) -> bool:
    """The word has the feature's bit."""
    return word & int(feature) != 0


def exceeds_processor(word: SevFeaturesWord, features: Features) -> bool:
    """A feature is asked for that CPUID does not report. That VMRUN then fails is inferred."""
    return any_of(
        all_of(has(word, SevFeatures.RESTRICTED_INJECTION), none_of(features.restricted_injection)),
        all_of(has(word, SevFeatures.ALTERNATE_INJECTION), none_of(features.alternate_injection)),
        all_of(has(word, SevFeatures.PREVENT_HOST_IBS), none_of(features.prevent_host_ibs)),
        all_of(has(word, SevFeatures.VMPL_SSS), none_of(features.vmpl_sss)),
        all_of(has(word, SevFeatures.VMGEXIT_PARAMETER), none_of(features.vmgexit_parameter)),
        all_of(has(word, SevFeatures.GUEST_INTERCEPT_CONTROL), none_of(features.guest_intercept_control)),
        all_of(has(word, SevFeatures.VMSA_REG_PROT), none_of(features.vmsa_reg_prot)),
        all_of(has(word, SevFeatures.SMT_PROTECTION), none_of(features.smt_protection)),
        all_of(has(word, SevFeatures.SECURE_AVIC), none_of(features.secure_avic)),
        all_of(has(word, SevFeatures.IBPB_ON_ENTRY), none_of(features.ibpb_on_entry)),
    )


def excludes_itself(word: SevFeaturesWord, avic: bool, host: HostSettings) -> bool:
    """Features that exclude each other, or what the VMCB enables."""
    restricted = has(word, SevFeatures.RESTRICTED_INJECTION)
    alternate = has(word, SevFeatures.ALTERNATE_INJECTION)
    return any_of(
        all_of(restricted, alternate),
        all_of(any_of(restricted, alternate), avic),
        all_of(has(word, SevFeatures.SECURE_AVIC), any_of(restricted, alternate, avic)),
        all_of(has(word, SevFeatures.VMPL_SSS), host.shadow_stack),
    )


def injects_more_than_hv(word: SevFeaturesWord, host: HostSettings) -> bool:
    """With Restricted Injection the VMCB injects something else than #HV (15.36.16)."""
    event = host.injection
    other = any_of(event.vector != HV_VECTOR, event.kind != 3, event.error_code_valid)
    return all_of(has(word, SevFeatures.RESTRICTED_INJECTION), event.valid, other)


def illegal_features(word: SevFeaturesWord, features: Features, avic: bool, host: HostSettings) -> str | None:
    """Why VMRUN refuses the word, or None. `avic`: the VMCB enables it."""
    limited = all_of(features.allowed_sev_features, host.allowed & ALLOWED_FEATURES_ENABLE != 0)
    return first_of(
        ("reserved-features", word & RESERVED_SEV_FEATURES != 0),
        ("unsupported-features", exceeds_processor(word, features)),
        ("exclusive-features", excludes_itself(word, avic, host)),
        ("allowed-features", all_of(limited, none_of(is_subset(word & ALLOWED_FEATURE_BITS, of=host.allowed)))),
        ("restricted-injection", injects_more_than_hv(word, host)),
        ("host-ibs", all_of(has(word, SevFeatures.PREVENT_HOST_IBS), host.ibs)),
    )
