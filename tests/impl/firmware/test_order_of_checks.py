"""Every command with checks on guests and pages: each check alone, and its place before all later ones."""

from impl.firmware.buffers import (
    ActivateBuffer,
    ActivateExBuffer,
    GuestContextBuffer,
    GuestRequestBuffer,
    GuestStatusBuffer,
)
from impl.firmware.command_ids import CommandId
from impl.firmware.guest_context import Activation
from impl.firmware.launch_buffers import LaunchFinishBuffer, LaunchStartBuffer, LaunchUpdateBuffer
from impl.firmware.page_buffers import (
    DebugBuffer,
    MetadataEntry,
    PageMdInitBuffer,
    PageMoveBuffer,
    PageReclaimBuffer,
    PageSetStateBuffer,
    PageSwapInBuffer,
    PageSwapOutBuffer,
    PageUnsmashBuffer,
)
from impl.firmware.swap import seal
from spec.vocabulary import GuestPolicy, GuestState, PageSize, PlatformState, Status
from tests.impl.firmware.host import ASID, GCTX, METADATA, OUTPUT, PAGE, POLICY, REGION, SPA, TARGET, Host
from tests.impl.firmware.ladder import Rung, climb
from tests.impl.firmware.test_guest_request import request_message

E_SPA = f"entry.{SPA:x}"
E_NEXT = f"entry.{SPA + PAGE:x}"
E_TARGET = f"entry.{TARGET:x}"
E_METADATA = f"entry.{METADATA:x}"
UNINIT = Rung("platform-state", Status.INVALID_PLATFORM_STATE, {"firmware.platform_state": PlatformState.UNINIT})
CONTEXT = Rung("context", Status.INVALID_GUEST, {"buffer.gctx_paddr": 0x5000_0000})
INACTIVE = Rung("active", Status.INACTIVE, {"guest.activation": Activation.INACTIVE})
DEAD = Rung("guest-state", Status.INVALID_GUEST_STATE, {"guest.state": GuestState.INIT})


def reserved(offset: int, value: int = 1) -> Rung:
    return Rung("reserved-bits", Status.INVALID_PARAM, {f"poke.{offset:x}": value})


def rmp_address(field: str) -> Rung:
    return Rung("rmp-address", Status.INVALID_PARAM, {f"buffer.{field}": 0x10_0000})


def test_gctx_create_checks_stand_in_order():
    host = Host().initialise()
    host.donate(GCTX)
    rungs = [
        reserved(0, 0x10),
        UNINIT,
        Rung("page-state", Status.INVALID_PAGE_STATE, {f"entry.{GCTX:x}.gfn": 7}),
        Rung("page-size", Status.INVALID_PAGE_SIZE, {f"entry.{GCTX:x}.page_size": PageSize.SIZE_2M}),
    ]
    climb(host, CommandId.GCTX_CREATE, GuestContextBuffer(gctx_paddr=GCTX), rungs)


def test_decommission_checks_stand_in_order():
    host = Host().initialise()
    host.launch()
    climb(host, CommandId.DECOMMISSION, GuestContextBuffer(gctx_paddr=GCTX), [reserved(1, 8), UNINIT, CONTEXT])


def test_launch_start_checks_stand_in_order():
    host = Host().initialise()
    agent_page = GCTX + PAGE
    agent = host.create(agent_page)
    agent.policy = GuestPolicy.SINGLE_SOCKET
    guest = host.create()
    policy = POLICY | GuestPolicy.MIGRATE_MA | GuestPolicy.SINGLE_SOCKET
    buffer = LaunchStartBuffer(gctx_paddr=GCTX, policy=policy, ma_en=1, ma_gctx_paddr=agent_page)
    rungs = [
        reserved(0x18, 4),
        UNINIT,
        CONTEXT,
        Rung("guest-state", Status.INVALID_GUEST_STATE, {"guest.state": GuestState.LAUNCH}),
        Rung("migration-agent-context", Status.INVALID_GUEST, {"buffer.ma_gctx_paddr": 0x5000_0000}),
        Rung("policy-migrate-ma", Status.POLICY_FAILURE, {"buffer.policy": policy & ~GuestPolicy.MIGRATE_MA}),
    ]
    climb(host, CommandId.LAUNCH_START, buffer, rungs, guest)


