"""A small scene: one guest with two addresses, three pages, a host page, one cached translation. Traces against T1.

Each premise of T1 is dropped by itself, and a read is looked for that does not return what the guest last wrote. The
moves are those of the actors that the premise restrains; everything else the guest and the host do stays possible.
"""

from collections.abc import Callable, Iterable
from typing import Any

from proofs.lifting import in_scene
from proofs.search import Move
from proofs.small_levels import whole
from proofs.small_world import ASID, CONTEXT_PAGE, FRAMES, PAGES, at, launching, translated
from proofs.templates import nothing
from spec.firmware.dbg import DebugCopy, dbg_encrypt
from spec.firmware.launch_finish import LaunchFinish, launch_finish
from spec.firmware.launch_update import LaunchUpdate, launch_update
from spec.firmware.page_reclaim import PageReclaim, page_reclaim
from spec.guest.careful import PageStep, careful_accept, careful_rescind, careful_share, careful_unvalidated
from spec.guest.careful_turns import careful_accept_later, careful_look_up
from spec.guest.world import CAREFUL
from spec.knobs import Knobs
from spec.memory.caching import processor_caches
from spec.memory.guest import Computation, GuestAccess, guest_computes, guest_reads, guest_writes
from spec.memory.host import BusWrite, HostRead, HostWrite, bus_writes, device_writes, host_reads, host_writes
from spec.memory.legacy import LegacyActivate, legacy_activate
from spec.memory.lines import LineStep, host_drops_lines, processor_evicts
from spec.memory.premises import Premise
from spec.memory.rules import KEPT
from spec.memory.state import Alias, Habits, Scene, no_memory, nothing_written
from spec.record import replace
from spec.rmp.access_kind import MemoryAccess
from spec.rmp.cpu import HOST_CPU
from spec.rmp.rmpupdate import RmpUpdate, rmpupdate
from spec.rmp.run_pages import RunPages, Vmexit, vmexit
from spec.rmp.vmrun import Vmrun, vmrun
from spec.vocabulary import PAGE_SHIFT, AccessCode, AgentCode, LaunchPageType, MappingSize, SevFeatures

X, Y, Z = PAGES
G, H = FRAMES
KEY, VCPU = 9, 0x91
ONE, TWO = 0x1111, 0x2222
HOST_PAGE, VMCB = 0x41, 0x51


def start(dropped: Premise | None) -> Scene:
    """A guest that has its ASID and its key, on a machine that compares types; one premise is dropped, or none."""
    changed = {} if dropped is None else {dropped.holder: {dropped.field: False}}
    rules = replace(KEPT, **changed.get("rules", {}))
    habits = replace(Habits(), **changed.get("habits", {}))
    world = launching(replace(CAREFUL, **changed.get("discipline", {})), Knobs(swap_type_checked=True))
    firmware = world.system.firmware
    context = replace(firmware.contexts[CONTEXT_PAGE], vek=KEY)
    firmware = replace(
        firmware,
        contexts=firmware.contexts.set(CONTEXT_PAGE, context),
        asid_keys=firmware.asid_keys.set(ASID, KEY),
        asid_runnable=firmware.asid_runnable.set(ASID, True),
    )
    memory = replace(no_memory(), alias=Alias(HOST_PAGE, X))
    world = replace(world, system=replace(world.system, firmware=firmware))
    return Scene(world, memory, nothing_written(), rules, habits)


# --- moves ---


def fixed(take: Callable[..., Any], op: Any) -> Move[Scene]:
    """A step with operands that do not depend on the state."""
    return Move(take, lambda _: op)


def assigns(page: int, frame: int | None, *, immutable: bool = False) -> Move[Scene]:
    """RMPUPDATE: to the guest at an address, or to nobody."""
    op = replace(nothing(RmpUpdate), cpu=HOST_CPU, spa=page << PAGE_SHIFT)
    if frame is not None:
        op = replace(op, assigned=True, immutable=immutable, asid=ASID, gpa=frame << PAGE_SHIFT)
    return fixed(in_scene(rmpupdate), op)


