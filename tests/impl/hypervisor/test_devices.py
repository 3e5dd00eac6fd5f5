"""The emulated devices, register by register."""

from impl.hypervisor.devices.block import BlockDevice
from impl.hypervisor.devices.bus import Bus, Traffic
from impl.hypervisor.devices.serial import Serial
from impl.hypervisor.devices.timer import Timer


def test_serial_sends_what_is_written_and_is_always_ready() -> None:
    serial = Serial()
    for byte in b"ab":
        assert serial.read(5, 1) == 0x60
        serial.write(0, 1, byte)
    assert bytes(serial.sent) == b"ab"


def test_serial_has_the_divisor_behind_dlab() -> None:
    serial = Serial()
    serial.write(3, 1, 0x83)
    serial.write(0, 2, 0x1234)
    assert (serial.read(0, 1), serial.read(1, 1)) == (0x34, 0x12)
    serial.write(3, 1, 0x03)
    assert (serial.read(1, 1), bytes(serial.sent)) == (0, b"")


def test_serial_gives_back_what_is_sent_in_loopback() -> None:
    serial = Serial()
    serial.write(4, 1, 0x10)
    serial.write(0, 1, 0x41)
    assert (serial.read(5, 1), serial.read(0, 1), serial.read(5, 1)) == (0x61, 0x41, 0x60)
    assert bytes(serial.sent) == b""


def test_serial_identifies_its_fifos_and_keeps_the_scratch_register() -> None:
    serial = Serial()
    assert serial.read(2, 1) == 0x01
    serial.write(2, 1, 1)
    serial.write(7, 1, 0x5A)
    assert (serial.read(2, 1), serial.read(7, 1)) == (0xC1, 0x5A)


def test_serial_status_registers_are_not_written_and_nothing_lies_behind() -> None:
    serial = Serial()
    serial.write(5, 1, 0xFF)
    assert (serial.read(5, 1), serial.read(6, 1), serial.read(7, 2)) == (0x60, 0xB0, 0xFF00)


def read_both(timer: Timer) -> int:
    return timer.read(0, 1) | timer.read(0, 1) << 8


def test_timer_counts_accesses_down_from_its_reload_value() -> None:
    timer = Timer()
    timer.write(3, 1, 0x34)
    timer.write(0, 1, 0x10)
    timer.write(0, 1, 0x00)
    timer.write(3, 1, 0x00)  # latch, one step later
    assert read_both(timer) == 0x0F
    timer.write(3, 1, 0x00)
    assert read_both(timer) == 0x0C


def test_timer_begins_again_when_it_is_through() -> None:
    timer = Timer()
    timer.write(3, 1, 0x14)  # low byte alone
    timer.write(0, 1, 2)
    assert [timer.read(0, 1) for _ in range(4)] == [1, 2, 1, 2]


def test_timer_reads_ones_where_there_is_no_counter() -> None:
    assert Timer().read(3, 2) == 0xFFFF


def test_block_device_has_a_window_on_the_chosen_sector() -> None:
    block = BlockDevice()
    assert (block.read(0, 8), block.read(8, 4)) == (0x6B6C_6276_6573, 8)
    block.write(0x10, 8, 2)
    block.write(0x1000 + 4, 4, 0xDDCC_BBAA)
    assert (block.read(0x1000 + 512 + 5, 2), block.read(0x18, 8)) == (0xCCBB, 2)
    block.write(0x10, 8, 3)
    assert block.read(0x1000 + 4, 1) == 3 * 2 + 4 * 7 & 0xFF


def test_block_device_streams_the_sector() -> None:
    block = BlockDevice()
    block.write(0x10, 1, 1)
    assert [block.read(0x20, 1) for _ in range(3)] == [2, 9, 16]


def test_bus_tells_of_every_access_and_reads_ones_where_nothing_is() -> None:
    seen: list[Traffic] = []
    bus = Bus(seen.append)
    bus.at_ports(0x3F8, 8, Serial())
    bus.at_memory(0x1000, 0x1000, BlockDevice())
    bus.port_out(0x3F8, 1, 0x41)
    assert (bus.port_in(0x80, 2), bus.mmio_read(0x3000, 8)) == (0xFFFF, (1 << 64) - 1)
    bus.mmio_write(0x3000, 1, 7)
    assert (bus.has(0x1FFF), bus.has(0x2000)) == (True, False)
    assert seen == [
        Traffic("port", True, 0x3F8, 1, 0x41),
        Traffic("port", False, 0x80, 2, 0xFFFF),
        Traffic("mmio", False, 0x3000, 8, (1 << 64) - 1),
        Traffic("mmio", True, 0x3000, 1, 7),
    ]
