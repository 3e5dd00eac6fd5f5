"""A machine of the column's generation, with firmware initialised and the rules of the setting."""

from collections.abc import Callable
from dataclasses import replace

from impl.configuration import GENOA, Configuration
from impl.firmware.command_ids import CommandId
from impl.firmware.layout import Layout
from impl.firmware.legacy.buffers import LegacyInitBuffer
from impl.firmware.legacy.command_ids import LegacyCommandId
from impl.firmware.processor import Answer, SecurityProcessor
from impl.machine import HOST, Machine
from impl.memory.agents import host_write
from impl.memory.encryption_mode import ADDRESS_BOUND, XE_PUBLIC, XEX_PUBLIC, EncryptionMode
from impl.memory.lines import Lines
from impl.protections import Protections
from impl.registers import Msr
from impl.rmp.rmpupdate import rmpupdate
from impl.rmp.state_operand import StateOperand
from sevspec.attacks.entry import Column
from sevspec.attacks.machine.places import BUFFER, HOST_SAVE, OPERAND, TRUSTED_BYTES, TRUSTED_REGION
from sevspec.attacks.setting import Setting
from spec.vocabulary import PAGE_SHIFT, Eax, Event, PageSize, Status

PROTECTION_OF = {
    "R1": "registers_encrypted",
    "R2": "registers_authentic",
    "R4": "host_writes_checked",
    "R5": "owner_and_address_checked",
    "R6": "validation_checked",
    "R7": "page_size_checked",
    "R9": "vmpl_checked",
    "R13": "translations_tracked",
    "R14": "rmp_protects_itself",
    "R15": "addresses_measured",
    "R17": "policy_enforced",
    "R19": "device_writes_checked",
    "R20": "caches_coherent",
    "R25": "asid_exclusive",
}
"""Rules that are a field of the machine's protections. R21 to R23 are how memory is built; S… are software."""
INCOHERENT = {"X-drop", "X-stale"}


class SetUpFailed(Exception):
    """A step that should lead to a running guest was refused."""


def configuration(setting: Setting) -> Configuration:
    """The machine."""
    missing = {field: False for rule, field in PROTECTION_OF.items() if setting.lacks(rule)}
    if INCOHERENT & setting.relax:
        missing[PROTECTION_OF["R20"]] = False
    return replace(
        GENOA,
        snp_enabled=setting.column.has_rmp,
        encryption=encryption(setting),
        ciphertext_hiding=setting.keeps("R23"),
        protections=replace(Protections(), **missing),
    )


def encryption(setting: Setting) -> EncryptionMode:
    """The first EPYC has masks before the cipher only, the next ones on both sides."""
    if setting.keeps("R22"):
        return ADDRESS_BOUND
    return XE_PUBLIC if setting.column is Column.SEV else XEX_PUBLIC


class Platform:
    """Machine, firmware, and the host's everyday steps."""

    def __init__(self, setting: Setting) -> None:
        """After power-on; firmware is not initialised."""
        self.setting = setting
        self.machine = Machine(configuration(setting))
        self.machine.lines = Lines()
        self.processor = SecurityProcessor(self.machine)

    def initialise(self) -> None:
        """SNP_INIT, or INIT of the older generations; then what makes ASIDs usable."""
        if self.setting.column.has_rmp:
            self.done(CommandId.INIT)
            self.processor.wbinvd()
            self.done(CommandId.DF_FLUSH)
        else:
            es = self.setting.encrypts_registers
            region = LegacyInitBuffer(es=1, tmr_paddr=TRUSTED_REGION, tmr_length=TRUSTED_BYTES)
            self.done(LegacyCommandId.INIT, region if es else LegacyInitBuffer())
            self.processor.wbinvd()
            self.done(LegacyCommandId.DF_FLUSH)
        self.machine.registers[Msr.VM_HSAVE_PA] = HOST_SAVE

    def command(self, command_id: int, buffer: Layout | None = None) -> Answer:
        """A firmware command; the host writes its buffer first."""
        if buffer is not None:
            self.host_stores(BUFFER, buffer.pack())
        return self.processor.execute(command_id, BUFFER)

    def done(self, command_id: int, buffer: Layout | None = None) -> None:
        """A command that has to succeed."""
        answer = self.command(command_id, buffer)
        if answer.result is not Status.SUCCESS:
            raise SetUpFailed(f"command {command_id:#x}: {answer.result.name} ({answer.check})")

    def host_stores(self, spa: int, data: bytes) -> None:
        """A write of the host's to a page of its own."""
        if host_write(self.machine, spa, data).result is not Event.COMPLETES:
            raise SetUpFailed(f"the host cannot write {spa:#x}")

    def update(self, page: int, asid: int, frame: int, *, immutable: bool = False, large: bool = False) -> str:
        """RMPUPDATE with A=1, or with ASID 0 and not immutable to the hypervisor; the check, empty on success."""
        size = PageSize.SIZE_2M if large else PageSize.SIZE_4K
        operand = StateOperand(frame << PAGE_SHIFT, bool(asid or immutable), size, immutable, asid)
        self.host_stores(OPERAND, operand.pack())
        done = rmpupdate(self.machine, HOST, page << PAGE_SHIFT, OPERAND)
        return "" if done.result == Eax.SUCCESS else f"{done.result.name} ({done.check})"

    def updated(self, page: int, asid: int, frame: int, *, immutable: bool = False, large: bool = False) -> None:
        """The same where it has to succeed."""
        if refused := self.update(page, asid, frame, immutable=immutable, large=large):
            raise SetUpFailed(f"RMPUPDATE of page {page:#x}: {refused}")

    def while_building(self, step: Callable[[], None]) -> None:
        """What another core does while SNP_INIT builds the RMP."""
        self.processor.firmware.meanwhile = step