def test_activate_checks_stand_in_order():
    host = Host().initialise()
    guest = host.create()
    host.ok(CommandId.LAUNCH_START, LaunchStartBuffer(gctx_paddr=GCTX, policy=POLICY))
    rungs = [
        reserved(0, 1),
        UNINIT,
        CONTEXT,
        DEAD,
        Rung("asid-range", Status.INVALID_ASID, {"buffer.asid": 0}),
        Rung("inactive", Status.ACTIVE, {"guest.activation": Activation.PENDING}),
    ]
    climb(host, CommandId.ACTIVATE, ActivateBuffer(gctx_paddr=GCTX, asid=ASID), rungs, guest)


def test_activate_ex_checks_stand_in_order():
    host = Host().initialise()
    guest = host.create()
    host.ok(CommandId.LAUNCH_START, LaunchStartBuffer(gctx_paddr=GCTX, policy=POLICY))
    buffer = ActivateExBuffer(length=0x20, gctx_paddr=GCTX, asid=ASID, numids=1, ids_paddr=TARGET)
    rungs = [
        Rung("length", Status.INVALID_PARAM, {"buffer.length": 0x1F}),
        reserved(4),
        UNINIT,
        CONTEXT,
        DEAD,
        Rung("asid-range", Status.INVALID_ASID, {"buffer.asid": 0}),
        Rung("apic-id-count", Status.INVALID_PARAM, {"buffer.numids": 0}),
        Rung("address", Status.INVALID_ADDRESS, {"buffer.ids_paddr": 0xF000_0000}),
        Rung("same-asid", Status.ACTIVE, {"guest.activation": Activation.PENDING, "guest.asid": 9}),
    ]
    climb(host, CommandId.ACTIVATE_EX, buffer, rungs, guest)


def test_launch_update_checks_stand_in_order():
    host = Host().initialise()
    guest = host.launch(imi_en=1)
    host.prepare(SPA + PAGE)
    spa = SPA + PAGE
    rungs = [
        reserved(0x1C),
        UNINIT,
        CONTEXT,
        rmp_address("page_paddr"),
        Rung("page-state", Status.INVALID_PAGE_STATE, {f"{E_NEXT}.immutable": False}),
        Rung("page-size", Status.INVALID_PAGE_SIZE, {f"{E_NEXT}.page_size": PageSize.SIZE_2M}),
        Rung(
            "page-alignment", Status.INVALID_ADDRESS, {f"{E_NEXT}.page_size": PageSize.SIZE_2M, "buffer.page_size": 1}
        ),
        Rung("page-type", Status.INVALID_PARAM, {"buffer.page_type": 7}),
        Rung("guest-state", Status.INVALID_GUEST_STATE, {"guest.state": GuestState.RUNNING}),
        INACTIVE,
        Rung("owner-asid", Status.INVALID_PAGE_OWNER, {f"{E_NEXT}.asid": 6}),
        Rung("imi-page", Status.INVALID_PARAM, {"buffer.imi_page": 0}),
    ]
    climb(
        host,
        CommandId.LAUNCH_UPDATE,
        LaunchUpdateBuffer(gctx_paddr=GCTX, page_paddr=spa, page_type=1, imi_page=1),
        rungs,
        guest,
    )


def test_launch_finish_checks_stand_in_order():
    host = Host().initialise()
    guest = host.launch()
    rungs = [
        reserved(0x18, 8),
        UNINIT,
        CONTEXT,
        Rung("guest-state", Status.INVALID_GUEST_STATE, {"guest.imi_en": True}),
        INACTIVE,
        Rung("address", Status.INVALID_ADDRESS, {"buffer.id_block_en": 1, "buffer.id_block_paddr": 0xF000_0000}),
    ]
    climb(host, CommandId.LAUNCH_FINISH, LaunchFinishBuffer(gctx_paddr=GCTX), rungs, guest)


