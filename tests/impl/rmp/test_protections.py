"""A protection that is left out lets its own check pass and no other."""

from dataclasses import fields, replace

import pytest

from impl.machine import GENOA
from impl.protections import Protections
from spec.vocabulary import AccessKind, Agent, Event, MappingSize, PageSize
from tests.impl.scene import GPA, OTHER_ASID, SPA, Scene


def scene(**left_out: bool) -> Scene:
    return Scene(replace(GENOA, protections=Protections(**left_out)), guest_tables=0)


def foreign(at: Scene):
    at.give()
    return at.access(AccessKind.READ, cpu=replace(at.cpu, asid=OTHER_ASID))


def elsewhere(at: Scene):
    at.give()
    return at.access(AccessKind.READ, gpa=GPA + 0x1000)


def unvalidated(at: Scene):
    at.rmpupdate(SPA, gpa=GPA)
    return at.access(AccessKind.READ)


def too_large(at: Scene):
    at.give()
    return at.access(AccessKind.READ, mapping=MappingSize.MAP_2M)


def too_small(at: Scene):
    at.give(size=PageSize.SIZE_2M)
    return at.access(AccessKind.READ)


def not_permitted(at: Scene):
    at.give()
    return at.access(AccessKind.READ, cpu=at.at_vmpl(1))


def by_host(at: Scene):
    at.give()
    return at.access(AccessKind.WRITE, agent=Agent.HOST)


def by_device(at: Scene):
    at.give()
    return at.access(AccessKind.WRITE, agent=Agent.DEVICE)


CASES = {
    foreign: ("owner_and_address_checked", Event.NPF, "guest-owned"),
    elsewhere: ("owner_and_address_checked", Event.NPF, "reverse-map"),
    unvalidated: ("validation_checked", Event.VC, "validated"),
    too_large: ("page_size_checked", Event.NPF, "page-size"),
    too_small: ("page_size_checked", Event.NPF, "page-size"),
    not_permitted: ("vmpl_checked", Event.NPF, "vmpl"),
    by_host: ("host_writes_checked", Event.PF, "hypervisor-owned"),
    by_device: ("device_writes_checked", Event.IOMMU_FAULT, "hypervisor-owned"),
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_access_is_stopped_by_one_protection(case):
    own, event, check = CASES[case]
    assert (case(scene()).result, case(scene()).check) == (event, check)
    assert case(scene(**{own: False})).result == Event.COMPLETES
    others = {field.name: False for field in fields(Protections) if field.name != own}
    found = case(scene(**others))
    assert (found.result, found.check) == (event, check)


def test_host_write_to_the_rmp_in_making_is_refused_unless_it_is_open():
    for protected, event, check in ((True, Event.PF, "rmp-in-making"), (False, Event.COMPLETES, "rmp-open")):
        at = scene(rmp_protects_itself=protected)
        at.machine.rmp_in_making = True
        found = at.access(AccessKind.WRITE, agent=Agent.HOST, spa=at.machine.configuration.rmp_base)
        assert (found.result, found.check) == (event, check)
        assert at.access(AccessKind.READ, agent=Agent.HOST, spa=at.machine.configuration.rmp_base).check == "allowed"
