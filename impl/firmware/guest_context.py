"""GCTX: what the firmware remembers of one guest (firmware ABI 56860, "Guest Context").

The real one is encrypted into the context page with a key of the security processor. Here it is an object beside the
machine, and the page in memory holds zeros.
"""

from dataclasses import dataclass, field
from enum import Enum, unique

from impl.firmware.id_block import IdBlock
from impl.firmware.page_buffers import MetadataEntry
from spec.vocabulary import GuestState

DIGEST_BYTES = 48
KEY_BYTES = 32
VMPCKS = 4
NO_MIGRATION_AGENT = b"\xff" * 32
"""REPORT_ID_MA of a guest without a migration agent."""


@unique
class Activation(Enum):
    """What ACTIVATE has done for the guest."""

    INACTIVE = "no ASID"
    PENDING = "key installed, the ASID not runnable yet"
    ACTIVE = "runnable"


@dataclass
class GuestContext:
    """One guest. SPAs, keys and digests; the defaults are those of a context just created."""

    memory_key: bytes
    """The key that ACTIVATE installs for the guest's ASID."""
    launch_tcb: int
    launch_mitigations: int = 0
    """Those that the firmware had when the guest was launched."""
    state: GuestState = GuestState.INIT
    asid: int = 0
    activation: Activation = Activation.INACTIVE
    ccxs: set[int] = field(default_factory=set)
    """Core complexes on which the ASID is enabled or will be."""
    policy: int = 0
    imi_en: bool = False
    """An initial migration image is being launched."""
    migration_agent: int | None = None
    """SPA of the migration agent's context page."""
    launch_digest: bytes = bytes(DIGEST_BYTES)
    imi_digest: bytes = bytes(DIGEST_BYTES)
    offline_key: bytes = bytes(KEY_BYTES)
    """OEK: protects pages that were swapped out."""
    offline_iv_count: int = 0
    """How many pages were sealed with the offline key."""
    vmpcks: list[bytes] = field(default_factory=lambda: [bytes(KEY_BYTES)] * VMPCKS)
    """Communication keys of VMPL0 to VMPL3."""
    message_counts: list[int] = field(default_factory=lambda: [0] * VMPCKS)
    """Guest messages sent under each communication key, requests and responses together."""
    root_key: bytes = bytes(KEY_BYTES)
    """VMRK."""
    report_id: bytes = bytes(32)
    report_id_ma: bytes = bytes(32)
    gosvw: bytes = bytes(16)
    desired_tsc_khz: int = 0
    tsc_offset: int = 0
    host_data: bytes = bytes(32)
    id_block: IdBlock = field(default_factory=IdBlock)
    id_block_en: bool = False
    id_key_digest: bytes = bytes(DIGEST_BYTES)
    author_key_en: bool = False
    author_key_digest: bytes = bytes(DIGEST_BYTES)
    vcek_disabled: bool = False
    root_entry: MetadataEntry = field(default_factory=MetadataEntry)
    """RootMDEntry: the metadata entry that no METADATA page holds."""