def careful(step: Callable[..., Any], page: int, frame: int = G) -> Move[Scene]:
    """A step of the guest on one of its pages."""
    return fixed(in_scene(step), PageStep(translated(frame, page), 0))


def reaching(kind: AccessCode, frame: int, page: int, **fields: Any) -> MemoryAccess:
    """A private access of the guest at VMPL0."""
    plain = replace(nothing(MemoryAccess), agent=int(AgentCode.SNP_GUEST), kind=int(kind), asid=ASID)
    access: MemoryAccess = replace(plain, translation=replace(translated(frame, page), **fields))
    return access


def reads(frame: int, page: int, *, cached: bool = False, **fields: Any) -> Move[Scene]:
    """The guest reads."""
    return fixed(guest_reads, GuestAccess(VCPU, reaching(AccessCode.READ, frame, page, **fields), cached, 0))


def writes(page: int, frame: int = G) -> Move[Scene]:
    """The guest writes its register."""
    return fixed(guest_writes, GuestAccess(VCPU, reaching(AccessCode.WRITE, frame, page), False, 0))


def computes(value: int) -> Move[Scene]:
    """The guest puts a value into its register."""
    return fixed(guest_computes, Computation(VCPU, value, public=False))


def caches(page: int, frame: int = G, **fields: Any) -> Move[Scene]:
    """A processor caches the guest's translation."""
    return fixed(processor_caches, GuestAccess(VCPU, reaching(AccessCode.READ, frame, page, **fields), False, 0))


def host_writes_to(page: int, take: Callable[..., Any] = host_writes, *, note: bool = False) -> Move[Scene]:
    """The host, or a device, writes bytes of its own, or what was read."""
    return fixed(take, HostWrite(page << PAGE_SHIFT, 0, note, 0, TWO))


def launches(page: int) -> tuple[Move[Scene], ...]:
    """The host writes a page, assigns it, and has it launched."""
    op = replace(nothing(LaunchUpdate), context=at(CONTEXT_PAGE), page=at(page), page_type=int(LaunchPageType.NORMAL))
    return host_writes_to(page), assigns(page, G, immutable=True), fixed(in_scene(launch_update), op)


def runs_from(page: int) -> tuple[Move[Scene], ...]:
    """VMRUN with a page as the VMSA, and the exit."""
    pages = RunPages(VMCB << PAGE_SHIFT, True, page << PAGE_SHIFT, False, 0)
    op = replace(nothing(Vmrun), cpu=HOST_CPU, host_save_area=True, pages=pages, asid=ASID, svme=True)
    op = replace(op, sev_features=int(SevFeatures.SNP_ACTIVE))
    return fixed(in_scene(vmrun), op), fixed(in_scene(vmexit), Vmexit(pages))


def unflushed(move: Move[Scene]) -> Move[Scene]:
    """A step after the guest has changed its page tables: with rule S17 no old translation is left for it."""
    return Move(move.take, lambda scene: None if scene.habits.flushes_own_tables else move.operands(scene))


LARGE = {"mapping_size": int(MappingSize.MAP_2M)}
RECLAIM = fixed(in_scene(page_reclaim), PageReclaim(at(X), page_size=0, reserved=False))
DEBUG = fixed(in_scene(dbg_encrypt), DebugCopy(at(CONTEXT_PAGE), at(HOST_PAGE), at(X)))
FINISH = fixed(in_scene(launch_finish), replace(nothing(LaunchFinish), context=at(CONTEXT_PAGE)))
OWN_PAGE = (assigns(X, G), careful(careful_accept, X), computes(ONE), writes(X))
"""The guest has accepted a page and written it."""
SECOND_PAGE = (assigns(Y, H), careful(careful_accept, Y, H), computes(TWO), writes(Y, H))
ON_ANOTHER = (assigns(Y, G), computes(TWO), writes(Y), reads(G, X))
"""The host has another page ready at the address, and both in reach."""


