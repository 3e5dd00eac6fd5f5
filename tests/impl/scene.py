"""A machine with one SNP guest, for the tests: everything is done through real registers, operands and tables."""

import struct
from collections.abc import Iterator

from impl.completion import Completion
from impl.machine import GENOA, HOST, Configuration, Cpu, Machine
from impl.memory.guest_tables import map_guest
from impl.memory.paging import map_nested
from impl.rmp.access import check_access
from impl.rmp.faults import Access
from impl.rmp.pvalidate import pvalidate_at
from impl.rmp.rmpupdate import rmpupdate
from spec.vocabulary import AccessKind, Agent, Eax, MappingSize, PageSize

GUEST_ASID = 5
OTHER_ASID = 6
PAGE = 0x1000
REGION = 0x20_0000
SPA = 0x4000_0000
"""A 2 MiB-aligned stretch of host memory for the tests to use."""
GPA = 0x80_0000
"""A 2 MiB-aligned guest address for the tests to use."""
OPERAND = 0x2000_0000
NESTED_ROOT = 0x2010_0000
GUEST_ROOT_SPA = 0x3000_0000
GUEST_ROOT_GPA = 0x10_0000


def pages_from(address: int) -> Iterator[int]:
    while True:
        yield address
        address += PAGE


class Scene:
    """The host prepared nested tables and the guest's own page tables; nothing else is assigned."""

    def __init__(self, configuration: Configuration = GENOA, guest_tables: int = 8) -> None:
        self.machine = Machine(configuration)
        self.machine.engine.install_key(GUEST_ASID, bytes(range(32)))
        self.machine.engine.install_key(OTHER_ASID, bytes(range(32, 64)))
        self.cpu = Cpu(GUEST_ASID, snp_active=True, nested_cr3=NESTED_ROOT, cr3=GUEST_ROOT_GPA)
        self._nested_pages = pages_from(NESTED_ROOT + PAGE)
        self._guest_pages = pages_from(GUEST_ROOT_GPA + PAGE)
        for index in range(guest_tables):
            gpa, spa = GUEST_ROOT_GPA + index * PAGE, GUEST_ROOT_SPA + index * PAGE
            self.give(gpa, spa)
            self.machine.memory.write(spa, bytes(PAGE), GUEST_ASID)

    def at_vmpl(self, vmpl: int, cpl: int = 0) -> Cpu:
        return Cpu(GUEST_ASID, vmpl, cpl, snp_active=True, nested_cr3=NESTED_ROOT, cr3=GUEST_ROOT_GPA)

    def rmpupdate(
        self,
        spa: int,
        *,
        assigned: int = 1,
        size: int = 0,
        immutable: int = 0,
        asid: int = GUEST_ASID,
        gpa: int = 0,
        reserved: int = 0,
        cpu: Cpu = HOST,
    ) -> Completion:
        operand = struct.pack("<QBBBBI", gpa, assigned, size, immutable, reserved, asid)
        self.machine.memory.write_raw(OPERAND, operand)
        return rmpupdate(self.machine, cpu, spa, OPERAND)

    def unassign(self, spa: int, size: int = 0) -> Completion:
        return self.rmpupdate(spa, assigned=0, size=size, asid=0)

    def pvalidate(
        self,
        gpa: int = GPA,
        spa: int = SPA,
        *,
        size: PageSize = PageSize.SIZE_4K,
        mapping: MappingSize | None = None,
        validate: bool = True,
        cpu: Cpu | None = None,
        c_bit: bool = True,
    ) -> Completion:
        mapped = MappingSize(size) if mapping is None else mapping
        return pvalidate_at(self.machine, cpu or self.cpu, gpa, gpa, spa, mapped, c_bit, size, validate)

    def give(self, gpa: int = GPA, spa: int = SPA, size: PageSize = PageSize.SIZE_4K) -> None:
        """Assign, map and validate one page."""
        assert self.rmpupdate(spa, size=size, gpa=gpa).result == Eax.SUCCESS
        self.map(gpa, spa, MappingSize(size))
        assert self.pvalidate(gpa, spa, size=size).result == Eax.SUCCESS

    def map(self, gpa: int = GPA, spa: int = SPA, size: MappingSize = MappingSize.MAP_4K) -> None:
        map_nested(self.machine.memory, NESTED_ROOT, gpa, spa, self._nested_pages, size)

    def guest_map(self, gva: int, gpa: int, *, c_bit: bool = True) -> None:
        map_guest(self.machine, self.cpu, gva, gpa, self._guest_pages, c_bit=c_bit)

    def access(
        self,
        kind: AccessKind,
        *,
        agent: Agent = Agent.SNP_GUEST,
        cpu: Cpu | None = None,
        spa: int = SPA,
        gpa: int = GPA,
        mapping: MappingSize = MappingSize.MAP_4K,
        c_bit: bool = True,
    ) -> Completion:
        """Check one access: the guest's at VMPL0, or the host's."""
        if agent in (Agent.HOST, Agent.DEVICE):
            access = Access(agent, kind, spa, mapping, address=spa)
            return check_access(self.machine, HOST, access)
        return check_access(self.machine, cpu or self.cpu, Access(agent, kind, spa, mapping, gpa, c_bit, gpa))
