"""A serial port with the registers of a 16550, as PCs have it at ports 3F8h to 3FFh.

What is sent is there at once; nothing is received but what loopback mode sends back.
"""

DATA, INTERRUPT_ENABLE, INTERRUPT_ID, LINE_CONTROL, MODEM_CONTROL, LINE_STATUS, MODEM_STATUS, SCRATCH = range(8)
"""Offsets. With DLAB set the first two are the divisor; INTERRUPT_ID is FIFO control when written."""
PORTS = 8
DIVISOR_LATCH = 1 << 7
"""DLAB of LINE_CONTROL."""
LOOPBACK = 1 << 4
"""Of MODEM_CONTROL."""
DATA_READY, TRANSMITTER_EMPTY = 1 << 0, 3 << 5
"""LINE_STATUS: a byte was received; holding and shift register are empty."""
NO_INTERRUPT, FIFOS_ENABLED = 1 << 0, 3 << 6
FIFO_ENABLE = 1 << 0
CARRIER = 0xB0
"""MODEM_STATUS: carrier, data set ready, clear to send."""


class Serial:
    """One port. Registers have one byte; wider accesses reach the registers behind, byte by byte."""

    def __init__(self) -> None:
        self.sent = bytearray()
        """Everything that was sent."""
        self._received: list[int] = []
        self._registers = bytearray(PORTS)
        self._divisor = [1, 0]
        self._fifos = False

    def read(self, offset: int, size: int) -> int:
        """One access."""
        return int.from_bytes(bytes(self._read(offset + number) for number in range(size)), "little")

    def write(self, offset: int, size: int, value: int) -> None:
        """One access."""
        for number, byte in enumerate(value.to_bytes(size, "little")):
            self._write(offset + number, byte)

    def _read(self, register: int) -> int:
        if register >= PORTS:
            return 0xFF
        if register in (DATA, INTERRUPT_ENABLE) and self._registers[LINE_CONTROL] & DIVISOR_LATCH:
            return self._divisor[register]
        if register == DATA:
            return self._received.pop(0) if self._received else 0
        if register == INTERRUPT_ID:
            return NO_INTERRUPT | (FIFOS_ENABLED if self._fifos else 0)
        if register == LINE_STATUS:
            return TRANSMITTER_EMPTY | (DATA_READY if self._received else 0)
        return CARRIER if register == MODEM_STATUS else self._registers[register]

    def _write(self, register: int, byte: int) -> None:
        if register >= PORTS or register in (LINE_STATUS, MODEM_STATUS):
            return
        if register in (DATA, INTERRUPT_ENABLE) and self._registers[LINE_CONTROL] & DIVISOR_LATCH:
            self._divisor[register] = byte
        elif register == INTERRUPT_ID:
            self._fifos = bool(byte & FIFO_ENABLE)
        elif register != DATA:
            self._registers[register] = byte
        elif self._registers[MODEM_CONTROL] & LOOPBACK:
            self._received.append(byte)
        else:
            self.sent.append(byte)
