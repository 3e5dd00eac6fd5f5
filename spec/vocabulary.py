"""The field's nouns: widths, sizes, result families, page states, actors. No rule stands here.

`impl/` imports this file (and `spec/knobs.py`) and nothing else of `spec/`, so that the two texts can be compared.
Pinned documents: APM Vol. 2 (24593) and Vol. 3 (24594), firmware ABI (56860); revisions stand in README.md.
"""

from dataclasses import dataclass
from enum import Enum, IntEnum, IntFlag, unique
from typing import Annotated


@dataclass(frozen=True)
class Bits:
    """The declared width of a field or an operand, in bits. Values are unsigned.

    `kind` tells numbers of one width apart that never mean the same thing.
    """

    width: int
    kind: str = ""


Address = Annotated[int, Bits(64)]
"""A 64-bit register or operand that holds a byte address; nothing is assumed about its upper bits."""
Pfn = Annotated[int, Bits(40)]
"""System-physical page frame number: SPA[51:12]."""
Gfn = Annotated[int, Bits(39)]
"""Guest-physical frame number as an RMP entry stores it: GPA[50:12] (bit 51 is the C-bit)."""
Asid = Annotated[int, Bits(10)]
"""Address space identifier as an RMP entry stores it; 0 is the host."""
Vmpl = Annotated[int, Bits(2)]
"""Virtual machine privilege level; 0 is the most privileged."""
Cpl = Annotated[int, Bits(2)]
"""Current privilege level."""
PermissionMask = Annotated[int, Bits(8)]
"""A VMPL permission mask, see `Permission`."""
SubpageCount = Annotated[int, Bits(9)]
"""How many of a 2 MiB region's other 511 pages are assigned."""

PAGE_SHIFT = 12
PAGES_PER_2M = 512
INVALID_ASID = 0x3FF
"""Firmware's "no ASID" and locking value; no guest has it."""
VMPLS = (0, 1, 2, 3)
ASID_COUNTERS = 2048
"""64-bit per-ASID counters at the head of the RMP (16 KiB)."""


@unique
class PageSize(IntEnum):
    """The size bit of an RMP entry, a command or an operand."""

    SIZE_4K = 0
    SIZE_2M = 1


@unique
class MappingSize(IntEnum):
    """The size of a nested or host mapping. 1 GiB is treated as 2 MiB by every RMP check (APM Vol. 2, 15.36.10)."""

    MAP_4K = 0
    MAP_2M = 1
    MAP_1G = 2


class Permission(IntFlag):
    """Bits of a VMPL permission mask (APM Vol. 2, Table 15-36)."""

    NONE = 0
    READ = 1
    WRITE = 2
    EXECUTE_USER = 4
    EXECUTE_SUPERVISOR = 8
    SUPERVISOR_SHADOW_STACK = 16


FULL_WITHOUT_SSS = 0x0F
FULL_WITH_SSS = 0x1F
RESERVED_PERMISSIONS = 0xE0


# --- result families: codes in EAX, architectural events, firmware status codes, limits of the model ---


@unique
class Eax(IntEnum):
    """Result codes that RMP instructions leave in EAX (APM Vol. 3)."""

    SUCCESS = 0
    FAIL_INPUT = 1
    FAIL_PERMISSION = 2
    FAIL_INUSE = 3
    FAIL_OVERLAP = 4
    FAIL_SIZEMISMATCH = 6
    FAIL_NOT_SPLITTABLE = 7
    """PSMASH on a page that cannot be split. Observed on hardware; the name is ours."""


@unique
class Event(Enum):
    """Architectural events: what happens instead of (or besides) a result in EAX."""

    COMPLETES = "completes"
    """No event: the access is performed."""
    UD = "#UD"
    GP = "#GP(0)"
    PF = "#PF"
    AC = "#AC"
    NPF = "#VMEXIT(NPF)"
    VC = "#VC"
    VMEXIT_INVALID = "VMEXIT_INVALID"
    VMEXIT_BUSY = "VMEXIT_BUSY"
    VMEXIT = "#VMEXIT(intercept)"
    IOMMU_FAULT = "IOMMU fault"
    """A device's access is blocked; the event goes to the IOMMU's log, not to a processor."""


