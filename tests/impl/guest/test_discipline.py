"""A guest's own rules, with and without each of them."""

from dataclasses import replace

import pytest

from impl.guest.discipline import Guest, Rules, Verdict
from impl.memory.cached_access import store
from impl.memory.lines import Lines
from spec.vocabulary import Eax
from tests.impl.scene import GPA, PAGE, SPA, Scene

FRAME = GPA >> 12
DECOY = SPA + PAGE


def scene() -> Scene:
    found = Scene()
    found.guest_map(GPA, GPA)
    backed(found, SPA)
    return found


def backed(at: Scene, spa: int) -> None:
    assert at.rmpupdate(spa, gpa=GPA).result == Eax.SUCCESS
    at.map(GPA, spa)
    at.machine.tlb.flush(0)


def guest(at: Scene, grants_to: int | None = None, **rules: bool) -> Guest:
    return Guest(Rules(**rules), at.cpu, grants_to)


def test_accepting_twice_ends_a_guest_that_tracks():
    at = scene()
    careful = guest(at)
    assert careful.accept(at.machine, FRAME, SPA)[0] is Verdict.DONE
    backed(at, DECOY)
    assert careful.accept(at.machine, FRAME, DECOY)[:2] == (Verdict.ENDS, "accepted already")
    assert not at.machine.rmp.load(DECOY >> 12).validated


def test_accepting_twice_validates_a_decoy_without_s1():
    at = scene()
    careless = guest(at, tracks=False)
    careless.accept(at.machine, FRAME, SPA)
    backed(at, DECOY)
    assert careless.accept(at.machine, FRAME, DECOY)[0] is Verdict.DONE
    assert at.machine.rmp.load(DECOY >> 12).validated


@pytest.mark.parametrize("checks", [True, False])
def test_rescinding_a_decoy_ends_a_guest_that_looks_at_the_carry_flag(checks):
    at = scene()
    one = guest(at, checks_carry=checks)
    one.accept(at.machine, FRAME, SPA)
    backed(at, DECOY)
    verdict, said, _ = one.rescind(at.machine, FRAME)
    assert verdict is (Verdict.ENDS if checks else Verdict.DONE)
    assert ("carry flag" in said) is checks
    assert at.machine.rmp.load(SPA >> 12).validated


@pytest.mark.parametrize("zeroes", [True, False])
def test_page_is_zeroed_before_it_is_granted(zeroes):
    at = scene()
    at.machine.memory.write(SPA, b"of the monitor", at.cpu.asid)
    monitor = guest(at, 2, zeroes=zeroes)
    assert monitor.accept(at.machine, FRAME, SPA)[0] is Verdict.DONE
    assert at.machine.rmp.load(SPA >> 12).perms[2] == 0xF
    assert (at.machine.memory.read(SPA, 14, at.cpu.asid) == b"of the monitor") is not zeroes


@pytest.mark.parametrize("ends", [True, False])
def test_lost_page_ends_a_guest_that_keeps_s22(ends):
    at = scene()
    one = guest(at, ends_with_lost_page=ends)
    one.accept(at.machine, FRAME, SPA)
    at.unassign(SPA)
    backed(at, SPA)
    verdict, _, _ = one.handle_unvalidated(at.machine, FRAME, SPA)
    assert verdict is (Verdict.ENDS if ends else Verdict.DONE)
    assert at.machine.rmp.load(SPA >> 12).validated is not ends


@pytest.mark.parametrize("evicts", [True, False])
def test_lines_of_the_shared_life_are_evicted(evicts):
    at = scene()
    at.machine.lines = Lines(of_host={SPA: b"old"})
    guest(at, evicts=evicts).accept(at.machine, FRAME, SPA)
    assert (SPA in at.machine.lines.of_host) is not evicts


@pytest.mark.parametrize("flushes", [True, False])
def test_rescinding_flushes(flushes):
    at = scene()
    one = guest(at, flushes=flushes)
    one.accept(at.machine, FRAME, SPA)
    store(at.machine, 0, at.cpu, GPA, b"mine")
    assert one.rescind(at.machine, FRAME)[0] is Verdict.DONE
    assert (at.machine.tlb.entries[0] == []) is flushes


def test_fault_of_pvalidate_is_no_acceptance():
    at = scene()
    at.unassign(SPA)
    one = guest(at)
    verdict, said, _ = one.accept(at.machine, FRAME, SPA)
    assert (verdict, said, one.accepted) == (Verdict.FAULT, "guest-owned", set())
    assert replace(one.rules) == Rules()
