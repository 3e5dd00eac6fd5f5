"""The host's own view of memory: as DRAM holds it, or through its key (SME)."""

from impl.machine import Machine
from impl.memory.agents import host_read, host_write
from spec.vocabulary import Event

SPA = 0x4000_0000


def test_host_write_with_c_bit_is_read_back_with_c_bit_alone():
    machine = Machine()
    assert host_write(machine, SPA, b"for the host", c_bit=True).result == Event.COMPLETES
    assert host_read(machine, SPA, 12, c_bit=True) == b"for the host"
    assert host_read(machine, SPA, 12) == machine.memory.read_raw(SPA, 12) != b"for the host"


def test_host_read_of_guest_memory_with_c_bit_is_neither_plaintext_nor_ciphertext():
    machine = Machine()
    machine.engine.install_key(1, bytes(range(32)))
    machine.memory.write(SPA, b"for the guest...", 1)
    views = {host_read(machine, SPA, 16, c_bit=c_bit) for c_bit in (False, True)}
    assert len(views | {b"for the guest..."}) == 3
