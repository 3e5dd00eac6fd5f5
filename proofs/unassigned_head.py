"""One region and its host: searched whole for a write to an assigned page (RMP-I21, RMP-I25; knob K-S-UNASSIGNED).

No invariant of a state shows the need for that knob in one step: a search that begins with an empty table does.
"""

from collections.abc import Callable, Hashable, Iterator
from typing import Any

from proofs.induction import Predicate
from proofs.search import Found, Move, search
from proofs.templates import nothing
from spec.features import MILAN
from spec.knobs import Knobs
from spec.maps import Map
from spec.record import replace
from spec.rmp.access import access
from spec.rmp.access_invariants import nobody_else_writes_assigned_pages, shared_stores_reach_the_hypervisors_pages
from spec.rmp.access_kind import MemoryAccess
from spec.rmp.cpu import HOST_CPU
from spec.rmp.psmash import Psmash, psmash
from spec.rmp.rmpupdate import RmpUpdate, rmpupdate
from spec.rmp.translation import Translation
from spec.system.initial import booted
from spec.system.state import System
from spec.vocabulary import PAGE_SHIFT, PAGES_PER_2M, AccessCode, AgentCode, MappingSize, PageSize

HEAD = 0x200
PAGES = (HEAD, HEAD + 1, HEAD + 2)
"""The region's head, and two other pages of it; the rest only ever changes with the whole region."""
ASID = 1
SIZES = (MappingSize.MAP_4K, MappingSize.MAP_2M)


def empty_table(knobs: Knobs) -> System:
    """Every page is the hypervisor's."""
    return booted(replace(MILAN, knobs=knobs))


def moves() -> Iterator[Move[System]]:
    """The host assigns the region or one of the pages to a guest, takes it back, or splits the region."""
    for page, size in ((HEAD, PageSize.SIZE_2M), *((page, PageSize.SIZE_4K) for page in PAGES)):
        freed = replace(nothing(RmpUpdate), cpu=HOST_CPU, spa=page << PAGE_SHIFT, page_size=int(size))
        assigned = replace(freed, assigned=True, asid=ASID, gpa=page << PAGE_SHIFT)
        yield Move(rmpupdate, always(freed))
        yield Move(rmpupdate, always(assigned))
    yield Move(psmash, always(replace(nothing(Psmash), cpu=HOST_CPU, spa=HEAD << PAGE_SHIFT)))


def always(op: Any) -> Callable[[System], Any]:
    """Operands that do not depend on the state."""
    return lambda _: op


def key(system: System) -> Hashable:
    """What tells states apart: the entries of the pages, and of the last page for the rest."""
    table: Map[int, Any] = system.rmp
    return tuple(tuple(table[page]) for page in (*PAGES, HEAD + PAGES_PER_2M - 1))


STATEMENTS = {
    nobody_else_writes_assigned_pages: AgentCode.HOST,
    shared_stores_reach_the_hypervisors_pages: AgentCode.SNP_GUEST,
}
"""The invariants that need the knob, and whose write breaks them."""
KNOB = "K-S-UNASSIGNED"


def write_by(agent: AgentCode, page: int, size: MappingSize) -> MemoryAccess:
    """A write through a shared mapping; a guest that writes is another than the owner."""
    walked = Translation(gva=0, gfn=0, spa=page << PAGE_SHIFT, mapping_size=int(size), private=False)
    plain: MemoryAccess = nothing(MemoryAccess)
    asid = ASID + 1 if agent == AgentCode.SNP_GUEST else 0
    return replace(plain, agent=int(agent), kind=int(AccessCode.WRITE), asid=asid, translation=walked)


def written(system: System, statement: Predicate) -> list[MemoryAccess]:
    """The writes that break an invariant."""
    ops = (write_by(STATEMENTS[statement], page, size) for page in PAGES for size in SIZES)
    return [op for op in ops if not statement(system, op, access(system, op))]


def searched(knobs: Knobs, statement: Predicate) -> Found[System]:
    """The shortest way to a state in which a write breaks an invariant; all states, if there is none."""
    return search(empty_table(knobs), moves(), key, lambda system: bool(written(system, statement)))
