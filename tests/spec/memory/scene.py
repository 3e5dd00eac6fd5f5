"""One guest with a key and two private pages, the host, and short names for what they do."""

from typing import Any

from proofs.lifting import in_scene
from proofs.small_world import ASID, CONTEXT_PAGE, FRAMES, PAGES, launching, translated
from proofs.templates import nothing
from spec.features import MILAN, Platform
from spec.guest.world import CAREFUL, World
from spec.maps import Map
from spec.memory.block import Block
from spec.memory.guest import Computation, GuestAccess, guest_computes, guest_reads, guest_writes
from spec.memory.host import HostRead, HostWrite, host_reads, host_writes
from spec.memory.rules import Rules
from spec.memory.state import Habits, Scene, no_memory, nothing_written
from spec.record import replace
from spec.registry import Outcome
from spec.rmp.access_kind import MemoryAccess
from spec.rmp.authority import head_of
from spec.rmp.cpu import HOST_CPU
from spec.rmp.entry import RmpEntry
from spec.rmp.rmpupdate import RmpUpdate, rmpupdate
from spec.vmpl.permissions import reset_masks
from spec.vocabulary import PAGE_SHIFT, AccessCode, AgentCode

__all__ = ["ASID", "CONTEXT_PAGE", "FRAMES", "PAGES"]
X, Y = PAGES[:2]
G, H = FRAMES
KEY = 9
OLD, NEW = 0x1111, 0x2222
VCPU, OTHER_VCPU = 0x91, 0x92


def scene(platform: Platform = MILAN, rules: Rules | None = None, habits: Habits | None = None) -> Scene:
    """A guest that has its ASID and its key; nothing of memory is its own yet."""
    world = launching(CAREFUL, platform.knobs, platform)
    firmware = world.system.firmware
    context = replace(firmware.contexts[CONTEXT_PAGE], vek=KEY)
    firmware = replace(
        firmware,
        contexts=firmware.contexts.set(CONTEXT_PAGE, context),
        asid_keys=firmware.asid_keys.set(ASID, KEY),
        asid_runnable=firmware.asid_runnable.set(ASID, True),
    )
    world = replace(world, system=replace(world.system, firmware=firmware))
    return Scene(world, no_memory(), nothing_written(), rules or Rules(), habits or Habits())


def owned(entry_of: Scene, page: int, frame: int, **fields: Any) -> Scene:
    """The same with a page validated for the guest at an address, and accepted."""
    world = entry_of.world
    entry = RmpEntry(
        assigned=True,
        page_size=0,
        immutable=False,
        subpage_count=0,
        gfn=frame,
        asid=ASID,
        vmsa=False,
        validated=True,
        lock=False,
        masks=reset_masks(world.system.platform),
    )
    rmp, head = world.system.rmp.set(page, replace(entry, **fields)), head_of(page)
    if page != head:
        rmp = rmp.set(head, replace(rmp[head], subpage_count=rmp[head].subpage_count + 1))
    system = replace(world.system, rmp=rmp)
    guest = replace(world.guest, accepted=world.guest.accepted.set(frame, True))
    return replace(entry_of, world=replace(world, system=system, guest=guest))


def of_guest(kind: AccessCode, frame: int, page: int, **fields: Any) -> MemoryAccess:
    """An access by the guest at VMPL0, private, by this translation."""
    private = fields.pop("private", True)
    there = replace(translated(frame, page), private=private)
    plain = replace(nothing(MemoryAccess), agent=int(AgentCode.SNP_GUEST), kind=int(kind), asid=ASID)
    return replace(plain, translation=there, **fields)


def reads(at: Scene, frame: int, page: int, *, vcpu: int = VCPU, cached: bool = False, **fields: Any) -> Outcome:
    """The guest reads."""
    return guest_reads(at, GuestAccess(vcpu, of_guest(AccessCode.READ, frame, page, **fields), cached, 0))


def writes(at: Scene, frame: int, page: int, value: int, *, cached: bool = False, **fields: Any) -> Scene:
    """The guest writes a value of its own."""
    computed = guest_computes(at, Computation(VCPU, value, public=False)).system
    done = guest_writes(computed, GuestAccess(VCPU, of_guest(AccessCode.WRITE, frame, page, **fields), cached, 0))
    after: Scene = done.system
    return after


def host_read(at: Scene, page: int, note: int = 0) -> Outcome:
    """The host reads, and keeps what it finds."""
    return host_reads(at, HostRead(page << PAGE_SHIFT, 0, note))


def host_write(at: Scene, page: int, *, note: int | None = None, value: int = 0) -> Outcome:
    """The host writes its own bytes, or what it kept."""
    return host_writes(at, HostWrite(page << PAGE_SHIFT, 0, note is not None, note or 0, value))


def updated(at: Scene, page: int, frame: int | None) -> Scene:
    """RMPUPDATE of a page: to the guest at an address, or to nobody."""
    op = replace(nothing(RmpUpdate), cpu=HOST_CPU, spa=page << PAGE_SHIFT)
    if frame is not None:
        op = replace(op, assigned=True, asid=ASID, gpa=frame << PAGE_SHIFT)
    after: Scene = in_scene(rmpupdate)(at, op).system
    return after


def at_rest(scene: Scene, page: int) -> Block:
    """What a page holds."""
    return scene.memory.contents[page]


def knob(at: Scene, **knobs: Any) -> Scene:
    """The same on a machine that answers an open question otherwise."""
    system = at.world.system
    platform = replace(system.platform, knobs=replace(system.platform.knobs, **knobs))
    world: World = replace(at.world, system=replace(system, platform=platform))
    return replace(at, world=world)


def accepted(at: Scene) -> Map[int, bool]:
    """What the guest has written since it accepted it."""
    return at.written.since_accepted
