"""The launch of a flat guest on a machine of bytes: firmware's commands, nested tables, a VMCB.

SEV API (55766) for SEV and SEV-ES, firmware ABI (56860) for SNP. Every private page goes through LAUNCH_UPDATE, so the
host has no plaintext of it afterwards, and no key.
"""

from dataclasses import replace

from impl.configuration import GENOA, Configuration
from impl.firmware.buffers import ActivateBuffer, GuestContextBuffer
from impl.firmware.command_ids import CommandId
from impl.firmware.cpuid_page import CpuidPageHeader, with_functions
from impl.firmware.launch_buffers import LaunchFinishBuffer, LaunchStartBuffer, LaunchUpdateBuffer
from impl.firmware.layout import Layout, parse
from impl.firmware.legacy.buffers import (
    LegacyActivateBuffer,
    LegacyInitBuffer,
    LegacyLaunchFinishBuffer,
    LegacyLaunchMeasureBuffer,
    LegacyLaunchStartBuffer,
    LegacyLaunchUpdateBuffer,
    Measurement,
)
from impl.firmware.legacy.command_ids import LegacyCommandId
from impl.firmware.legacy.guest import LegacyPolicy
from impl.firmware.processor import SecurityProcessor
from impl.guest import layout
from impl.guest.flat_image import pages_of, private_pages, registers
from impl.hypervisor.emulated import cpuid_functions
from impl.hypervisor.flat_vmcb import Vmcb, write_vmcb
from impl.hypervisor.generation import Generation
from impl.hypervisor.vmsa import VMSA_GPA
from impl.hypervisor.vmsa_layout import pack
from impl.machine import HOST, Machine
from impl.memory.agents import host_write
from impl.memory.engine import PAGE_BYTES
from impl.memory.paging import map_nested
from impl.registers import Msr
from impl.rmp.rmpupdate import rmpupdate
from impl.rmp.state_operand import StateOperand
from impl.wrmsr import wrmsr
from spec.vocabulary import Eax, GuestPolicy, LaunchPageType, PageSize, SevFeatures, Status

PHYSICAL_BITS = 48
"""Of the machine, so that nested entries can have reserved bits: they mark MMIO."""
HOST_SAVE, BUFFER, OPERAND, PORT_MAP, MSR_MAP = (0x2000_0000 + n * 4 * PAGE_BYTES for n in range(5))
CONTEXT, TRUSTED_REGION, NESTED_ROOT = 0x3000_0000, 0x3010_0000, 0x3020_0000
TRUSTED_BYTES = 1 << 20
GUEST_MEMORY = 0x4000_0000
"""A guest page lies at its GPA from here on."""
VMSA, VMCB = 0x6000_0000, 0x6000_1000
ASIDS = {Generation.SEV: 100, Generation.SEV_ES: 1, Generation.SNP: 1}
"""Guests with encrypted registers use the lower ones."""


class LaunchFailed(Exception):
    """A step of the launch did not succeed."""


