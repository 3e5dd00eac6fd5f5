"""CPUID words: the named platforms have the features that processors report."""

from sevspec.observations.recorded import Observation, expect
from spec.features import GENOA, MILAN, TURIN
from spec.vocabulary import PAGE_SHIFT

BITS = {
    "sev_es": 3, "sev_snp": 4, "vmpl": 5, "rmpquery": 6, "vmpl_sss": 7, "restricted_injection": 12,
    "alternate_injection": 13, "prevent_host_ibs": 15, "vmgexit_parameter": 17, "virtual_tom": 18, "rmpread": 21,
    "guest_intercept_control": 22, "segmented_rmp": 23, "vmsa_reg_prot": 24, "smt_protection": 25, "secure_avic": 26,
    "allowed_sev_features": 27, "nested_virt_snp_msr": 29, "hv_in_use_write_allowed": 30, "ibpb_on_entry": 31,
}  # fmt: skip
"""CPUID Fn8000_001F EAX, by the names of `Features`."""
SETTINGS: dict[str, dict[str, int]] = {
    "hw-054": {"vmsa_reg_prot": True, "max_asid": 253},
    "hw-055": {"sev_snp": False},
}
"""What BIOS or microcode set differently on one machine."""
GFN_BITS = 39


def judge(observation: Observation) -> str:
    """EAX feature by feature, EBX's number of VMPLs, ECX's ASIDs, the address width."""
    platform, own = observation.platform, SETTINGS.get(observation.id, {})
    word = observation.number("eax")
    features = platform.features
    reported = {name: bool(word >> bit & 1) for name, bit in BITS.items()}
    modelled = {name: bool(own.get(name, getattr(features, name))) for name in BITS}
    differing = [name for name in BITS if reported[name] != modelled[name]]
    if differing:
        expect("features", {n: modelled[n] for n in differing}, {n: reported[n] for n in differing})
    expect("VMPLs", platform.vmpl_count, observation.number("ebx") >> 12 & 15)
    expect("ASIDs", own.get("max_asid", platform.max_asid), observation.number("ecx"))
    if "80000008_eax" in observation.raw:
        width = min(observation.number("80000008_eax") & 0xFF, GFN_BITS + PAGE_SHIFT)
        expect("stored frame number", platform.gfn_mask, (1 << (width - PAGE_SHIFT)) - 1)
    name = {MILAN: "milan", GENOA: "genoa", TURIN: "turin"}[platform]
    return f"the features of {name}" + (f", with {', '.join(own)} set otherwise" if own else "")
