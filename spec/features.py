"""What a processor can do: CPUID-named features, generations as sets of them, and named platforms.

Generations are compared here and nowhere else; a rule asks for the feature.
"""

from typing import Annotated

from spec.knobs import DEFAULT_KNOBS, FullMask, Knobs
from spec.record import record, replace
from spec.vocabulary import Asid, Bits, Gfn


@record
class Features:
    """CPUID Fn8000_001F EAX, by the manual's names (APM Vol. 3, Appendix E), and whether SNP is enabled (SYSCFG)."""

    snp_enabled: bool = True
    """SYSCFG.SNPEn on every processor."""
    sev_es: bool = True
    sev_snp: bool = True
    vmpl: bool = True
    rmpquery: bool = False
    vmpl_sss: bool = False
    restricted_injection: bool = True
    alternate_injection: bool = True
    prevent_host_ibs: bool = True
    vmgexit_parameter: bool = False
    virtual_tom: bool = False
    rmpread: bool = False
    guest_intercept_control: bool = False
    segmented_rmp: bool = False
    vmsa_reg_prot: bool = False
    smt_protection: bool = False
    secure_avic: bool = False
    allowed_sev_features: bool = False
    nested_virt_snp_msr: bool = False
    hv_in_use_write_allowed: bool = False
    ibpb_on_entry: bool = False


@record
class Platform:
    """A processor family with a BIOS setting: features, knobs, and the numbers that CPUID reports.

    `gfn_mask` has a one for each guest frame number bit that an RMP entry keeps of a guest-physical address.
    """

    features: Features
    knobs: Knobs
    vmpl_count: Annotated[int, Bits(3)]
    max_asid: Asid
    min_sev_asid: Asid
    """ASIDs from here on are for SEV guests without encrypted state; SEV-ES and SNP guests have lower ones."""
    gfn_mask: Gfn


MILAN_FEATURES = Features()
GENOA_FEATURES = replace(
    MILAN_FEATURES,
    rmpquery=True,
    vmpl_sss=True,
    vmgexit_parameter=True,
    virtual_tom=True,
    vmsa_reg_prot=True,
    smt_protection=True,
)
TURIN_FEATURES = replace(
    GENOA_FEATURES,
    rmpread=True,
    guest_intercept_control=True,
    segmented_rmp=True,
    secure_avic=True,
    allowed_sev_features=True,
    hv_in_use_write_allowed=True,
    ibpb_on_entry=True,
)

MILAN = Platform(
    features=MILAN_FEATURES,
    knobs=replace(DEFAULT_KNOBS, full_mask=FullMask.BY_FEATURE),
    vmpl_count=4,
    max_asid=509,
    min_sev_asid=100,
    gfn_mask=(1 << 36) - 1,
)
"""Zen 3, 48 physical address bits."""
GENOA = replace(MILAN, features=GENOA_FEATURES, max_asid=1006, gfn_mask=(1 << 39) - 1)
"""Zen 4, 52 physical address bits."""
TURIN = replace(GENOA, features=TURIN_FEATURES)
"""Zen 5: RMPREAD, segmented RMP, host writes to in-use pages allowed."""

PLATFORMS = {"milan": MILAN, "genoa": GENOA, "turin": TURIN}

SEV = replace(MILAN, features=replace(MILAN_FEATURES, snp_enabled=False, sev_es=False, sev_snp=False, vmpl=False))
SEV_ES = replace(SEV, features=replace(SEV.features, sev_es=True))

GENERATIONS = {"SEV": SEV, "SEV-ES": SEV_ES, "SNP": MILAN}
"""What each generation added: encrypted memory, encrypted registers, the RMP. What a guest with restricted injection or
a paravisor has beyond SNP stands in the SEV_FEATURES of its VMSAs, not in the platform."""
