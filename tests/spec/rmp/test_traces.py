"""Worked traces of a hypervisor against a guest, step by step, with the table after each.

Those called *reaches* end where a guest without discipline is deceived; those called *refused* end in a fault.
"""

from spec.record import replace
from spec.rmp.access import access
from spec.rmp.cpu import HOST_CPU
from spec.rmp.entry import RmpEntry
from spec.rmp.psmash import Psmash
from spec.rmp.pvalidate import pvalidate
from spec.system.state import System
from spec.vmpl.permissions import VmplMasks
from spec.vocabulary import AccessCode, Eax, Event, MappingSize, PageSize
from tests.spec.rmp.scene import (
    ASID,
    BASE,
    INVALID,
    LARGE_GFN,
    LARGE_HEAD,
    LARGE_VALID,
    VALID,
    G,
    X,
    Y,
    accept,
    assign,
    deny,
    done,
    grant,
    holding,
    touch,
    via,
)

OTHER_GFN = 0x200


def homes(system: System, gfn: int) -> set[int]:
    """The 4 KiB pages that are valid for the guest at an address."""

    def is_home(entry: RmpEntry) -> bool:
        return entry.validated and (entry.asid, entry.gfn) == (ASID, gfn)

    return {page for page, entry in system.rmp.changed() if is_home(entry)}


def test_rollback_by_double_validation_reaches_two_homes():
    system = done(BASE, assign(X, G))
    assert system.rmp[X] == INVALID
    system = done(system, accept(G, X), touch(AccessCode.WRITE, G, X), assign(Y, G))
    assert (system.rmp[X], system.rmp[Y]) == (VALID, INVALID)

    # The nested page table now says Y. The guest accepts the page again, without a hint that something is wrong.
    deny(system, touch(AccessCode.READ, G, Y), Event.VC, "validated")
    outcome = pvalidate(system, accept(G, Y))
    assert (outcome.result, outcome.output.carry) == (Eax.SUCCESS, False)

    # It says X again: the guest reads what it wrote before.
    system = done(outcome.system, touch(AccessCode.WRITE, G, Y), touch(AccessCode.READ, G, X))
    assert homes(system, G) == {X, Y}


def test_tracking_guest_that_stops_at_the_second_vc_keeps_one_home():
    system = done(BASE, assign(X, G), accept(G, X), assign(Y, G))
    deny(system, touch(AccessCode.READ, G, Y), Event.VC, "validated")
    assert homes(system, G) == {X}


def test_decoy_at_rescinding_reaches_two_homes_if_carry_is_ignored():
    system = done(BASE, assign(X, G), accept(G, X), assign(Y, G))
    outcome = pvalidate(system, accept(G, Y, False))
    assert (outcome.result, outcome.output.carry, outcome.system) == (Eax.SUCCESS, True, system)
    assert homes(done(system, accept(G, Y)), G) == {X, Y}


def test_rescinding_the_true_page_leaves_one_home_though_a_stale_translation_may_remain():
    system = done(BASE, assign(X, G), assign(Y, G), accept(G, X))
    outcome = pvalidate(system, accept(G, X, False))
    assert not outcome.output.carry
    assert not outcome.output.tlb_flushed  # another processor may still use X: uniqueness does not help against that
    assert homes(outcome.system, G) == set()
    assert homes(done(outcome.system, accept(G, Y)), G) == {Y}


def test_stale_permission_of_a_lower_vmpl_survives_rescinding():
    system = done(BASE, assign(X, G), accept(G, X), grant(G, X, 1, 3))
    system = done(system, accept(G, X, False), accept(G, X))
    assert system.rmp[X].masks == VmplMasks(0xF, 3, 0, 0)
    done(system, touch(AccessCode.READ, G, X, vmpl=1), touch(AccessCode.WRITE, G, X, vmpl=1))


def test_recycled_page_reaches_a_lower_vmpl_unless_it_is_cleared():
    system = done(BASE, assign(X, G), accept(G, X))
    deny(system, touch(AccessCode.READ, G, X, vmpl=1), Event.NPF, "vmpl-permission")
    system = done(system, grant(G, X, 1, 3), assign(X, OTHER_GFN))
    assert system.rmp[X] == replace(INVALID, gfn=OTHER_GFN)
    system = done(system, accept(OTHER_GFN, X), grant(OTHER_GFN, X, 1, 3))
    done(system, touch(AccessCode.READ, OTHER_GFN, X, vmpl=1))
    deny(system, touch(AccessCode.READ, G, X), Event.NPF, "reverse-map")


def test_partial_remap_of_a_2m_page_is_refused():
    system = holding(LARGE_HEAD, LARGE_VALID, replace(BASE, asid_pages=BASE.asid_pages.set(ASID, 512)))
    system = done(system, Psmash(cpu=HOST_CPU, spa=LARGE_HEAD << 12, contended=False))
    page, gfn = LARGE_HEAD + 7, LARGE_GFN + 7
    before = system
    system = done(system, assign(page, 0x999))
    assert all(system.rmp[LARGE_HEAD + n] == before.rmp[LARGE_HEAD + n] for n in range(512) if n != 7)
    assert system.rmp[page] == replace(INVALID, gfn=0x999)
    deny(system, touch(AccessCode.READ, gfn, page), Event.NPF, "reverse-map")
    deny(system, touch(AccessCode.READ, gfn, page + 1), Event.NPF, "reverse-map")
    system = done(system, assign(Y, gfn))
    deny(system, touch(AccessCode.READ, gfn, Y), Event.VC, "validated")


def test_nested_mapping_of_the_wrong_size_is_refused():
    small = holding(LARGE_HEAD, replace(VALID, gfn=LARGE_GFN))
    large = holding(LARGE_HEAD, LARGE_VALID)
    read = touch(AccessCode.READ, LARGE_GFN, LARGE_HEAD)
    deny(small, replace(read, translation=wide(MappingSize.MAP_2M)), Event.NPF, "page-size")
    deny(large, read, Event.NPF, "page-size")
    assert access(large, replace(read, translation=wide(MappingSize.MAP_1G))).check == "permitted"


def wide(size: MappingSize):
    """The 2 MiB page through a mapping of this size."""
    return via(LARGE_GFN, LARGE_HEAD, size)


def test_shared_mapping_of_a_private_page_is_read_as_ciphertext_and_not_written():
    system = done(BASE, assign(X, G), accept(G, X))
    shared = via(G, X, private=False)
    done(system, touch(AccessCode.READ, G, X, translation=shared))
    deny(system, touch(AccessCode.WRITE, G, X, translation=shared), Event.NPF, "hypervisor-owned")


def test_two_step_unassignment_leaves_no_2m_entry_behind():
    unassign = assign(LARGE_HEAD, 0, asid=0, assigned=False, size=PageSize.SIZE_2M)
    system = done(BASE, unassign, assign(LARGE_HEAD + 1, G))
    deny(system, touch(AccessCode.WRITE, G, LARGE_HEAD + 1, vmpl=1), Event.VC, "validated")
