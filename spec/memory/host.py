"""The hypervisor and devices at memory: they read ciphertext, keep it, and write it wherever they may."""

from typing import Annotated

from spec.logic import ite
from spec.memory.asking import checked
from spec.memory.block import Block, Word, plain
from spec.memory.state import Line, Note, Scene, content, storing
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.rmp.access_kind import MemoryAccess
from spec.rmp.authority import page_of
from spec.rmp.translation import Translation
from spec.vocabulary import AccessCode, Actor, Address, AgentCode, Bits, Event, Evidence, Pfn

ACCESSES = "APM Vol. 2, 15.36.10, Table 15-39"


@record
class HostRead:
    """A page, and where the hypervisor keeps what it finds there."""

    spa: Address
    mapping_size: Annotated[int, Bits(2)]
    """A `MappingSize`."""
    note: Note


@record
class HostWrite:
    """A page, and what is written: bytes of the writer's own, or what was read before."""

    spa: Address
    mapping_size: Annotated[int, Bits(2)]
    """A `MappingSize`."""
    from_note: bool
    note: Note
    value: Word


def outside(agent: AgentCode, kind: AccessCode, spa: Address, mapping_size: int) -> MemoryAccess:
    """The access of one that is no guest."""
    there = Translation(gva=spa, gfn=0, spa=spa, mapping_size=mapping_size, private=False)
    return MemoryAccess(
        agent=agent, kind=kind, asid=0, vmpl=0, cpl=0, vmpl_sss=False, reflect_vc=False, translation=there
    )


def written(scene: Scene, op: HostWrite) -> Block:
    """What the write brings. Bytes of one's own are no one's ciphertext: a guest's key turns them to garbage."""
    return ite(op.from_note, scene.memory.notes[op.note], plain(op.value))


def noting(scene: Scene, note: Note, block: Block) -> Scene:
    """The hypervisor keeps a block."""
    return replace(scene, memory=replace(scene.memory, notes=scene.memory.notes.set(note, block)))


def reading(scene: Scene, op: HostRead, agent: AgentCode) -> Outcome:
    """A read by the host or a device: without a guest's key it gets what stands in memory."""
    answer = checked(scene, outside(agent, AccessCode.READ, op.spa, op.mapping_size))
    if answer.result != Event.COMPLETES:
        return answer
    found = content(scene, page_of(op.spa))
    return answer._replace(system=noting(scene, op.note, found), output=found)


def writing(scene: Scene, op: HostWrite, agent: AgentCode) -> Outcome:
    """A write by the host or a device, into a cache first: its line may outlive a change of the page's owner (R20)."""
    answer = checked(scene, outside(agent, AccessCode.WRITE, op.spa, op.mapping_size))
    if answer.result != Event.COMPLETES:
        return answer
    page, block = page_of(op.spa), written(scene, op)
    after = storing(scene, page, block)
    lines = after.memory.lines.set(page, Line(True, block))
    return answer._replace(system=replace(after, memory=replace(after.memory, lines=lines)))


@transition(actor=Actor.HYPERVISOR, manual=ACCESSES)
def host_reads(scene: Scene, op: HostRead) -> Outcome:
    """The host reads a page, and keeps what it finds. Reads are never refused."""
    return reading(scene, op, AgentCode.HOST)


@transition(actor=Actor.HYPERVISOR, manual=ACCESSES)
def host_writes(scene: Scene, op: HostWrite) -> Outcome:
    """The host writes a page: its own bytes, or a block that it read, from this page or another, now or long ago."""
    return writing(scene, op, AgentCode.HOST)


@transition(actor=Actor.DEVICE, manual="APM Vol. 2, 15.36.14")
def device_reads(scene: Scene, op: HostRead) -> Outcome:
    """A device reads a page by DMA; who drives the device learns what it finds."""
    return reading(scene, op, AgentCode.DEVICE)


@transition(actor=Actor.DEVICE, manual="APM Vol. 2, 15.36.14")
def device_writes(scene: Scene, op: HostWrite) -> Outcome:
    """A device, or the IOMMU for its own log, writes a page by DMA."""
    return writing(scene, op, AgentCode.DEVICE)


@record
class BusWrite:
    """A place in memory, and the block that someone at the bus puts there."""

    page: Pfn
    note: Note


@transition(actor=Actor.HYPERVISOR, manual="APM Vol. 2, 15.34")
def bus_writes(scene: Scene, op: BusWrite) -> Outcome:
    """Someone at the memory bus puts back a block that was read before. No processor is asked."""
    # 1. Nobody is there, unless that is assumed (X-phys).
    if scene.rules.bus_closed:
        return Outcome(Event.IOMMU_FAULT, "bus-closed", scene, Evidence.INFERRED)
    after = storing(scene, op.page, scene.memory.notes[op.note])
    return Outcome(Event.COMPLETES, "written", after, Evidence.INFERRED)


TRANSITIONS = (host_reads, host_writes, device_reads, device_writes, bus_writes)
