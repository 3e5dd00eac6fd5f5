"""Which device a port or an address belongs to. What nobody answers reads as ones, as on a bus without a device."""

from collections.abc import Callable
from typing import NamedTuple, Protocol


class Device(Protocol):
    """Something with registers. Offsets and sizes in bytes."""

    def read(self, offset: int, size: int) -> int:
        """One read of the device."""

    def write(self, offset: int, size: int, value: int) -> None:
        """One write to the device."""


class Window(NamedTuple):
    """Where a device is."""

    first: int
    length: int
    device: Device


class Traffic(NamedTuple):
    """One access as devices see it."""

    space: str
    """`port` or `mmio`."""
    write: bool
    address: int
    size: int
    value: int


class Bus:
    """Ports and addresses. An access belongs to the device that has its first byte."""

    def __init__(self, watch: Callable[[Traffic], None] = lambda _: None) -> None:
        """`watch` is told of every access, after it is done."""
        self._ports: list[Window] = []
        self._memory: list[Window] = []
        self._watch = watch

    def at_ports(self, first: int, length: int, device: Device) -> None:
        """Attach a device to ports."""
        self._ports.append(Window(first, length, device))

    def at_memory(self, first: int, length: int, device: Device) -> None:
        """Attach a device to guest-physical addresses."""
        self._memory.append(Window(first, length, device))

    def has(self, address: int) -> bool:
        """Whether a device lies at a guest-physical address."""
        return found(self._memory, address) is not None

    def port_in(self, port: int, size: int) -> int:
        """A read of a port."""
        return self._read("port", self._ports, port, size)

    def port_out(self, port: int, size: int, value: int) -> None:
        """A write to a port."""
        self._write("port", self._ports, port, size, value)

    def mmio_read(self, address: int, size: int) -> int:
        """A read of an address."""
        return self._read("mmio", self._memory, address, size)

    def mmio_write(self, address: int, size: int, value: int) -> None:
        """A write to an address."""
        self._write("mmio", self._memory, address, size, value)

    def _read(self, space: str, windows: list[Window], address: int, size: int) -> int:
        ones = (1 << 8 * size) - 1
        window = found(windows, address)
        value = ones if window is None else window.device.read(address - window.first, size) & ones
        self._watch(Traffic(space, False, address, size, value))
        return value

    def _write(self, space: str, windows: list[Window], address: int, size: int, value: int) -> None:
        window = found(windows, address)
        if window is not None:
            window.device.write(address - window.first, size, value)
        self._watch(Traffic(space, True, address, size, value))


def found(windows: list[Window], address: int) -> Window | None:
    """The window that has the address."""
    return next((one for one in windows if one.first <= address < one.first + one.length), None)
