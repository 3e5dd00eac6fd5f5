"""An interval timer with the registers of an 8254, as PCs have it at ports 40h to 43h, without its interrupts.

Time passes with the accesses: each counts every counter down once. So the same program reads the same values wherever
it runs. Counters count in binary, whatever the mode says.
"""

COUNTERS, COMMAND = 3, 3
PORTS = 4
LATCH, LOW, HIGH, BOTH = range(4)
"""The access field of a command."""
WHOLE = 1 << 16


class Counter:
    """One of the three."""

    def __init__(self) -> None:
        self.reload = WHOLE
        self.value = WHOLE
        self.access = BOTH
        self.latched: int | None = None
        self.high_next = False
        self.low = 0

    def tick(self) -> None:
        """One step of time; 0 is followed by the reload value."""
        self.value = self.value - 1 or self.reload

    def write(self, byte: int) -> None:
        """A byte of the reload value; when it is complete, counting begins anew."""
        if self.access == BOTH and not self.high_next:
            self.low, self.high_next = byte, True
            return
        low = byte if self.access == LOW else self.low if self.access == BOTH else 0
        high = byte if self.access != LOW else 0
        self.reload = high << 8 | low or WHOLE
        self.value, self.high_next = self.reload, False

    def read(self) -> int:
        """A byte of the latched value, or of the value now."""
        value = (self.value if self.latched is None else self.latched) & 0xFFFF
        high = self.access == HIGH or (self.access == BOTH and self.high_next)
        if self.access == BOTH:
            self.high_next = not self.high_next
        if self.access != BOTH or not self.high_next:
            self.latched = None
        return value >> 8 if high else value & 0xFF


class Timer:
    """The chip. Registers have one byte; of a wider access the first counts."""

    def __init__(self) -> None:
        self.counters = [Counter() for _ in range(COUNTERS)]

    def read(self, offset: int, size: int) -> int:
        """A counter's byte; the command register reads as ones."""
        self._tick()
        rest = (1 << 8 * size) - 1 & ~0xFF
        return rest | (self.counters[offset].read() if offset < COUNTERS else 0xFF)

    def write(self, offset: int, size: int, value: int) -> None:  # noqa: ARG002 -- the first byte counts
        """A counter's byte, or a command."""
        self._tick()
        byte = value & 0xFF
        if offset < COUNTERS:
            self.counters[offset].write(byte)
            return
        number, access = byte >> 6, byte >> 4 & 3
        if number == COUNTERS:
            return
        counter = self.counters[number]
        if access == LATCH:
            counter.latched = counter.value if counter.latched is None else counter.latched
        else:
            counter.access, counter.high_next, counter.latched = access, False, None

    def _tick(self) -> None:
        for counter in self.counters:
            counter.tick()
