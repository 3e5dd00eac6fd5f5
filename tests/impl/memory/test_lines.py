"""Lines that memory does not have yet, aliases of memory, and what the host sees of hidden ciphertext."""

from dataclasses import replace

from impl.machine import GENOA, Machine
from impl.memory.agents import host_read, host_write
from impl.memory.lines import Lines
from spec.vocabulary import Event
from tests.impl.scene import GPA, PAGE, SPA, Scene


def watched() -> Machine:
    machine = Machine()
    machine.lines = Lines()
    return machine


def test_dropped_line_leaves_what_was_written_back_last():
    machine = watched()
    host_write(machine, SPA, b"old!")
    machine.lines.write_back(SPA)
    host_write(machine, SPA, b"new!")
    assert machine.lines.drop(machine.memory, SPA, coherent=False)
    assert machine.memory.read_raw(SPA, 4) == b"old!"


def test_coherent_processor_drops_nothing():
    machine = watched()
    host_write(machine, SPA, b"new!")
    assert not machine.lines.drop(machine.memory, SPA, coherent=True)
    assert machine.memory.read_raw(SPA, 4) == b"new!"


def test_line_that_was_written_back_cannot_be_dropped():
    machine = watched()
    host_write(machine, SPA, b"new!")
    machine.lines.write_back(SPA)
    assert not machine.lines.drop(machine.memory, SPA, coherent=False)
    assert machine.memory.read_raw(SPA, 4) == b"new!"


def test_late_line_of_the_host_overwrites_unless_evicted_or_coherent():
    for evicted, coherent, found in ((False, False, b"host"), (True, False, b"mine"), (False, True, b"mine")):
        machine = watched()
        host_write(machine, SPA, b"host")
        machine.memory.write_raw(SPA, b"mine")
        if evicted:
            machine.lines.evict(SPA)
        assert machine.lines.leave(machine.memory, SPA, coherent=coherent) == (found == b"host")
        assert machine.memory.read_raw(SPA, 4) == found


def test_refused_write_leaves_no_line():
    scene = Scene()
    scene.machine.lines = Lines()
    scene.give()
    assert host_write(scene.machine, SPA, b"host").result == Event.PF
    assert scene.machine.lines.behind == {}
    assert scene.machine.lines.of_host == {}


def test_alias_is_the_same_place_of_dram():
    machine = Machine()
    machine.memory.write_raw(SPA, b"here")
    machine.memory.alias(SPA + PAGE, SPA)
    assert machine.memory.read_raw(SPA + PAGE, 4) == b"here"
    machine.memory.write_raw(SPA + PAGE, b"both")
    assert machine.memory.read_raw(SPA, 4) == b"both"


def test_hidden_ciphertext_is_ones_in_owned_pages_only():
    scene = Scene(replace(GENOA, ciphertext_hiding=True))
    scene.give(GPA, SPA)
    scene.machine.memory.write(SPA, b"mine", scene.cpu.asid)
    assert host_read(scene.machine, SPA, 4) == b"\xff" * 4
    host_write(scene.machine, SPA + PAGE, b"host")
    assert host_read(scene.machine, SPA + PAGE, 4) == b"host"
