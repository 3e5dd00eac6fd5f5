"""Cached translations: who may use one, what drops it, and what happens where nothing does."""

from typing import Any

import pytest

from proofs.lifting import in_scene
from proofs.small_world import translated
from spec.guest.careful import PageStep, careful_rescind
from spec.memory.caching import Flush, guest_flushes, hypervisor_flushes, processor_caches
from spec.memory.guest import GuestAccess
from spec.memory.rules import Rules
from spec.memory.state import Habits, Scene
from spec.vocabulary import AccessCode, Event
from tests.spec.memory.scene import (
    ASID,
    NEW,
    OLD,
    OTHER_VCPU,
    VCPU,
    G,
    X,
    Y,
    of_guest,
    owned,
    reads,
    scene,
    updated,
    writes,
)


def cached(at: Scene, page: int = X) -> Scene:
    """A processor has cached the guest's translation of G for reads and writes."""
    done = processor_caches(at, GuestAccess(VCPU, of_guest(AccessCode.READ, G, page), False, 0))
    assert done.result is Event.COMPLETES
    after: Scene = done.system
    return after


def with_page(rules: Rules | None = None, habits: Habits | None = None) -> Scene:
    """A page with a value, its translation cached."""
    return cached(writes(owned(scene(rules=rules, habits=habits), X, G), G, X, OLD))


def test_cached_translation_is_used_without_asking() -> None:
    done = reads(with_page(), G, Y, cached=True)
    assert (done.check, done.output) == ("cached", OLD)


def test_cached_translation_of_another_virtual_processor_is_not_used() -> None:
    assert reads(with_page(), G, Y, cached=True, vcpu=OTHER_VCPU).result is Event.NPF
    tracked = Rules(translations_tracked=False)
    assert reads(with_page(tracked), G, Y, cached=True, vcpu=OTHER_VCPU).check == "cached"


def test_cached_translation_of_another_asid_level_or_address_is_not_used() -> None:
    for fields in ({"asid": ASID + 1}, {"vmpl": 1}, {"private": False}):
        assert reads(with_page(), G, Y, cached=True, **fields).check != "cached"
    assert reads(with_page(), G + 1, Y, cached=True).check != "cached"


@pytest.mark.parametrize("flush", [guest_flushes, hypervisor_flushes])
def test_flush_drops_one_asid(flush: Any) -> None:
    kept = flush(with_page(), Flush(ASID + 1)).system
    assert kept.memory.tlb[0].present
    assert not flush(with_page(), Flush(ASID)).system.memory.tlb[0].present


def test_rmpupdate_drops_the_translations_of_its_page_only() -> None:
    assert not updated(with_page(), X, None).memory.tlb[0].present
    assert updated(with_page(), Y, G).memory.tlb[0].present
    assert updated(with_page(Rules(translations_tracked=False)), X, None).memory.tlb[0].present


def test_rescinding_flushes_by_the_guests_rule_or_by_the_knob() -> None:
    op = PageStep(translated(G, X), 0)
    rescind = in_scene(careful_rescind)
    assert not rescind(with_page(), op).system.memory.tlb[0].present
    careless = rescind(with_page(habits=Habits(flushes_after_rescinding=False)), op)
    assert careless.check == "rescinded"
    assert careless.system.memory.tlb[0].present


def test_cached_rights_are_those_of_the_walk() -> None:
    start = cached(writes(owned(scene(), X, G), G, X, OLD))
    entry = start.memory.tlb[0]
    assert (entry.page, entry.gfn, entry.private, entry.mask) == (X, G, True, 0xF)
    after = writes(start, G, Y, NEW, cached=True)
    assert reads(after, G, X).output == NEW