class FlatLaunch:
    """A machine, and a guest in it that has not run yet."""

    def __init__(self, generation: Generation, program: bytes, configuration: Configuration = GENOA) -> None:
        snp = generation is Generation.SNP
        self.generation = generation
        self.asid = ASIDS[generation]
        self.vmcb = VMCB
        self.machine = Machine(replace(configuration, snp_enabled=snp, physical_address_bits=PHYSICAL_BITS))
        self._firmware = SecurityProcessor(self.machine)
        self._free = iter(range(NESTED_ROOT + PAGE_BYTES, GUEST_MEMORY, PAGE_BYTES))
        pages = private_pages(program)
        features = SevFeatures.SNP_ACTIVE if snp else SevFeatures(0)
        state = pack(registers(features))
        self._map_all(pages)
        if snp:
            self._launch_snp(pages, state)
        else:
            self._launch_legacy(pages, state)
        wrmsr(self.machine, HOST, Msr.VM_HSAVE_PA, HOST_SAVE)
        write_vmcb(
            self.machine,
            VMCB,
            Vmcb(generation, self.asid, NESTED_ROOT, VMSA, state, port_map=PORT_MAP, msr_map=MSR_MAP),
        )

    def spa(self, gpa: int) -> int:
        """Where a page of guest memory lies."""
        return GUEST_MEMORY + gpa

    def _map_all(self, pages: dict[int, bytes]) -> None:
        """Nested tables: guest memory, and for guests with #VC device pages whose entries have reserved bits."""
        memory = [*pages, *pages_of(layout.CPUID), *(gpa for area in layout.SHARED_AREAS for gpa in pages_of(area))]
        for gpa in memory:
            map_nested(self.machine.memory, NESTED_ROOT, gpa, self.spa(gpa), self._free)
        if self.generation is not Generation.SEV:
            for gpa in (gpa for area in layout.DEVICES for gpa in pages_of(area)):
                map_nested(self.machine.memory, NESTED_ROOT, gpa, 1 << PHYSICAL_BITS | gpa, self._free)

    # --- SNP ---

    def _launch_snp(self, pages: dict[int, bytes], state: bytes) -> None:
        self._command(CommandId.INIT)
        self._firmware.wbinvd()
        self._command(CommandId.DF_FLUSH)
        self._assign(CONTEXT, 0, 0)
        self._command(CommandId.GCTX_CREATE, GuestContextBuffer(gctx_paddr=CONTEXT))
        policy = GuestPolicy.RESERVED_ONE | GuestPolicy.SMT
        self._command(CommandId.LAUNCH_START, LaunchStartBuffer(gctx_paddr=CONTEXT, policy=policy))
        self._command(CommandId.ACTIVATE, ActivateBuffer(gctx_paddr=CONTEXT, asid=self.asid))
        for gpa, content in pages.items():
            self._load(self.spa(gpa), gpa, content, LaunchPageType.NORMAL)
        for area in layout.SHARED_AREAS:
            for gpa in pages_of(area):
                self._load(self.spa(gpa), gpa, bytes(PAGE_BYTES), LaunchPageType.ZERO)
        self._load(self.spa(layout.CPUID.gpa), layout.CPUID.gpa, cpuid_page(), LaunchPageType.CPUID)
        self._load(VMSA, VMSA_GPA, state, LaunchPageType.VMSA)
        self._command(CommandId.LAUNCH_FINISH, LaunchFinishBuffer(gctx_paddr=CONTEXT))

    def _load(self, spa: int, gpa: int, content: bytes, page_type: LaunchPageType) -> None:
        host_write(self.machine, spa, content)
        self._assign(spa, self.asid, gpa)
        buffer = LaunchUpdateBuffer(gctx_paddr=CONTEXT, page_type=page_type, page_paddr=spa)
        self._command(CommandId.LAUNCH_UPDATE, buffer)

    def _assign(self, spa: int, asid: int, gpa: int) -> None:
        host_write(self.machine, OPERAND, StateOperand(gpa, True, PageSize.SIZE_4K, True, asid).pack())
        ended = rmpupdate(self.machine, HOST, spa, OPERAND)
        if ended.result is not Eax.SUCCESS:
            raise LaunchFailed(f"RMPUPDATE of {spa:#x}: {ended.result} ({ended.check})")

    # --- SEV and SEV-ES ---

    def _launch_legacy(self, pages: dict[int, bytes], state: bytes) -> None:
        es = self.generation is Generation.SEV_ES
        region = (
            LegacyInitBuffer(es=1, tmr_paddr=TRUSTED_REGION, tmr_length=TRUSTED_BYTES) if es else LegacyInitBuffer()
        )
        self._command(LegacyCommandId.INIT, region)
        self._firmware.wbinvd()
        self._command(LegacyCommandId.DF_FLUSH)
        policy = LegacyPolicy.NODBG | (LegacyPolicy.ES if es else LegacyPolicy(0))
        self._command(LegacyCommandId.LAUNCH_START, LegacyLaunchStartBuffer(policy=policy))
        handle = parse(
            LegacyLaunchStartBuffer, self.machine.memory.read_raw(BUFFER, LegacyLaunchStartBuffer.LENGTH)
        ).handle
        self._command(LegacyCommandId.ACTIVATE, LegacyActivateBuffer(handle=handle, asid=self.asid))
        for gpa, content in pages.items():
            self._update(handle, self.spa(gpa), content, LegacyCommandId.LAUNCH_UPDATE_DATA)
        if es:
            self._update(handle, VMSA, state, LegacyCommandId.LAUNCH_UPDATE_VMSA)
        measure = LegacyLaunchMeasureBuffer(
            handle=handle, measure_paddr=BUFFER + PAGE_BYTES, measure_len=Measurement.LENGTH
        )
        self._command(LegacyCommandId.LAUNCH_MEASURE, measure)
        self._command(LegacyCommandId.LAUNCH_FINISH, LegacyLaunchFinishBuffer(handle=handle))

    def _update(self, handle: int, spa: int, content: bytes, command: LegacyCommandId) -> None:
        host_write(self.machine, spa, content)
        self._command(command, LegacyLaunchUpdateBuffer(handle=handle, paddr=spa, length=len(content)))

    def _command(self, command: CommandId | LegacyCommandId, buffer: Layout | None = None) -> None:
        """A firmware command that succeeds."""
        if buffer is not None:
            host_write(self.machine, BUFFER, buffer.pack())
        answer = self._firmware.execute(command, BUFFER)
        if answer.result is not Status.SUCCESS:
            raise LaunchFailed(f"{command.name}: {answer.result.name} ({answer.check})")


def cpuid_page() -> bytes:
    """The CPUID page, with what the hypervisor would say."""
    functions = cpuid_functions()
    return with_functions(CpuidPageHeader(count=len(functions)).pack().ljust(PAGE_BYTES, b"\0"), functions)
