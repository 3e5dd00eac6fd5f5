"""A memory access after translation, and the fault words of one that fails. APM Vol. 2, 15.25.6 and 15.36.10."""

from dataclasses import dataclass

from impl.completion import Completion, nested_fault, page_fault
from impl.machine import Cpu
from impl.rmp.permissions import SHADOW_STACK_KINDS, USER_CPL
from spec.vocabulary import (
    PAGE_SHIFT,
    VC_PAGE_NOT_VALIDATED,
    VC_PAGE_NOT_VALIDATED_NOT_RESTARTABLE,
    AccessKind,
    Agent,
    Event,
    MappingSize,
    NpfInfo,
    PfError,
)

WRITE_KINDS = (AccessKind.WRITE, AccessKind.WALK_WRITE, AccessKind.SSS_WRITE)
WALK_KINDS = (AccessKind.WALK_READ, AccessKind.WALK_WRITE)
ALWAYS_PRIVATE = (AccessKind.FETCH, *WALK_KINDS)
"""Kinds that an SNP guest makes as private accesses whatever the C-bit says (15.36.8)."""
_NOTHING_MORE = NpfInfo(0)


@dataclass(frozen=True)
class Access:
    """One memory access after translation."""

    agent: Agent
    kind: AccessKind
    spa: int
    mapping_size: MappingSize = MappingSize.MAP_4K
    """Size of the host or nested mapping."""
    gpa: int = 0
    """Guest-physical address without the C-bit; guests only."""
    c_bit: bool = False
    """The effective C-bit of a guest's access."""
    address: int = 0
    """Virtual address, for CR2."""
    restartable: bool = True
    """False for a Secure AVIC backing page."""

    @property
    def private(self) -> bool:
        """Whether an SNP guest makes the access through its key."""
        return self.c_bit or self.kind in ALWAYS_PRIVATE

    @property
    def pfn(self) -> int:
        """Frame number of the page accessed."""
        return self.spa >> PAGE_SHIFT


def violation(
    cpu: Cpu, access: Access, check: str, extra: NpfInfo = _NOTHING_MORE, *, reserved: bool = False
) -> Completion:
    """How an RMP violation ends: #PF for the host, a nested page fault for guests, an IOMMU event for devices."""
    if access.agent == Agent.DEVICE:
        return Completion(Event.IOMMU_FAULT, check)
    if access.agent == Agent.HOST:
        word = PfError.P | PfError.RMP | pf_bits(cpu, access.kind)
        return page_fault(word | PfError.RSV if reserved else word, access.address, check)
    word_npf = NpfInfo.P | NpfInfo.RMP | npf_bits(access.kind) | extra
    if reserved:
        word_npf |= NpfInfo.RSV
    if access.c_bit or (access.agent == Agent.SNP_GUEST and access.private):
        word_npf |= NpfInfo.ENC
    if not access.restartable:
        word_npf |= NpfInfo.NOT_RESTARTABLE
    return nested_fault(word_npf, access.gpa, check)


def not_validated(cpu: Cpu, address: int, *, restartable: bool = True) -> Completion:
    """#VC, or with ReflectVC an exit that leaves the error code in GUEST_EXITCODE. APM Vol. 2, 15.36.10."""
    code = VC_PAGE_NOT_VALIDATED if restartable else VC_PAGE_NOT_VALIDATED_NOT_RESTARTABLE
    event = Event.VMEXIT if cpu.reflect_vc else Event.VC
    return Completion(event, "validated", error=code, address=address)


def npf_bits(kind: AccessKind) -> NpfInfo:
    """The bits of EXITINFO1 that tell the kind of access and where in the translation it stands."""
    word = NpfInfo.WALK if kind in WALK_KINDS else NpfInfo.FINAL_GPA
    if kind in WRITE_KINDS:
        word |= NpfInfo.W
    if kind == AccessKind.FETCH:
        word |= NpfInfo.ID
    if kind in SHADOW_STACK_KINDS:
        word |= NpfInfo.SS
    return word


def pf_bits(cpu: Cpu, kind: AccessKind) -> PfError:
    """The bits of a #PF error code that tell the kind of access."""
    word = PfError(0)
    if kind in WRITE_KINDS:
        word |= PfError.W
    if cpu.cpl == USER_CPL:
        word |= PfError.U
    if kind == AccessKind.FETCH:
        word |= PfError.ID
    if kind in SHADOW_STACK_KINDS:
        word |= PfError.SS
    return word