@unique
class Status(IntEnum):
    """Status codes of SNP firmware commands (firmware ABI 56860, "Status Codes")."""

    SUCCESS = 0x00
    INVALID_PLATFORM_STATE = 0x01
    INVALID_GUEST_STATE = 0x02
    INVALID_CONFIG = 0x03
    INVALID_LENGTH = 0x04
    ALREADY_OWNED = 0x05
    INVALID_CERTIFICATE = 0x06
    POLICY_FAILURE = 0x07
    INACTIVE = 0x08
    INVALID_ADDRESS = 0x09
    BAD_SIGNATURE = 0x0A
    BAD_MEASUREMENT = 0x0B
    ASID_OWNED = 0x0C
    INVALID_ASID = 0x0D
    WBINVD_REQUIRED = 0x0E
    DF_FLUSH_REQUIRED = 0x0F
    INVALID_GUEST = 0x10
    INVALID_COMMAND = 0x11
    ACTIVE = 0x12
    HARDWARE_PLATFORM = 0x13
    HARDWARE_UNSAFE = 0x14
    UNSUPPORTED = 0x15
    INVALID_PARAM = 0x16
    RESOURCE_LIMIT = 0x17
    SECURE_DATA_INVALID = 0x18
    INVALID_PAGE_SIZE = 0x19
    INVALID_PAGE_STATE = 0x1A
    INVALID_MDATA_ENTRY = 0x1B
    INVALID_PAGE_OWNER = 0x1C
    AEAD_OFLOW = 0x1D
    RING_BUFFER_EXIT = 0x1F
    RMP_INIT_REQUIRED = 0x20
    BAD_SVN = 0x21
    BAD_VERSION = 0x22
    SHUTDOWN_REQUIRED = 0x23
    UPDATE_FAILED = 0x24
    RESTORE_REQUIRED = 0x25
    RMP_INITIALIZATION_FAILED = 0x26
    INVALID_KEY = 0x27
    SHUTDOWN_INCOMPLETE = 0x28


@unique
class Limit(Enum):
    """Where the model, not the machine, ends."""

    NOT_MODELLED = "not modelled"
    UNSPECIFIED = "unspecified by the manual"


@unique
class GuestAction(Enum):
    """What a careful guest does next: the results of its steps."""

    CONTINUES = "continues"
    REFRAINS = "refrains"
    """A rule of the guest's own forbids the step; it is not taken."""
    TERMINATES = "terminates"
    """The guest stops for good rather than go on in a state that it cannot explain."""


@unique
class HostAction(Enum):
    """What a careful host does next: the results of its steps when it serves a guest's exit."""

    SERVES = "serves"
    WAITS = "waits"
    """It is not its turn; nothing is done."""
    REFUSES = "refuses the request"
    """The guest is told why, and goes on."""
    KILLS = "ends the guest"
    """The protocol has no answer for what the guest did."""


@unique
class Verdict(Enum):
    """What a relying party makes of an attestation report."""

    ACCEPTED = "accepted"
    REFUSED = "refused"


Result = Eax | Event | Status | Limit | GuestAction | HostAction | Verdict


# --- page states ---


@unique
class PageState(Enum):
    """The page states of the firmware ABI (56860, "Page States"), FIRMWARE_IOMMU, and INVALID for anything else."""

    DEFAULT = "DEFAULT"
    HYPERVISOR = "HYPERVISOR"
    HV_FIXED = "HV_FIXED"
    FIRMWARE = "FIRMWARE"
    RECLAIM = "RECLAIM"
    CONTEXT = "CONTEXT"
    METADATA = "METADATA"
    PRE_GUEST = "PRE_GUEST"
    PRE_SWAP = "PRE_SWAP"
    GUEST_INVALID = "GUEST_INVALID"
    GUEST_VALID = "GUEST_VALID"
    FIRMWARE_IOMMU = "FIRMWARE_IOMMU"
    INVALID = "INVALID"


