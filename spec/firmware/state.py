"""What SNP firmware remembers: platform state, guest contexts, metadata entries, ASIDs and their caches.

Contents of CONTEXT and METADATA pages are kept here by the page that holds them; firmware alone can read or write them.
Keys are identities: two keys are equal only if they were drawn together.
"""

from typing import Annotated

from spec.firmware.range_list import NO_WALK, RangeWalk
from spec.maps import Map
from spec.record import record
from spec.vmpl.permissions import NO_MASKS, VmplMasks
from spec.vocabulary import (
    Asid,
    Bits,
    Gfn,
    GuestState,
    PageSize,
    Pfn,
    PlatformState,
)

KeyId = Annotated[int, Bits(32)]
"""The identity of a random key; 0 is no key."""
Digest = Annotated[int, Bits(384)]
"""A SHA-384 digest as a little-endian number."""
ContextPage = Annotated[int, Bits(40, "guest context")]
"""The page frame number of a guest context, by which firmware knows the guest."""
MetadataSlot = Annotated[int, Bits(46)]
"""A 64-byte metadata entry's address: SPA[51:6]. A METADATA page holds 64."""
SealedSlot = Annotated[int, Bits(102)]
"""One entry of a METADATA page that was swapped out: key identity, IV count, position (32 + 64 + 6 bits)."""
CcxSlot = Annotated[int, Bits(14)]
"""An ASID on one core complex: ASID * 16 + CCX."""
MAX_CCX = 16
METADATA_ENTRIES = 64


@record
class MetadataEntry:
    """A 64-byte MDATA entry: what firmware needs to take a swapped page back (ABI, "SNP_PAGE_SWAP_OUT").

    The authentication tag is ideal: it accepts exactly the ciphertext sealed under the key that made it, with this IV.
    """

    software_data: Annotated[int, Bits(64)]
    iv: Annotated[int, Bits(64)]
    valid: bool
    page_validated: bool
    vmsa: bool
    metadata: bool
    page_size: Annotated[int, Bits(1)]
    gfn: Gfn
    masks: VmplMasks
    tag_oek: KeyId = 0
    """The key that made the tag. A METADATA page may hold entries of an earlier guest whose context stood there."""


EMPTY_METADATA = MetadataEntry(
    software_data=0,
    iv=0,
    valid=False,
    page_validated=False,
    vmsa=False,
    metadata=False,
    page_size=PageSize.SIZE_4K,
    gfn=0,
    masks=NO_MASKS,
)


@record
class MessageCounts:
    """Per VMPCK: how many messages were exchanged (two for a request and its response)."""

    vmpck0: Annotated[int, Bits(64)]
    vmpck1: Annotated[int, Bits(64)]
    vmpck2: Annotated[int, Bits(64)]
    vmpck3: Annotated[int, Bits(64)]


@record
class GuestContext:
    """GCTX, the content of a CONTEXT page."""

    state: Annotated[int, Bits(2)]
    """A `GuestState`."""
    asid: Asid
    """0: no ASID is bound."""
    activated: bool
    """The ASID may be run: ACTIVATE and LAUNCH_FINISH have both happened. Before that it is pending."""
    policy: Annotated[int, Bits(64)]
    oek: KeyId
    """Offline encryption key, for swapping."""
    vek: KeyId
    """Memory encryption key."""
    vmpcks: KeyId
    """The four VM platform communication keys, drawn together."""
    vmrk: KeyId
    """VM root key: an alternative root for derived keys."""
    report_id: KeyId
    """REPORT_ID, drawn like a key; 0 before the launch."""
    report_id_ma: KeyId
    """The REPORT_ID of the migration agent; 0 where the manual stores all ones."""
    iv_count: Annotated[int, Bits(64)]
    """The next IV under the OEK."""
    root_metadata: MetadataEntry
    ma_bound: bool
    ma_context: Pfn
    """The migration agent's context page, if `ma_bound`."""
    imi_enabled: bool
    launch_digest: Digest
    imi_digest: Digest
    id_block_enabled: bool
    author_key_enabled: bool
    vcek_disabled: bool
    """VCEK_DIS of SNP_LAUNCH_FINISH: no report or key of this guest rests on the VCEK."""
    guest_svn: Annotated[int, Bits(32)]
    """GUEST_SVN of the ID block; 0 without one."""
    host_data: Annotated[int, Bits(256)]
    message_counts: MessageCounts


