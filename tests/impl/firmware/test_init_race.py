"""SNP_INIT with another core at work, and with stores that do not arrive."""

from dataclasses import replace

import pytest

from impl.firmware.command_ids import CommandId
from impl.firmware.processor import SecurityProcessor
from impl.machine import GENOA, Machine
from impl.memory.agents import host_write
from impl.protections import Protections
from impl.rmp.layout import RmpEntry
from spec.vocabulary import PAGE_SHIFT, Event, Status

PAGE = 0x4_0000
"""A page of memory, by frame number."""


class Race:
    """A host that writes the RMP's entry of the RMP page that holds the entry of PAGE."""

    def __init__(self, *, protected: bool) -> None:
        self.machine = Machine(replace(GENOA, protections=Protections(rmp_protects_itself=protected)))
        self.processor = SecurityProcessor(self.machine)
        self.table = self.at(PAGE) >> PAGE_SHIFT
        self.answers: list[object] = []

    def at(self, pfn: int) -> int:
        address = self.machine.rmp.entry_address(pfn)
        assert address is not None
        return address

    def write(self) -> None:
        self.answers.append(host_write(self.machine, self.at(self.table), RmpEntry().pack()).result)

    def initialise(self) -> None:
        assert self.processor.command(CommandId.INIT) == Status.SUCCESS
        assert not self.machine.rmp_in_making

    def writes_entry(self) -> Event:
        return host_write(self.machine, self.at(PAGE), RmpEntry(assigned=True).pack()).result


@pytest.mark.parametrize("protected", [True, False])
def test_host_that_writes_meanwhile_gets_the_table_only_if_nothing_protects_it(protected):
    race = Race(protected=protected)
    race.processor.firmware.meanwhile = race.write
    race.initialise()
    assert len(race.answers) > 1
    assert set(race.answers) == {Event.PF if protected else Event.COMPLETES}
    assert race.writes_entry() == (Event.PF if protected else Event.COMPLETES)


@pytest.mark.parametrize("diverted", [True, False])
def test_store_that_does_not_arrive_leaves_what_the_host_put_there(diverted):
    race = Race(protected=False)
    race.write()
    if diverted:
        race.machine.diverted = frozenset({race.at(race.table) >> PAGE_SHIFT})
    race.initialise()
    assert race.writes_entry() == (Event.COMPLETES if diverted else Event.PF)
