"""The specification and the machine side by side: what one does the other does, with the same result."""

from collections import Counter
from collections.abc import Callable
from hashlib import sha512
from itertools import count
from time import perf_counter
from typing import Any

from impl.configuration import GENOA as GENOA_MACHINE
from impl.firmware.layout import Layout
from impl.firmware.processor import SecurityProcessor
from impl.machine import Machine
from impl.memory.agents import host_write
from impl.rmp.effective import state_at
from sevspec.launch.placement import BUFFER
from sevspec.plain_rules import plain
from spec.features import GENOA
from spec.maps import Map
from spec.record import replace
from spec.registry import Outcome, transition_info
from spec.rmp.authority import head_of
from spec.rmp.layout import RmpLayout, SegmentEntry, covered_regions
from spec.rmp.page_state import state_of
from spec.rmp.raw import encoded
from spec.system.initial import booted
from spec.system.state import System
from spec.vocabulary import PAGE_SHIFT, Event, PageState, Result

ENTRY_BYTES = 16


class Disagreement(Exception):
    """The specification and the machine differ: which step, what, and what each has."""

    def __init__(self, step: str, what: str, expected: object, got: object) -> None:
        """`expected` is the specification's."""
        super().__init__(f"{step}: {what}: the specification has {expected}, the machine {got}")


class StepFailed(Exception):
    """Both agree that a step is refused, so that nothing is launched."""


class Twins:
    """One platform twice, booted with an RMP; firmware is not initialised."""

    def __init__(self) -> None:
        """Zen 4. What the machine's firmware draws at random is the same each time."""
        self.machine = Machine(GENOA_MACHINE)
        drawn = count()
        self.processor = SecurityProcessor(
            self.machine, random_bytes=lambda length: sha512(b"drawn %d" % next(drawn)).digest()[:length]
        )
        self.system: System = replace(booted(GENOA), covered=covered_regions(layout_of(self.machine)))
        self.taken: Counter[tuple[str, str]] = Counter()
        """How often each transition gave each result."""
        self.seconds = {"specification": 0.0, "machine": 0.0}

    def step(
        self, name: str, transition: Callable[..., Outcome], op: Any, run: Callable[[], Result], good: Result
    ) -> Outcome:
        """One step on both sides. Results must be equal, and what a launch needs."""
        rule = plain(transition)
        begun = perf_counter()
        outcome = rule(self.system, op)
        middle = perf_counter()
        result = run()
        self.seconds["specification"] += middle - begun
        self.seconds["machine"] += perf_counter() - middle
        if outcome.result is not result:
            raise Disagreement(name, f"result ({outcome.check})", outcome.result, result)
        if result is not good:
            raise StepFailed(f"{name}: {result.name} ({outcome.check})")
        self.system = outcome.system
        self.taken[transition_info(transition).name, result.name] += 1
        return outcome

    def command(self, command_id: int, buffer: Layout | None = None) -> Result:
        """A firmware command on the machine; the host writes its buffer first."""
        if buffer is not None:
            self.write(BUFFER, buffer.pack())
        return self.processor.command(command_id, BUFFER)

    def write(self, spa: int, data: bytes) -> Result:
        """A write by the machine's host to a page of its own."""
        result = host_write(self.machine, spa, data).result
        if result is not Event.COMPLETES:
            raise StepFailed(f"host write at {spa:#x}: {result}")
        return result

    def state(self, name: str, spa: int) -> PageState:
        """The page's state, on which both agree, as they do on every bit of its entry and of its region's head."""
        page = spa >> PAGE_SHIFT
        expected = state_of(self.system.rmp, page, self.system.covered[page >> 9])
        got = state_at(self.machine.rmp, page)
        if expected is not got:
            raise Disagreement(name, f"state of page {spa:#x}", expected.value, got.value)
        self.same_entry(name, page)
        if page != head_of(page):
            self.same_entry(name, head_of(page))
        return expected

    def same_entry(self, name: str, page: int) -> None:
        """The packed entry in the machine's memory is the specification's."""
        entry = self.system.rmp[page]
        first, second = encoded(entry)
        address = self.machine.rmp.entry_address(page)
        assert address is not None, "only covered pages are launched"
        raw = self.machine.memory.read_raw(address, ENTRY_BYTES)
        if raw != (second << 64 | first).to_bytes(ENTRY_BYTES, "little"):
            raise Disagreement(name, f"RMP entry of page {page << PAGE_SHIFT:#x}", entry, self.machine.rmp.load(page))

    def same_table(self, name: str) -> None:
        """All entries that any step has changed, and the counter of every ASID."""
        for page, _ in self.system.rmp.changed():
            self.same_entry(name, page)
        for asid in range(self.system.platform.max_asid + 1):
            expected, got = self.system.asid_pages[asid], self.machine.rmp.load_counter(asid)
            if expected != got:
                raise Disagreement(name, f"page counter of ASID {asid}", expected, got)


def layout_of(machine: Machine) -> RmpLayout:
    """Where the machine's contiguous RMP lies."""
    return RmpLayout(
        base=machine.configuration.rmp_base,
        end=machine.configuration.rmp_end,
        segmented=False,
        segment_shift=0,
        min_shift=0,
        max_shift=0,
        cached_segments=0,
        cached_only=False,
        table=Map(SegmentEntry(covered=0, base=0, reserved=False)),
    )
