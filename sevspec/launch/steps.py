"""The steps of a launch: for each, the operands of the specification and the registers or buffers of the machine."""

from functools import partial
from hashlib import sha384
from typing import Any

from impl.firmware.buffers import ActivateBuffer, GuestContextBuffer
from impl.firmware.command_ids import CommandId
from impl.firmware.launch_buffers import LaunchFinishBuffer, LaunchStartBuffer, LaunchUpdateBuffer
from impl.hypervisor.pages import LaunchPage
from impl.machine import HOST
from impl.rmp.rmpupdate import rmpupdate as machine_rmpupdate
from impl.rmp.state_operand import StateOperand
from sevspec.blank import blank
from sevspec.launch.placement import ASID, CONTEXT, OPERAND
from sevspec.launch.twins import Twins
from spec.firmware.activate import Activate, activate
from spec.firmware.command import PageAddress
from spec.firmware.gctx_create import GctxCreate, gctx_create
from spec.firmware.launch_finish import LaunchFinish, launch_finish
from spec.firmware.launch_start import LaunchStart, launch_start
from spec.firmware.launch_update import LaunchUpdate, launch_update
from spec.firmware.launched_page import LaunchedContent
from spec.firmware.policy import LaunchPlatform
from spec.maps import Map
from spec.record import replace
from spec.rmp.access import access
from spec.rmp.access_kind import MemoryAccess
from spec.rmp.cpu import HOST_CPU
from spec.rmp.rmpupdate import RmpUpdate, rmpupdate
from spec.rmp.translation import Translation
from spec.vocabulary import (
    AccessCode,
    AgentCode,
    Eax,
    Event,
    GuestPolicy,
    LaunchPageType,
    MappingSize,
    PageSize,
    Result,
    Status,
)

POLICY = GuestPolicy.RESERVED_ONE | GuestPolicy.SMT
"""SMT is allowed, because it is enabled. The policy is no part of the measurement."""
TSC_FIELDS = slice(0x2F0, 0x300)
"""GUEST_TSC_SCALE and GUEST_TSC_OFFSET of a VMSA, which are measured as 0."""
MAXIMUM_CPUID_FUNCTIONS = 64
FACTS = LaunchPlatform(
    smt_enabled=True, cxl_present=False, aes_256_xts=False, rapl_disabled=False, ciphertext_hiding=False
)


def at(spa: int) -> PageAddress:
    """A page that firmware may touch, as all pages of `sevspec/launch/placement.py`."""
    return PageAddress(spa, in_rmp=False, forbidden=False)


HOST_WRITE = MemoryAccess(
    agent=AgentCode.HOST,
    kind=AccessCode.WRITE,
    asid=0,
    vmpl=0,
    cpl=0,
    vmpl_sss=False,
    reflect_vc=False,
    translation=Translation(gva=0, gfn=0, spa=0, mapping_size=MappingSize.MAP_4K, private=False),
)
RMPUPDATE = replace(blank(RmpUpdate), cpu=HOST_CPU, assigned=True, page_size=PageSize.SIZE_4K, immutable=True)
UPDATE = replace(blank(LaunchUpdate), context=at(CONTEXT), page_size=PageSize.SIZE_4K)


def copy(twins: Twins, spa: int, data: bytes) -> None:
    """The host writes a page of its own."""
    op = replace(HOST_WRITE, translation=replace(HOST_WRITE.translation, gva=spa, spa=spa))
    twins.step(f"host write at {spa:#x}", access, op, partial(twins.write, spa, data), Event.COMPLETES)


def assign(twins: Twins, spa: int, asid: int, gpa: int) -> None:
    """RMPUPDATE with A=1, I=1: to the firmware if the ASID is 0, else to a guest that is being launched."""

    def run() -> Result:
        operand = StateOperand(gpa=gpa, assigned=True, size=PageSize.SIZE_4K, immutable=True, asid=asid)
        twins.write(OPERAND, operand.pack())
        return machine_rmpupdate(twins.machine, HOST, spa, OPERAND).result

    twins.step(f"RMPUPDATE of {spa:#x}", rmpupdate, replace(RMPUPDATE, spa=spa, gpa=gpa, asid=asid), run, Eax.SUCCESS)


def create(twins: Twins) -> None:
    """SNP_GCTX_CREATE."""
    buffer = GuestContextBuffer(gctx_paddr=CONTEXT)
    op = GctxCreate(context=at(CONTEXT), in_dram=True)
    run = partial(twins.command, CommandId.GCTX_CREATE, buffer)
    twins.step("SNP_GCTX_CREATE", gctx_create, op, run, Status.SUCCESS)


def start(twins: Twins) -> None:
    """SNP_LAUNCH_START without migration agent."""
    buffer = LaunchStartBuffer(gctx_paddr=CONTEXT, policy=POLICY)
    op = replace(blank(LaunchStart), context=at(CONTEXT), policy=int(POLICY), platform=FACTS)
    run = partial(twins.command, CommandId.LAUNCH_START, buffer)
    twins.step("SNP_LAUNCH_START", launch_start, op, run, Status.SUCCESS)


def bind(twins: Twins) -> None:
    """SNP_ACTIVATE."""
    buffer = ActivateBuffer(gctx_paddr=CONTEXT, asid=ASID)
    op = Activate(context=at(CONTEXT), asid=ASID, several_sockets=False)
    twins.step("SNP_ACTIVATE", activate, op, partial(twins.command, CommandId.ACTIVATE, buffer), Status.SUCCESS)


def load(twins: Twins, page: LaunchPage, spa: int) -> LaunchedContent:
    """SNP_LAUNCH_UPDATE of one 4 KiB page: what the page then holds, by the specification."""
    masks: dict[str, Any] = {f"vmpl{n}_perms": getattr(page, f"vmpl{n}_perms") for n in (1, 2, 3)}
    buffer = LaunchUpdateBuffer(gctx_paddr=CONTEXT, page_type=page.page_type, page_paddr=spa, **masks)
    op = replace(
        UPDATE,
        page=at(spa),
        page_type=int(page.page_type),
        **masks,
        contents=Map(contents_digest(page)),
        cpuid_malformed=page.page_type is LaunchPageType.CPUID and is_malformed_cpuid(page.content),
    )
    name = f"SNP_LAUNCH_UPDATE of {spa:#x} ({page.page_type.name}, guest page {page.gpa:#x})"
    run = partial(twins.command, CommandId.LAUNCH_UPDATE, buffer)
    return LaunchedContent(twins.step(name, launch_update, op, run, Status.SUCCESS).output)


def finish(twins: Twins) -> None:
    """SNP_LAUNCH_FINISH without ID block."""
    buffer = LaunchFinishBuffer(gctx_paddr=CONTEXT)
    op = replace(blank(LaunchFinish), context=at(CONTEXT))
    run = partial(twins.command, CommandId.LAUNCH_FINISH, buffer)
    twins.step("SNP_LAUNCH_FINISH", launch_finish, op, run, Status.SUCCESS)


def contents_digest(page: LaunchPage) -> int:
    """SHA-384 of what firmware finds in the page, as a little-endian number."""
    content = bytearray(page.content)
    if page.page_type is LaunchPageType.VMSA:
        content[TSC_FIELDS] = bytes(TSC_FIELDS.stop - TSC_FIELDS.start)
    return int.from_bytes(sha384(content).digest(), "little")


def is_malformed_cpuid(content: bytes) -> bool:
    """More than 64 functions, or a reserved field of the header is set."""
    return int.from_bytes(content[:4], "little") > MAXIMUM_CPUID_FUNCTIONS or any(content[4:16])
