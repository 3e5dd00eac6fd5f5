"""Cached translations: what a core remembers, and who makes it forget."""

from dataclasses import replace

import pytest

from impl.completion import Completion
from impl.machine import GENOA
from impl.memory.cached_access import enter, load, store
from impl.memory.tlb import Cached, Tlb
from impl.protections import Protections
from spec.vocabulary import AccessKind, Event, MappingSize
from tests.impl.scene import GPA, GUEST_ASID, OTHER_ASID, PAGE, SPA, Scene

CORE, GVA, OTHER_SPA = 0, 0x40_0000, SPA + PAGE


class Guest(Scene):
    """A guest with one private page, mapped at GVA."""

    def __init__(self, configuration=GENOA):
        super().__init__(configuration)
        self.give()
        self.guest_map(GVA, GPA)

    def writes(self, data: bytes) -> Completion:
        return store(self.machine, CORE, self.cpu, GVA, data)

    def reads(self, length: int = 4) -> bytes | Completion:
        return load(self.machine, CORE, self.cpu, GVA, length)


def test_cached_translation_is_used_after_the_nested_tables_have_changed():
    guest = Guest()
    guest.writes(b"mine")
    guest.map(GPA, OTHER_SPA)
    assert guest.reads() == b"mine"
    guest.machine.tlb.flush(CORE)
    fault = guest.reads()
    assert isinstance(fault, Completion)
    assert (fault.result, fault.check) == (Event.NPF, "guest-owned")


def test_rmpupdate_ends_cached_translations_of_the_page():
    guest = Guest()
    guest.writes(b"mine")
    guest.unassign(SPA)
    fault = guest.reads()
    assert isinstance(fault, Completion)
    assert fault.check == "guest-owned"


def test_without_tracking_rmpupdate_ends_none():
    guest = Guest(replace(GENOA, protections=Protections(translations_tracked=False)))
    guest.writes(b"mine")
    guest.unassign(SPA)
    assert guest.reads() == b"mine"


@pytest.mark.parametrize(
    ("change", "kept"),
    [({}, True), ({"vmpl": 1}, False), ({"asid": OTHER_ASID}, False)],
    ids=["the same", "another VMPL", "another ASID"],
)
def test_entering_forgets_where_something_else_ran(change, kept):
    guest = Guest()
    enter(guest.machine, CORE, guest.cpu, None, flush=False)
    guest.writes(b"mine")
    enter(guest.machine, CORE, replace(guest.cpu, **change), None, flush=False)
    assert bool(guest.machine.tlb.entries.get(CORE)) == kept


def test_entering_without_tracking_forgets_only_when_asked():
    guest = Guest(replace(GENOA, protections=Protections(translations_tracked=False)))
    enter(guest.machine, CORE, guest.cpu, None, flush=False)
    guest.writes(b"mine")
    enter(guest.machine, CORE, guest.cpu, 0x5000, flush=False)
    assert guest.machine.tlb.entries[CORE]
    enter(guest.machine, CORE, guest.cpu, 0x5000, flush=True)
    assert guest.machine.tlb.entries[CORE] == []


def test_translation_of_a_read_serves_no_write_and_no_fetch():
    tlb = Tlb()
    tlb.fill(CORE, Cached(GUEST_ASID, GVA, GPA, SPA, MappingSize.MAP_4K, True, writable=False, fetched=False))
    assert tlb.find(CORE, GUEST_ASID, GVA + 8, writes=False, fetches=False)
    assert tlb.find(CORE, GUEST_ASID, GVA + 8, writes=True, fetches=False) is None
    assert tlb.find(CORE, GUEST_ASID, GVA + 8, writes=False, fetches=True) is None
    assert tlb.find(CORE, OTHER_ASID, GVA + 8, writes=False, fetches=False) is None
    assert tlb.find(CORE, GUEST_ASID, GVA + PAGE, writes=False, fetches=False) is None


def test_invlpg_forgets_one_address_of_one_asid():
    tlb = Tlb()
    for asid in (GUEST_ASID, OTHER_ASID):
        for gva in (GVA, GVA + PAGE):
            tlb.fill(CORE, Cached(asid, gva, GPA, SPA, MappingSize.MAP_4K, True, writable=True, fetched=False))
    tlb.flush_address(CORE, GUEST_ASID, GVA)
    assert {(e.asid, e.gva) for e in tlb.entries[CORE]} == {
        (GUEST_ASID, GVA + PAGE),
        (OTHER_ASID, GVA),
        (OTHER_ASID, GVA + PAGE),
    }
    tlb.flush(CORE, OTHER_ASID)
    assert [e.asid for e in tlb.entries[CORE]] == [GUEST_ASID]


def test_large_translation_reaches_the_whole_region():
    large = Cached(GUEST_ASID, 0, 0, SPA, MappingSize.MAP_2M, True, writable=True, fetched=False)
    assert large.holds(0x1F_FFFF)
    assert not large.holds(0x20_0000)
    assert large.touches(SPA + 0x1F_F000, SPA + 0x1F_FFFF)
    assert not large.touches(SPA + 0x20_0000, SPA + 0x20_0FFF)


def test_fault_of_an_access_is_cached_by_nobody():
    guest = Guest()
    guest.pvalidate(validate=False)
    fault = guest.reads()
    assert isinstance(fault, Completion)
    assert fault.check == "validated"
    guest.pvalidate()
    assert isinstance(guest.reads(), bytes)


def test_fetch_is_private_whatever_the_table_says():
    guest = Guest()
    guest.writes(b"code")
    got = load(guest.machine, CORE, guest.cpu, GVA, 4, AccessKind.FETCH)
    assert got == b"code"