METADATA_TAG = 1
"""Discriminator that firmware keeps in gfn bits [38:36] of its own entries: METADATA."""
IOMMU_TAG = 2
"""The same for FIRMWARE_IOMMU."""
TAG_SHIFT = 36


# --- accesses and faults ---


@unique
class Agent(Enum):
    """Who makes a memory access (APM Vol. 2, Table 15-39)."""

    HOST = "host"
    NON_SNP_GUEST = "non-SNP guest"
    SNP_GUEST = "SNP guest"
    DEVICE = "device"


@unique
class AccessKind(Enum):
    """What a memory access does."""

    READ = "data read"
    WRITE = "data write"
    FETCH = "instruction fetch"
    WALK_READ = "page-table read"
    WALK_WRITE = "page-table write (A/D bits)"
    SSS_READ = "shadow-stack read"
    SSS_WRITE = "shadow-stack write"


@unique
class AgentCode(IntEnum):
    """`Agent` as a number, for operands that need not be known."""

    HOST = 0
    NON_SNP_GUEST = 1
    SNP_GUEST = 2
    DEVICE = 3


@unique
class AccessCode(IntEnum):
    """`AccessKind` as a number, for operands that need not be known. Any other number acts as a data read."""

    READ = 0
    WRITE = 1
    FETCH = 2
    WALK_READ = 3
    WALK_WRITE = 4
    SSS_READ = 5
    SSS_WRITE = 6


class PfError(IntFlag):
    """Host #PF error code (APM Vol. 2, 15.36.10)."""

    P = 1 << 0
    W = 1 << 1
    U = 1 << 2
    RSV = 1 << 3
    ID = 1 << 4
    SS = 1 << 6
    RMP = 1 << 31


class NpfInfo(IntFlag):
    """EXITINFO1 of a nested page fault (APM Vol. 2, 15.25.6 and 15.36.10)."""

    P = 1 << 0
    W = 1 << 1
    U = 1 << 2
    RSV = 1 << 3
    ID = 1 << 4
    SS = 1 << 6
    RMP = 1 << 31
    FINAL_GPA = 1 << 32
    WALK = 1 << 33
    ENC = 1 << 34
    SIZEM = 1 << 35
    VMPL = 1 << 36
    SSS = 1 << 37
    NOT_RESTARTABLE = 1 << 63


VC_PAGE_NOT_VALIDATED = 0x404
"""#VC error code: the page is assigned to this guest but not validated."""
VC_PAGE_NOT_VALIDATED_NOT_RESTARTABLE = 0x406
"""The same for a Secure AVIC backing page."""


# --- firmware ---


@unique
class PlatformState(IntEnum):
    """SNP platform state."""

    UNINIT = 0
    INIT = 1


@unique
class GuestState(IntEnum):
    """GCTX.State."""

    INIT = 0
    LAUNCH = 1
    RUNNING = 2


@unique
class LaunchPageType(IntEnum):
    """PAGE_TYPE of SNP_LAUNCH_UPDATE."""

    NORMAL = 1
    VMSA = 2
    ZERO = 3
    UNMEASURED = 4
    SECRETS = 5
    CPUID = 6


@unique
class SwapPageType(IntEnum):
    """PAGE_TYPE of SNP_PAGE_SWAP_OUT and SNP_PAGE_SWAP_IN."""

    DATA = 0
    METADATA = 1
    VMSA = 2


