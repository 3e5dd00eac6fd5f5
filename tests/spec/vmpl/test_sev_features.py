"""Which SEV_FEATURES words VMRUN accepts."""

import pytest

from spec.features import MILAN_FEATURES, TURIN_FEATURES
from spec.record import replace
from spec.vmpl.sev_features import RESERVED_SEV_FEATURES, HostSettings, InjectionRequest, illegal_features
from spec.vocabulary import SevFeatures

F = SevFeatures
QUIET = InjectionRequest(valid=False, vector=0, kind=0, error_code_valid=False)
HV = InjectionRequest(valid=True, vector=28, kind=3, error_code_valid=False)
HOST = HostSettings(shadow_stack=False, ibs=False, allowed=0, injection=QUIET)


def judged(*features: SevFeatures, avic: bool = False, host: HostSettings = HOST, on=TURIN_FEATURES):
    word = int(sum(features, 0))
    return illegal_features(word, on, avic, host)


def test_named_and_reserved_bits_are_all_64():
    named = sum(F)
    assert named & RESERVED_SEV_FEATURES == 0
    assert named | RESERVED_SEV_FEATURES == (1 << 64) - 1


@pytest.mark.parametrize("bit", [17, 20, 22, 61, 62, 63])
def test_reserved_bit_is_refused(bit):
    assert illegal_features(1 << bit, TURIN_FEATURES, False, HOST) == "reserved-features"


@pytest.mark.parametrize("feature", list(F))
def test_single_feature_is_accepted_where_the_processor_has_it(feature):
    assert judged(feature) is None


@pytest.mark.parametrize("feature", [F.VMPL_SSS, F.SECURE_AVIC, F.SMT_PROTECTION, F.VMSA_REG_PROT, F.IBPB_ON_ENTRY])
def test_feature_of_a_later_processor_is_refused(feature):
    assert judged(feature, on=MILAN_FEATURES) == "unsupported-features"


@pytest.mark.parametrize(
    ("features", "avic", "shadow_stack"),
    [
        ((F.RESTRICTED_INJECTION, F.ALTERNATE_INJECTION), False, False),
        ((F.SECURE_AVIC, F.RESTRICTED_INJECTION), False, False),
        ((F.SECURE_AVIC, F.ALTERNATE_INJECTION), False, False),
        ((F.SECURE_AVIC,), True, False),
        ((F.RESTRICTED_INJECTION,), True, False),
        ((F.ALTERNATE_INJECTION,), True, False),
        ((F.VMPL_SSS,), False, True),
    ],
)
def test_exclusive_features_are_refused(features, avic, shadow_stack):
    host = replace(HOST, shadow_stack=shadow_stack)
    assert judged(*features, avic=avic, host=host) == "exclusive-features"


def test_allowed_features_limit_only_when_enabled_and_present():
    limit = replace(HOST, allowed=int(F.SNP_ACTIVE) | 1 << 63)
    assert judged(F.SNP_ACTIVE, F.VTOM, host=limit) == "allowed-features"
    assert judged(F.SNP_ACTIVE, host=limit) is None
    assert judged(F.SNP_ACTIVE, F.VTOM, host=replace(HOST, allowed=1)) is None
    assert judged(F.SNP_ACTIVE, F.VTOM, host=limit, on=MILAN_FEATURES) is None


@pytest.mark.parametrize(
    ("event", "cause"),
    [
        (QUIET, None),
        (HV, None),
        (replace(HV, vector=29), "restricted-injection"),
        (replace(HV, kind=0), "restricted-injection"),
        (replace(HV, error_code_valid=True), "restricted-injection"),
    ],
)
def test_restricted_injection_lets_only_hv_through(event, cause):
    host = replace(HOST, injection=event)
    assert judged(F.RESTRICTED_INJECTION, host=host) == cause
    assert judged(F.ALTERNATE_INJECTION, host=host) is None
    assert judged(host=host) is None


def test_host_ibs_is_refused_only_where_the_guest_asks():
    host = replace(HOST, ibs=True)
    assert judged(F.PREVENT_HOST_IBS, host=host) == "host-ibs"
    assert judged(F.SNP_ACTIVE, host=host) is None
