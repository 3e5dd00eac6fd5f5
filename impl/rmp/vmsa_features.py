"""SEV_FEATURES as VMRUN judges them. APM Vol. 2, Table B-4 and 15.36.20 ("Allowed SEV Features")."""

from impl.machine import Machine
from impl.registers import IBS_FETCH_ENABLE, IBS_OP_ENABLE, Msr
from impl.rmp.vmcb import ALLOWED_ENABLE, Vmcb
from spec.vocabulary import SevFeatures

_FEATURE_BITS = (1 << 62) - 1
_HV_VECTOR = 28
_EVENT_VECTOR = 0xFF
_EVENT_TYPE_SHIFT, _EVENT_TYPE = 8, 0x7
_EXCEPTION = 3
_EVENT_ERROR_VALID = 1 << 11
_EVENT_VALID = 1 << 31

_RESERVED = 0xF << 17 | (1 << 64) - (1 << 22)
"""Bits 20:17 and 63:22."""
_REPORTED = {
    SevFeatures.RESTRICTED_INJECTION: "restricted_injection",
    SevFeatures.ALTERNATE_INJECTION: "alternate_injection",
    SevFeatures.PREVENT_HOST_IBS: "prevent_host_ibs",
    SevFeatures.VMPL_SSS: "vmpl_sss",
    SevFeatures.VMGEXIT_PARAMETER: "vmgexit_parameter",
    SevFeatures.GUEST_INTERCEPT_CONTROL: "guest_intercept_control",
    SevFeatures.VMSA_REG_PROT: "vmsa_reg_prot",
    SevFeatures.SMT_PROTECTION: "smt_protection",
    SevFeatures.SECURE_AVIC: "secure_avic",
    SevFeatures.IBPB_ON_ENTRY: "ibpb_on_entry",
}
"""Features that CPUID 8000_001Fh EAX reports by a bit of their own. That VMRUN refuses the others is inferred."""

_RESTRICTED = SevFeatures.RESTRICTED_INJECTION
_ALTERNATE = SevFeatures.ALTERNATE_INJECTION
_SECURE_AVIC = SevFeatures.SECURE_AVIC


def features_failure(machine: Machine, vmcb: Vmcb, features: int) -> str:
    """The first rule that the combination breaks, or the empty string."""
    exclusive = (
        ("reserved-features", features & _RESERVED),
        ("supported-features", _unsupported(machine, features)),
        ("restricted-or-alternate", features & _RESTRICTED and features & _ALTERNATE),
        ("secure-avic-alone", features & _SECURE_AVIC and (features & (_RESTRICTED | _ALTERNATE) or vmcb.avic)),
        ("one-shadow-stack-check", features & SevFeatures.VMPL_SSS and vmcb.sss_check),
        ("injection-without-avic", features & (_RESTRICTED | _ALTERNATE) and vmcb.avic),
        ("snp-enabled", features & SevFeatures.SNP_ACTIVE and not machine.snp_enabled),
        ("allowed-features", _forbidden(machine, vmcb, features)),
        ("restricted-event", features & _RESTRICTED and not _may_inject(vmcb.eventinj)),
        ("ibs-off", features & SevFeatures.PREVENT_HOST_IBS and _ibs_on(machine)),
    )
    return next((name for name, broken in exclusive if broken), "")


def busy_matters(machine: Machine, features: int) -> bool:
    """Whether VMRUN looks at the BUSY bit of the VMSA."""
    return machine.configuration.features.secure_avic or bool(features & (_ALTERNATE | _SECURE_AVIC))


def event_taken(vmcb: Vmcb, features: SevFeatures) -> int | None:
    """The vector that EVENTINJ injects; with alternate injection or Secure AVIC the field is not looked at."""
    if features & (_ALTERNATE | _SECURE_AVIC) or not vmcb.eventinj & _EVENT_VALID:
        return None
    return vmcb.eventinj & _EVENT_VECTOR


def _unsupported(machine: Machine, features: int) -> bool:
    """Whether a feature is set that the processor does not have."""
    here = machine.configuration.features
    return any(features & bit and not getattr(here, name) for bit, name in _REPORTED.items())


def _forbidden(machine: Machine, vmcb: Vmcb, features: int) -> bool:
    """Whether a feature is set that the hypervisor's mask does not allow."""
    in_force = machine.configuration.features.allowed_sev_features and vmcb.allowed_sev_features & ALLOWED_ENABLE
    return bool(in_force and features & _FEATURE_BITS & ~vmcb.allowed_sev_features)


def _may_inject(eventinj: int) -> bool:
    """With restricted injection: nothing, or #HV without an error code."""
    if not eventinj & _EVENT_VALID:
        return True
    is_hv = eventinj & _EVENT_VECTOR == _HV_VECTOR and eventinj >> _EVENT_TYPE_SHIFT & _EVENT_TYPE == _EXCEPTION
    return is_hv and not eventinj & _EVENT_ERROR_VALID


def _ibs_on(machine: Machine) -> bool:
    fetch, op = machine.registers[Msr.IBS_FETCH_CTL], machine.registers[Msr.IBS_OP_CTL]
    return bool(fetch & IBS_FETCH_ENABLE or op & IBS_OP_ENABLE)