def after(scene: Scene, moves: Iterable[Move[Scene]]) -> Scene:
    """The scene after these steps, each of which succeeds."""
    for move in moves:
        outcome = move.take(scene, move.operands(scene))
        if outcome.system is scene:
            raise AssertionError(f"refused: {outcome.check}")
        scene = outcome.system
    return scene


def ended(scene: Scene) -> bool:
    """The guest has stopped."""
    return scene.world.guest.stopped


def everything(scene: Scene) -> Any:
    """What tells scenes apart: all of it, but for the firmware's bookkeeping."""
    world = scene.world
    parts = (world.system.rmp, world.system.in_use, world.guest, world.ghost, scene.memory, scene.written)
    return tuple(map(whole, parts))


# --- the premises of T1 ---

GIVEN: tuple[Move[Scene], ...] = OWN_PAGE
CASES: dict[str, tuple[tuple[Move[Scene], ...], tuple[Move[Scene], ...]]] = {
    "D1": (GIVEN, (*ON_ANOTHER, careful(careful_accept, Y))),
    "D2": (GIVEN, (*ON_ANOTHER, careful(careful_rescind, Y), careful(careful_accept, Y))),
    "D3": ((*launches(X),), (*launches(Y), FINISH, reads(G, X))),
    "D4": (GIVEN, (*ON_ANOTHER, careful(careful_unvalidated, Y))),
    "D8": (GIVEN, (*ON_ANOTHER, careful(careful_share, Y), careful(careful_accept, Y))),
    "D9": (
        (assigns(X, G), assigns(Y, G)),
        (
            careful(careful_look_up, Y),
            careful(careful_accept, X),
            careful(careful_accept_later, Y),
            computes(TWO),
            writes(Y),
            reads(G, X),
        ),
    ),
    "D7": (
        (*GIVEN, caches(X)),
        (*ON_ANOTHER, careful(careful_rescind, X), careful(careful_accept, Y), reads(G, Y, cached=True)),
    ),
    "S17-TABLES": ((*GIVEN, *SECOND_PAGE), (caches(X), unflushed(reads(H, Y, cached=True, gva=G << PAGE_SHIFT)))),
    "R2": (GIVEN, (*runs_from(X), fixed(guest_computes, Computation(X, TWO, public=False)), reads(G, X))),
    "R4": (GIVEN, (host_writes_to(X), reads(G, X))),
    "R5": ((*GIVEN, *SECOND_PAGE), (reads(G, Y),)),
    "R6": (GIVEN, (assigns(Y, G), reads(G, Y))),
    "R7": ((*GIVEN, *SECOND_PAGE), (caches(X, **LARGE), reads(H, Y, cached=True))),
    "R13": ((*GIVEN, caches(X)), (assigns(X, None), host_writes_to(X), reads(G, X, cached=True))),
    "R17": (GIVEN, (assigns(X, G, immutable=True), DEBUG, RECLAIM, reads(G, X))),
    "R19": (GIVEN, (host_writes_to(X, device_writes), reads(G, X))),
    "R20-DROP": (GIVEN, (fixed(host_drops_lines, LineStep(X)), reads(G, X))),
    "R20-STALE": (launches(X), (FINISH, fixed(processor_evicts, LineStep(X)), reads(G, X))),
    "R21": (GIVEN, (host_writes_to(HOST_PAGE), reads(G, X))),
    "R25": (GIVEN, (fixed(legacy_activate, LegacyActivate(ASID)), reads(G, X))),
    "X-PHYS": (
        (*GIVEN, fixed(host_reads, HostRead(X << PAGE_SHIFT, 0, 0)), computes(TWO), writes(X)),
        (fixed(bus_writes, BusWrite(X, 0)), reads(G, X)),
    ),
}
"""For each premise what has happened, and who may do what from then on."""
EQUAL_CIPHERTEXTS = (GIVEN, (writes(X),))
"""The guest writes the same value again."""