EMPTY_CONTEXT = GuestContext(
    state=GuestState.INIT,
    asid=0,
    activated=False,
    policy=0,
    oek=0,
    vek=0,
    vmpcks=0,
    vmrk=0,
    report_id=0,
    report_id_ma=0,
    iv_count=0,
    root_metadata=EMPTY_METADATA,
    ma_bound=False,
    ma_context=0,
    imi_enabled=False,
    launch_digest=0,
    imi_digest=0,
    id_block_enabled=False,
    author_key_enabled=False,
    vcek_disabled=False,
    guest_svn=0,
    host_data=0,
    message_counts=MessageCounts(0, 0, 0, 0),
)


class CcxAsid:
    """State of an ASID on one core complex (two bits)."""

    DIRTY = 0
    """Cache lines of an earlier guest may remain."""
    CLEAN = 1
    ALLOCATED = 2
    """Activated here; not run yet."""
    IN_USE = 3


@record
class Firmware:
    """The security processor's memory."""

    state: Annotated[int, Bits(1)]
    """A `PlatformState` of SNP."""
    sev_initialised: bool
    """The legacy SEV platform is not UNINIT."""
    rmp_initialised: bool
    """The RMP was built, and not given up by SNP_SHUTDOWN_EX."""
    rmp_same_tcb: bool
    """It was built by firmware of the present TCB."""
    ccx_count: Annotated[int, Bits(5)]
    contexts: Map[ContextPage, GuestContext]
    metadata: Map[MetadataSlot, MetadataEntry]
    sealed: Map[SealedSlot, MetadataEntry]
    """What was in METADATA pages when they were swapped out."""
    ccx_asids: Map[CcxSlot, Annotated[int, Bits(2)]]
    """A `CcxAsid` value each."""
    ccx_flushed: Map[Annotated[int, Bits(4)], bool]
    """Core complexes all of whose cores did WBINVD since SNP_INIT and since a guest of theirs was decommissioned."""
    asid_keys: Map[Asid, KeyId]
    """The memory key that the memory controllers use for each ASID."""
    asid_runnable: Map[Asid, bool]
    """VMRUN accepts the ASID; it is flagged invalid otherwise."""
    next_key: KeyId
    """Identity of the next key to be drawn."""
    abi_version: Annotated[int, Bits(16)]
    """The ABI version of this firmware: major in the high byte, minor in the low one."""
    policy_bits: Annotated[int, Bits(64)]
    """The guest policy bits that this firmware knows."""
    chip_key_masked: bool
    """MASK_CHIP_KEY of SNP_CONFIG."""
    vlek_installed: bool
    """SNP_VLEK_LOAD has given the firmware a versioned loaded endorsement key."""
    walk: RangeWalk
    """SNP_PAGE_SET_STATE under way."""


BOOTED = Firmware(
    state=PlatformState.UNINIT,
    sev_initialised=False,
    rmp_initialised=False,
    rmp_same_tcb=True,
    ccx_count=2,
    contexts=Map(EMPTY_CONTEXT),
    metadata=Map(EMPTY_METADATA),
    sealed=Map(EMPTY_METADATA),
    ccx_asids=Map(CcxAsid.DIRTY),
    ccx_flushed=Map(False),
    asid_keys=Map(0),
    asid_runnable=Map(False),
    next_key=1,
    abi_version=0x0137,
    policy_bits=(1 << 21) - 1,
    chip_key_masked=False,
    vlek_installed=False,
    walk=NO_WALK,
)
"""After reset."""