class GuestPolicy(IntFlag):
    """Guest policy (firmware ABI, "Guest Policy"); bits [15:0] hold the minimum ABI version."""

    SMT = 1 << 16
    RESERVED_ONE = 1 << 17
    MIGRATE_MA = 1 << 18
    DEBUG = 1 << 19
    SINGLE_SOCKET = 1 << 20
    CXL_ALLOW = 1 << 21
    MEM_AES_256_XTS = 1 << 22
    RAPL_DIS = 1 << 23
    CIPHERTEXT_HIDING = 1 << 24
    PAGE_SWAP_DISABLE = 1 << 25


class SevFeatures(IntFlag):
    """SEV_FEATURES, VMSA offset 3B0h (APM Vol. 2, Table B-4)."""

    SNP_ACTIVE = 1 << 0
    VTOM = 1 << 1
    REFLECT_VC = 1 << 2
    RESTRICTED_INJECTION = 1 << 3
    ALTERNATE_INJECTION = 1 << 4
    DEBUG_VIRTUALIZATION = 1 << 5
    PREVENT_HOST_IBS = 1 << 6
    BTB_ISOLATION = 1 << 7
    VMPL_SSS = 1 << 8
    SECURE_TSC = 1 << 9
    VMGEXIT_PARAMETER = 1 << 10
    PMC_VIRTUALIZATION = 1 << 11
    IBS_VIRTUALIZATION = 1 << 12
    GUEST_INTERCEPT_CONTROL = 1 << 13
    VMSA_REG_PROT = 1 << 14
    SMT_PROTECTION = 1 << 15
    SECURE_AVIC = 1 << 16
    IBPB_ON_ENTRY = 1 << 21


# --- attestation ---


@unique
class Product(IntEnum):
    """Processor lines with a root key of their own (VCEK certificate specification, 57230)."""

    MILAN = 0
    GENOA = 1
    """Genoa, Bergamo and Siena."""
    TURIN = 2


@unique
class SigningKey(IntEnum):
    """SIGNING_KEY of an attestation report; other values are reserved."""

    VCEK = 0
    VLEK = 1
    NONE = 7


class PlatformInfo(IntFlag):
    """PLATFORM_INFO of an attestation report."""

    SMT = 1 << 0
    TSME = 1 << 1
    ECC = 1 << 2
    RAPL_DISABLED = 1 << 3
    CIPHERTEXT_HIDING = 1 << 4
    ALIAS_CHECK_COMPLETE = 1 << 5
    IOMMU_WRITE_SAFE = 1 << 6
    TIO = 1 << 7


HOST_REQUESTED = 0xFFFF_FFFF
"""VMPL of a report that the host asked for (SNP_HV_REPORT_REQ); its REPORT_DATA is zero."""


# --- who acts, who guarantees, what a statement rests on ---


@unique
class Actor(Enum):
    """Who takes a step."""

    HYPERVISOR = "hypervisor"
    GUEST = "guest"
    CAREFUL_GUEST = "careful guest"
    CAREFUL_HOST = "careful host"
    FIRMWARE = "firmware"
    HARDWARE = "hardware"
    DEVICE = "device"
    RELYING_PARTY = "relying party"
    ADVERSARY = "adversary"
    """Whoever is outside of every measured guest: the hypervisor, and any network."""


@unique
class Guarantor(Enum):
    """Who must behave for an invariant to hold."""

    HARDWARE = "hardware"
    FIRMWARE = "firmware"
    GUEST = "guest"
    HOST = "host"
    PARAVISOR = "paravisor"
    CRYPTOGRAPHY = "cryptography"
    PLATFORM = "platform"
    RELYING_PARTY = "relying party"
    NOBODY = "not an invariant"


@unique
class Evidence(Enum):
    """What a check or a constant rests on."""

    MANUAL = "manual text"
    FIRMWARE = "firmware behaviour"
    OBSERVED = "observed on hardware"
    AGREED = "several implementations agree"
    INFERRED = "inferred"
