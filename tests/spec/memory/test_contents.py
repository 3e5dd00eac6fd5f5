"""What reads return: keys, places, replay, and who may write."""

from spec.features import GENERATIONS
from spec.memory.block import Block, opened, tweak_of
from spec.memory.host import BusWrite, bus_writes
from spec.memory.rules import Rules
from spec.memory.state import Alias, Scene
from spec.record import replace
from spec.vocabulary import AgentCode, Event
from tests.spec.memory.scene import (
    ASID,
    KEY,
    NEW,
    OLD,
    G,
    H,
    X,
    Y,
    at_rest,
    host_read,
    host_write,
    owned,
    reads,
    scene,
    updated,
    writes,
)

LEGACY = {"agent": int(AgentCode.NON_SNP_GUEST)}


def legacy() -> Scene:
    """An SEV guest: no RMP, and a key of its own."""
    start = scene(GENERATIONS["SEV"], Rules(tweak_secret=False))
    memory = start.memory
    return replace(start, memory=replace(memory, legacy_keys=memory.legacy_keys.set(ASID, KEY)))


def test_private_write_is_stored_under_the_key_for_its_place() -> None:
    after = writes(owned(scene(), X, G), G, X, NEW)
    assert at_rest(after, X) == Block(KEY, X, NEW)
    assert (after.written.since_accepted[G], after.written.last[G]) == (True, NEW)


def test_private_read_returns_what_was_written() -> None:
    after = writes(owned(scene(), X, G), G, X, NEW)
    done = reads(after, G, X)
    assert (done.result, done.check, done.output) == (Event.COMPLETES, "permitted", NEW)


def test_shared_write_is_plain_and_reaches_the_hosts_page_only() -> None:
    after = writes(scene(), G, X, NEW, private=False)
    assert at_rest(after, X) == Block(0, 0, NEW)
    assert not after.written.since_accepted[G]
    assert at_rest(writes(owned(scene(), X, G), G, X, NEW, private=False), X).value == 0


def test_host_reads_ciphertext() -> None:
    done = host_read(writes(owned(scene(), X, G), G, X, NEW), X)
    assert (done.check, done.output.key) == ("unchecked", KEY)


def test_host_write_to_a_guests_page_faults() -> None:
    before = owned(scene(), X, G)
    done = host_write(before, X, value=NEW)
    assert (done.result, done.check) == (Event.PF, "hypervisor-owned")
    assert done.system is before


def test_host_write_completes_without_r4() -> None:
    before = owned(scene(rules=Rules(host_writes_checked=False)), X, G)
    done = host_write(before, X, value=NEW)
    assert done.result is Event.COMPLETES
    assert reads(done.system, G, X).output not in (NEW, 0), "no ciphertext of the guest's: garbage"


def test_replayed_ciphertext_reads_as_the_old_value_without_an_rmp() -> None:
    first = writes(legacy(), G, X, OLD, **LEGACY)
    kept = host_read(first, X, note=3).system
    second = writes(kept, G, X, NEW, **LEGACY)
    assert reads(second, G, X, **LEGACY).output == NEW
    back = host_write(second, X, note=3).system
    assert reads(back, G, X, **LEGACY).output == OLD


def test_moved_ciphertext_differs_by_the_tweaks_where_they_are_known() -> None:
    first = writes(legacy(), G, X, OLD, **LEGACY)
    moved = host_write(host_read(first, X).system, Y, note=0).system
    assert reads(moved, H, Y, **LEGACY).output == OLD ^ tweak_of(X) ^ tweak_of(Y)


def test_moved_ciphertext_is_garbage_where_tweaks_are_secret() -> None:
    block = Block(KEY, X, OLD)
    assert opened(KEY, Y, block, Rules()) not in (OLD, OLD ^ tweak_of(X) ^ tweak_of(Y))
    assert opened(KEY, X, block, Rules()) == OLD
    assert opened(KEY + 1, X, block, Rules()) != OLD


def test_remapped_address_faults_and_without_r5_does_not() -> None:
    for rules, check, output in ((Rules(), "reverse-map", None), (Rules(owner_checked=False), "permitted", NEW)):
        both = owned(owned(scene(rules=rules), X, G), Y, H)
        both = writes(writes(both, G, X, OLD), H, Y, NEW)
        done = reads(both, G, Y)
        assert (done.check, done.output if done.result is Event.COMPLETES else None) == (check, output)


def test_unvalidated_page_raises_vc_and_without_r6_does_not() -> None:
    for rules, result in ((Rules(), Event.VC), (Rules(validated_checked=False), Event.COMPLETES)):
        assert reads(owned(scene(rules=rules), X, G, validated=False), G, X).result is result


def test_levels_are_checked_and_without_r9_are_not() -> None:
    for rules, result in ((Rules(), Event.NPF), (Rules(levels_checked=False), Event.COMPLETES)):
        assert reads(owned(scene(rules=rules), X, G), G, X, vmpl=1).result is result


def test_mapping_size_is_checked_and_without_r7_is_not() -> None:
    for rules, result in ((Rules(), Event.NPF), (Rules(sizes_checked=False), Event.COMPLETES)):
        start = owned(scene(rules=rules), 0x200, 0x400, page_size=1)
        assert reads(start, 0x401, 0x201).result is result


def test_page_that_changes_hands_is_garbage_to_the_host_and_to_the_guest() -> None:
    after = updated(writes(owned(scene(), X, G), G, X, NEW), X, None)
    assert host_read(after, X).output == Block(KEY, X, NEW)
    assert reads(after, G, X).result is Event.NPF


def test_bus_is_closed_unless_assumed_otherwise() -> None:
    before = host_read(writes(owned(scene(), X, G), G, X, OLD), X).system
    after = writes(before, G, X, NEW)
    assert bus_writes(after, BusWrite(X, 0)).check == "bus-closed"
    open_bus = replace(after, rules=Rules(bus_closed=False))
    assert reads(bus_writes(open_bus, BusWrite(X, 0)).system, G, X).output == OLD


def test_aliased_pages_are_one_place_without_r21() -> None:
    start = owned(scene(rules=Rules(decode_injective=False)), X, G)
    start = replace(start, memory=replace(start.memory, alias=Alias(Y, X)))
    first = writes(start, G, X, OLD)
    second = writes(host_read(first, Y).system, G, X, NEW)
    back = host_write(second, Y, note=0)
    assert (back.result, reads(back.system, G, X).output) == (Event.COMPLETES, OLD)
