"""Guest contexts and metadata entries: as the machine keeps them, and as the specification does."""

from dataclasses import replace

from impl.firmware.guest_context import NO_MIGRATION_AGENT, VMPCKS, Activation
from impl.firmware.guest_context import GuestContext as Kept
from impl.firmware.id_block import IdBlock
from impl.firmware.layout import parse
from impl.firmware.page_buffers import MetadataEntry as Packed
from sevspec.crosscheck.bench import Bench, KeyLedger
from spec.firmware.metadata import first_slot
from spec.firmware.state import METADATA_ENTRIES, GuestContext, MessageCounts, MetadataEntry
from spec.rmp.authority import GFN_MAX
from spec.rmp.page_state import is_metadata
from spec.vmpl.permissions import VmplMasks
from spec.vocabulary import PAGE_SHIFT, TAG_SHIFT, GuestState

ENTRY_BYTES = 64
DIGEST_BYTES = 48
HOST_DATA_BYTES = 32
NO_GFN = (1 << 52) - 1
"""What a metadata entry of a METADATA page stores; the specification has no wider number than `GFN_MAX`."""


def context_of(kept: Kept, keys: KeyLedger) -> GuestContext:
    """The context that the firmware keeps."""
    agent = kept.report_id_ma
    return GuestContext(
        state=int(kept.state),
        asid=kept.asid,
        activated=kept.activation == Activation.ACTIVE,
        policy=kept.policy,
        oek=keys.identity(kept.offline_key),
        vek=keys.identity(kept.memory_key),
        vmpcks=keys.identity(kept.vmpcks[0]),
        vmrk=keys.identity(kept.root_key),
        report_id=keys.identity(kept.report_id),
        report_id_ma=0 if agent == NO_MIGRATION_AGENT else keys.identity(agent),
        iv_count=kept.offline_iv_count,
        root_metadata=metadata_of(kept.root_entry, keys),
        ma_bound=kept.migration_agent is not None,
        ma_context=(kept.migration_agent or 0) >> PAGE_SHIFT,
        imi_enabled=kept.imi_en,
        launch_digest=int.from_bytes(kept.launch_digest, "little"),
        imi_digest=int.from_bytes(kept.imi_digest, "little"),
        id_block_enabled=kept.id_block_en,
        author_key_enabled=kept.author_key_en,
        vcek_disabled=kept.vcek_disabled,
        guest_svn=kept.id_block.guest_svn if kept.id_block_en else 0,
        host_data=int.from_bytes(kept.host_data, "little"),
        message_counts=MessageCounts(*kept.message_counts),
    )


def kept_of(context: GuestContext, ccxs: set[int], keys: KeyLedger, tcb: int) -> Kept:
    """A machine's context in this state; `ccxs` are those on which its ASID is enabled."""
    bound = Activation.ACTIVE if context.activated else Activation.PENDING
    counts = context.message_counts
    unbound_agent = NO_MIGRATION_AGENT if context.state != GuestState.INIT else bytes(32)
    return Kept(
        memory_key=keys.make(context.vek),
        launch_tcb=tcb,
        state=GuestState(context.state),
        asid=context.asid,
        activation=bound if context.asid else Activation.INACTIVE,
        ccxs=ccxs,
        policy=context.policy,
        imi_en=context.imi_enabled,
        migration_agent=context.ma_context << PAGE_SHIFT if context.ma_bound else None,
        launch_digest=context.launch_digest.to_bytes(DIGEST_BYTES, "little"),
        imi_digest=context.imi_digest.to_bytes(DIGEST_BYTES, "little"),
        offline_key=keys.make(context.oek),
        offline_iv_count=context.iv_count,
        vmpcks=[keys.make(context.vmpcks) for _ in range(VMPCKS)],
        message_counts=[counts.vmpck0, counts.vmpck1, counts.vmpck2, counts.vmpck3],
        root_key=keys.make(context.vmrk),
        report_id=keys.make(context.report_id),
        report_id_ma=keys.make(context.report_id_ma) if context.report_id_ma else unbound_agent,
        host_data=context.host_data.to_bytes(HOST_DATA_BYTES, "little"),
        id_block=replace(IdBlock(), guest_svn=context.guest_svn),
        id_block_en=context.id_block_enabled,
        author_key_en=context.author_key_enabled,
        vcek_disabled=context.vcek_disabled,
        root_entry=packed_metadata(context.root_metadata, keys),
    )


def metadata_of(packed: Packed, keys: KeyLedger) -> MetadataEntry:
    """A 64-byte metadata entry."""
    if packed.gfn > GFN_MAX and packed.gfn != NO_GFN:
        raise AssertionError(f"a metadata entry names guest frame {packed.gfn:#x}")
    return MetadataEntry(
        software_data=packed.software_data,
        iv=packed.iv,
        valid=bool(packed.valid),
        page_validated=bool(packed.page_validated),
        vmsa=bool(packed.vmsa),
        metadata=bool(packed.metadata),
        page_size=packed.page_size,
        gfn=packed.gfn & GFN_MAX,
        masks=VmplMasks(*packed.vmpl_perms[:4]),
        tag_oek=keys.tags.get(packed.auth_tag, 0),
    )


def packed_metadata(entry: MetadataEntry, keys: KeyLedger) -> Packed:
    """The bytes of a metadata entry; its tag accepts nothing, but is known as the key's."""
    tag = bytes(16)
    if entry.tag_oek:
        tag = keys.make(entry.tag_oek, 16)
        keys.tags[tag] = entry.tag_oek
    masks = entry.masks
    return Packed(
        software_data=entry.software_data,
        iv=entry.iv,
        auth_tag=tag,
        valid=entry.valid,
        page_validated=entry.page_validated,
        vmsa=entry.vmsa,
        metadata=entry.metadata,
        page_size=entry.page_size,
        gfn=NO_GFN if entry.metadata and entry.gfn == GFN_MAX else entry.gfn,
        vmpl_perms=bytes([masks.vmpl0, masks.vmpl1, masks.vmpl2, masks.vmpl3, 0, 0, 0, 0]),
    )


def metadata_in(bench: Bench) -> dict[int, MetadataEntry]:
    """The entries of all METADATA pages: only in them does the content mean entries."""
    memory, found = bench.machine.memory, {}
    for page, entry in bench.system.rmp.changed():
        if not entry.gfn >> TAG_SHIFT or not is_metadata(entry):
            continue
        if not memory.exists(page << PAGE_SHIFT, METADATA_ENTRIES * ENTRY_BYTES):
            continue
        raw = memory.read_raw(page << PAGE_SHIFT, METADATA_ENTRIES * ENTRY_BYTES)
        for index in range(METADATA_ENTRIES):
            chunk = raw[index * ENTRY_BYTES : (index + 1) * ENTRY_BYTES]
            if any(chunk):
                found[first_slot(page) + index] = metadata_of(parse(Packed, chunk), bench.keys)
    return found