def test_page_reclaim_checks_stand_in_order():
    host = Host().initialise()
    host.donate(SPA + PAGE)
    rungs = [
        reserved(0, 2),
        UNINIT,
        Rung("address", Status.INVALID_ADDRESS, {"buffer.page_number": 0xF0000}),
        Rung("rmp-address", Status.INVALID_PARAM, {"buffer.page_number": 0x100}),
        Rung("page-size", Status.INVALID_PAGE_SIZE, {f"{E_NEXT}.page_size": PageSize.SIZE_2M}),
        Rung("page-state", Status.INVALID_PAGE_STATE, {f"{E_NEXT}.vmsa": True}),
    ]
    climb(host, CommandId.PAGE_RECLAIM, PageReclaimBuffer(page_number=(SPA + PAGE) >> 12), rungs)


def test_page_unsmash_checks_stand_in_order():
    host = Host().initialise()
    for index in range(512):
        host.rmpupdate(SPA + index * PAGE, asid=ASID, gpa=index * PAGE)
    rungs = [
        reserved(0, 2),
        Rung("page-alignment", Status.INVALID_PARAM, {"buffer.page_paddr": SPA + PAGE}),
        UNINIT,
        Rung("page-size", Status.INVALID_PAGE_STATE, {f"{E_NEXT}.page_size": PageSize.SIZE_2M}),
        Rung("immutable", Status.INVALID_PAGE_STATE, {f"{E_NEXT}.immutable": False}),
        Rung("vmsa", Status.INVALID_PAGE_STATE, {f"{E_NEXT}.vmsa": True}),
        Rung("owned", Status.INVALID_PAGE_STATE, {f"entry.{SPA + 2 * PAGE:x}.asid": 0}),
        Rung("guest-address-alignment", Status.INVALID_PAGE_STATE, {f"{E_SPA}.gfn": 1}),
        Rung("same-state", Status.INVALID_PAGE_STATE, {f"{E_NEXT}.validated": True}),
        Rung("same-asid", Status.INVALID_PAGE_STATE, {f"{E_NEXT}.asid": 6}),
        Rung("consecutive", Status.INVALID_PAGE_STATE, {f"{E_NEXT}.gfn": 2}),
        Rung("same-permissions", Status.INVALID_PAGE_STATE, {f"{E_NEXT}.perms": (1, 0, 0, 0)}),
    ]
    climb(host, CommandId.PAGE_UNSMASH, PageUnsmashBuffer(page_paddr=SPA), rungs)


def test_page_move_checks_stand_in_order():
    host = Host().initialise()
    guest = host.run_guest()
    host.prepare(SPA)
    host.prepare(SPA + PAGE)
    buffer = PageMoveBuffer(gctx_paddr=GCTX, src_paddr=SPA, dst_paddr=SPA + PAGE)
    rungs = [
        reserved(0x0C),
        UNINIT,
        rmp_address("dst_paddr"),
        CONTEXT,
        Rung("page-size", Status.INVALID_PAGE_SIZE, {"buffer.page_size": 1}),
        DEAD,
        INACTIVE,
        Rung("page-states", Status.INVALID_PAGE_STATE, {f"{E_NEXT}.validated": True}),
        Rung("owner-asid", Status.INVALID_PAGE_OWNER, {f"{E_NEXT}.asid": 6}),
    ]
    climb(host, CommandId.PAGE_MOVE, buffer, rungs, guest)


def test_page_md_init_checks_stand_in_order():
    host = Host().initialise()
    guest = host.run_guest()
    host.donate(METADATA)
    rungs = [
        reserved(8),
        UNINIT,
        rmp_address("page_paddr"),
        CONTEXT,
        Rung("page-state", Status.INVALID_PAGE_STATE, {f"{E_METADATA}.vmsa": True}),
        DEAD,
    ]
    climb(host, CommandId.PAGE_MD_INIT, PageMdInitBuffer(gctx_paddr=GCTX, page_paddr=METADATA), rungs, guest)


