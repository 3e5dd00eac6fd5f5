"""From a machine's bytes to the specified state that they stand for."""

from functools import lru_cache
from typing import Any

from immutables import Map as PersistentMap

from impl.rmp.layout import ENTRY_BYTES
from impl.rmp.layout import RmpEntry as PackedEntry
from sevspec.crosscheck.bench import Bench
from sevspec.crosscheck.firmware_state import firmware_of
from spec.maps import Map
from spec.record import replace
from spec.rmp.entry import UNASSIGNED, RmpEntry
from spec.system.state import System
from spec.vmpl.permissions import VmplMasks
from spec.vocabulary import ASID_COUNTERS, PAGE_SHIFT

PAGE_BYTES = 1 << PAGE_SHIFT
_ZERO = bytes(ENTRY_BYTES)


def abstraction(bench: Bench) -> System:
    """The state that the machine is in. What it has no bytes for is taken from the specified one."""
    like = bench.system
    features = replace(like.platform.features, snp_enabled=bench.machine.snp_enabled)
    return System(
        platform=replace(like.platform, features=features),
        covered=like.covered,
        rmp=Map(UNASSIGNED, None, table_of(bench)),
        in_use=Map(False, None, PersistentMap(dict.fromkeys(bench.machine.in_use, True))),
        asid_pages=Map(0, None, PersistentMap(counters_of(bench))),
        firmware=firmware_of(bench),
    )


def table_of(bench: Bench) -> Any:
    """Every entry that is not all zero, by frame number."""
    memory, entries = bench.machine.memory, {}
    for number in memory.written(bench.origin, bench.table_bytes):
        raw = memory.read_raw(number << PAGE_SHIFT, PAGE_BYTES)
        known = bench.seen.get(number)
        if known is None or known[0] != raw:
            known = (raw, decoded(raw, ((number << PAGE_SHIFT) - bench.origin) // ENTRY_BYTES))
            bench.seen[number] = known
        entries.update(known[1])
    return PersistentMap(entries)


def decoded(raw: bytes, first: int) -> dict[int, object]:
    """The entries of one memory page, the first of which is that of page `first`."""
    chunks = (raw[start : start + ENTRY_BYTES] for start in range(0, len(raw), ENTRY_BYTES))
    found = {first + index: unpacked(chunk) for index, chunk in enumerate(chunks) if chunk != _ZERO}
    return {page: entry for page, entry in found.items() if entry != UNASSIGNED}


@lru_cache(maxsize=1 << 15)
def unpacked(raw: bytes) -> RmpEntry:
    """One entry."""
    entry = PackedEntry.unpack(raw)
    if entry.reserved:
        raise AssertionError(f"an entry has reserved bits {entry.reserved:#x}")
    return RmpEntry(
        assigned=entry.assigned,
        page_size=int(entry.page_size),
        immutable=entry.immutable,
        subpage_count=entry.subpage_count,
        gfn=entry.gfn,
        asid=entry.asid,
        vmsa=entry.vmsa,
        validated=entry.validated,
        lock=entry.lock,
        masks=VmplMasks(*entry.perms),
    )


def counters_of(bench: Bench) -> dict[int, int]:
    """The per-ASID counters that are not 0."""
    if not any(True for _ in bench.machine.memory.written(bench.counters, ASID_COUNTERS * 8)):
        return {}
    raw = bench.machine.memory.read_raw(bench.counters, ASID_COUNTERS * 8)
    if not any(raw):
        return {}
    values = memoryview(raw).cast("Q")
    return {asid: value for asid, value in enumerate(values) if value}
