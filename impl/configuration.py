"""What a machine is built as: widths, features, where the RMP lies, knobs; and three named processors."""

from dataclasses import dataclass, field

from impl.memory.encryption_mode import XTS_128, EncryptionMode
from impl.protections import ALL_KEPT, Protections
from spec.knobs import DEFAULT_KNOBS, Knobs

GIB = 1 << 30
SEGMENT_TABLE_ENTRIES = 512


@dataclass(frozen=True)
class Features:
    """Features as CPUID 8000_001Fh EAX reports them."""

    rmpquery: bool = True
    """EAX[6]"""
    vmpl_sss: bool = False
    """EAX[7]: VMPL supervisor shadow stack."""
    restricted_injection: bool = True
    """EAX[12]"""
    alternate_injection: bool = True
    """EAX[13]"""
    prevent_host_ibs: bool = True
    """EAX[15]"""
    vmgexit_parameter: bool = True
    """EAX[17]"""
    rmpread: bool = False
    """EAX[21]"""
    guest_intercept_control: bool = False
    """EAX[22]"""
    segmented_rmp: bool = False
    """EAX[23]"""
    vmsa_reg_prot: bool = False
    """EAX[24]"""
    smt_protection: bool = False
    """EAX[25]"""
    secure_avic: bool = False
    """EAX[26]"""
    allowed_sev_features: bool = False
    """EAX[27]"""
    nested_virt_snp_msr: bool = False
    """EAX[29]: a top-level hypervisor emulates VIRT_RMPUPDATE and VIRT_PSMASH."""
    hv_in_use_write_allowed: bool = False
    """EAX[30]: host writes to pages that VMRUN holds are allowed."""
    ibpb_on_entry: bool = False
    """EAX[31]"""


@dataclass(frozen=True)
class Segment:
    """One entry of the RMP segment table. APM Vol. 2, "Segmented RMP" (15.36.22)."""

    base: int
    """First byte of the segment's entries, 1 MiB aligned."""
    covered_gib: int
    """How much of the segment is covered, in GiB; 0 is nothing."""


@dataclass(frozen=True)
class SegmentLimits:
    """CPUID 8000_0025h: what RMP_CFG and the segment table may hold."""

    minimum_exponent: int = 36
    """EAX[5:0]"""
    maximum_exponent: int = 42
    """EAX[11:6]"""
    cached_segments: int = 16
    """EBX[9:0]"""
    only_cached_usable: bool = True
    """EBX[10]: segments beyond the cached ones cannot be used."""

    @property
    def usable(self) -> int:
        """How many entries of the segment table are looked at."""
        return self.cached_segments if self.only_cached_usable else SEGMENT_TABLE_ENTRIES


@dataclass(frozen=True)
class Configuration:
    """One machine. Addresses are in bytes."""

    physical_address_bits: int = 52
    rmp_base: int = 0x10_0000
    rmp_end: int = 0x11F_FFFF
    """Last byte of the RMP; not used by a segmented one."""
    segments: tuple[Segment, ...] = ()
    segment_exponent: int = 37
    """RMP_CFG[13:8]: log2 of a segment's size in bytes."""
    segment_limits: SegmentLimits = field(default_factory=SegmentLimits)
    features: Features = field(default_factory=Features)
    vmpls: int = 4
    """CPUID 8000_001Fh EBX[15:12]"""
    maximum_asid: int = 509
    """CPUID 8000_001Fh ECX"""
    minimum_sev_asid: int = 100
    """CPUID 8000_001Fh EDX: lower ASIDs are for SEV-ES and SNP guests."""
    snp_enabled: bool = True
    """SYSCFG.SecureNestedPagingEn at the start."""
    encryption: EncryptionMode = XTS_128
    """The cipher of the memory controllers. What each part has is not public; all named machines have the default."""
    ciphertext_hiding: bool = False
    """Reads by the host of memory that a guest owns return ones (Turin; SNP_INIT_EX switches it on)."""
    protections: Protections = ALL_KEPT
    knobs: Knobs = DEFAULT_KNOBS


MILAN = Configuration(physical_address_bits=48)
"""Zen 3. The RMP covers the first 4 GiB and itself."""

GENOA = Configuration(
    features=Features(vmpl_sss=True, vmsa_reg_prot=True, smt_protection=True),
    maximum_asid=1006,
)
"""Zen 4."""

TURIN = Configuration(
    features=Features(
        vmpl_sss=True,
        rmpread=True,
        guest_intercept_control=True,
        segmented_rmp=True,
        vmsa_reg_prot=True,
        smt_protection=True,
        secure_avic=True,
        allowed_sev_features=True,
        hv_in_use_write_allowed=True,
        ibpb_on_entry=True,
    ),
    segments=(Segment(base=0x20_0000, covered_gib=4),),
    maximum_asid=1006,
)
"""Zen 5: segments of 128 GiB, the first of which is covered for 4 GiB."""