def swap_rungs() -> list[Rung]:
    """The checks that both swap commands begin with."""
    return [
        UNINIT,
        rmp_address("src_paddr"),
        CONTEXT,
        Rung("mdata-alignment", Status.INVALID_PARAM, {"buffer.mdata_paddr": METADATA + 8}),
        Rung("mdata-overlap", Status.INVALID_PARAM, {"buffer.mdata_paddr": TARGET}),
        Rung("mdata-page-state", Status.INVALID_PAGE_STATE, {f"{E_METADATA}.vmsa": True, f"{E_METADATA}.gfn": 0}),
        Rung("mdata-owner-context", Status.INVALID_PAGE_OWNER, {f"{E_METADATA}.gfn": 1 << 36 | 0x99}),
    ]


def test_page_swap_out_checks_stand_in_order():
    host = Host().initialise()
    guest = host.run_guest()
    host.add_metadata()
    host.donate(TARGET)
    host.prepare(SPA)
    buffer = PageSwapOutBuffer(gctx_paddr=GCTX, src_paddr=SPA, dst_paddr=TARGET, mdata_paddr=METADATA)
    rungs = [
        reserved(0x28, 8),
        *swap_rungs(),
        Rung("page-size", Status.INVALID_PAGE_SIZE, {f"{E_SPA}.page_size": PageSize.SIZE_2M}),
        DEAD,
        INACTIVE,
        Rung("page-type", Status.INVALID_PAGE_STATE, {"buffer.page_type": 3}),
        Rung("source-state", Status.INVALID_PAGE_STATE, {f"{E_SPA}.immutable": False}),
        Rung("target-state", Status.INVALID_PAGE_STATE, {f"{E_TARGET}.vmsa": True}),
        Rung("owner-asid", Status.INVALID_PAGE_OWNER, {f"{E_SPA}.asid": 6}),
        Rung("iv-exhausted", Status.AEAD_OFLOW, {"guest.offline_iv_count": (1 << 64) - 2}),
    ]
    climb(host, CommandId.PAGE_SWAP_OUT, buffer, rungs, guest)


def test_page_swap_in_checks_stand_in_order():
    host = Host().initialise()
    guest = host.run_guest()
    host.add_metadata()
    host.prepare(SPA)
    ciphertext, tag = seal(guest.offline_key, 77, bytes(PAGE))
    host.machine.memory.write_raw(TARGET, ciphertext)
    guest.root_entry = MetadataEntry(iv=77, auth_tag=tag, valid=1, gfn=5, vmpl_perms=bytes(8))
    host.machine.memory.write_raw(METADATA, guest.root_entry.pack())
    buffer = PageSwapInBuffer(gctx_paddr=GCTX, src_paddr=TARGET, dst_paddr=SPA, mdata_paddr=METADATA)
    rungs = [
        reserved(0x20),
        *swap_rungs(),
        DEAD,
        INACTIVE,
        Rung("mdata-valid", Status.INVALID_MDATA_ENTRY, {"buffer.page_type": 2}),
        Rung("page-size", Status.INVALID_PAGE_SIZE, {f"{E_SPA}.page_size": PageSize.SIZE_2M}),
        Rung("swap-in-place-address", Status.INVALID_ADDRESS, {"buffer.swap_in_place": 1}),
        Rung("target-state", Status.INVALID_PAGE_STATE, {f"{E_SPA}.immutable": False}),
        Rung("owner-asid", Status.INVALID_PAGE_OWNER, {f"{E_SPA}.asid": 6}),
        Rung("auth-tag", Status.BAD_MEASUREMENT, {"guest.offline_key": bytes(32)}),
    ]
    climb(host, CommandId.PAGE_SWAP_IN, buffer, rungs, guest)


def test_dbg_decrypt_checks_stand_in_order():
    host = Host().initialise()
    guest = host.launch(policy=POLICY | GuestPolicy.DEBUG)
    host.rmpupdate(SPA, asid=ASID, gpa=0, immutable=False)
    host.donate(TARGET)
    rungs = [
        reserved(8),
        UNINIT,
        rmp_address("dst_paddr"),
        CONTEXT,
        Rung("source-state", Status.INVALID_PAGE_STATE, {f"{E_SPA}.assigned": False}),
        Rung("target-state", Status.INVALID_PAGE_STATE, {f"{E_TARGET}.vmsa": True}),
        Rung("owner-asid", Status.INVALID_PAGE_OWNER, {f"{E_SPA}.asid": 6}),
        Rung("policy-debug", Status.POLICY_FAILURE, {"guest.policy": POLICY}),
        INACTIVE,
    ]
    climb(host, CommandId.DBG_DECRYPT, DebugBuffer(gctx_paddr=GCTX, src_paddr=SPA, dst_paddr=TARGET), rungs, guest)


def test_dbg_encrypt_asks_for_the_platform_state_before_reserved_bits():
    host = Host().initialise()
    guest = host.launch(policy=POLICY | GuestPolicy.DEBUG)
    host.prepare(SPA)
    rungs = [
        UNINIT,
        reserved(8),
        rmp_address("src_paddr"),
        CONTEXT,
        Rung("target-state", Status.INVALID_PAGE_STATE, {f"{E_SPA}.immutable": False}),
        Rung("owner-asid", Status.INVALID_PAGE_OWNER, {f"{E_SPA}.asid": 6}),
        Rung("policy-debug", Status.POLICY_FAILURE, {"guest.policy": POLICY}),
        INACTIVE,
    ]
    climb(host, CommandId.DBG_ENCRYPT, DebugBuffer(gctx_paddr=GCTX, src_paddr=TARGET, dst_paddr=SPA), rungs, guest)


def test_guest_request_checks_stand_in_order():
    host = Host().initialise()
    guest = host.run_guest()
    host.donate(OUTPUT)
    host.machine.memory.write_raw(TARGET, request_message(guest, 0x11, bytes(0x80)))
    rungs = [
        reserved(0),
        UNINIT,
        CONTEXT,
        Rung("response-page-state", Status.INVALID_PAGE_STATE, {f"entry.{OUTPUT:x}.vmsa": True}),
        Rung("page-size", Status.INVALID_PAGE_SIZE, {f"{E_TARGET}.page_size": PageSize.SIZE_2M}),
        Rung("guest-state", Status.INVALID_GUEST_STATE, {"guest.state": GuestState.LAUNCH}),
        Rung("header-crosses-page", Status.INVALID_PARAM, {"buffer.request_paddr": TARGET + 0xFA1}),
        Rung("auth-tag", Status.BAD_MEASUREMENT, {"guest.vmpcks": [bytes(32)] * 4}),
        Rung("sequence", Status.AEAD_OFLOW, {"guest.message_counts": [2, 0, 0, 0]}),
    ]
    buffer = GuestRequestBuffer(gctx_paddr=GCTX, request_paddr=TARGET, response_paddr=OUTPUT)
    climb(host, CommandId.GUEST_REQUEST, buffer, rungs, guest)


def test_guest_status_checks_stand_in_order():
    host = Host().initialise()
    host.create()
    host.donate(OUTPUT)
    rungs = [
        reserved(0),
        Rung("status-crosses-page", Status.INVALID_PARAM, {"buffer.status_paddr": OUTPUT + 0xFE8}),
        UNINIT,
        CONTEXT,
        Rung("status-page-state", Status.INVALID_PAGE_STATE, {f"entry.{OUTPUT:x}.vmsa": True}),
    ]
    climb(host, CommandId.GUEST_STATUS, GuestStatusBuffer(gctx_paddr=GCTX, status_paddr=OUTPUT), rungs)


def test_page_set_state_checks_stand_in_order():
    host = Host().initialise()
    host.donate(*range(SPA, SPA + REGION, PAGE))
    ranges = bytes((1, 0, 0, 0, 0, 0, 0, 0)) + SPA.to_bytes(8, "little") + (3).to_bytes(8, "little")
    host.machine.memory.write_raw(TARGET, ranges)
    rungs = [
        Rung("length", Status.INVALID_LENGTH, {"buffer.length": 8}),
        reserved(4),
        UNINIT,
        Rung("list-address", Status.INVALID_ADDRESS, {"buffer.list_paddr": 0xF000_0000}),
        Rung("page-state", Status.INVALID_PAGE_STATE, {f"{E_NEXT}.gfn": 1}),
    ]
    climb(host, CommandId.PAGE_SET_STATE, PageSetStateBuffer(length=0x10, list_paddr=TARGET), rungs)
