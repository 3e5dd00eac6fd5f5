"""A small block device in memory space: a page of registers, then a window on the sector that is chosen.

The first page: at 0 the identification, at 8 the number of sectors, at 10h the chosen sector, at 18h how many accesses
the window has seen, at 20h a byte stream: each read gives the next byte of the sector. From the second page on the
bytes of the sector, again and again. Accesses of 1, 2, 4 and 8 bytes at any offset.
"""

from impl.memory.engine import PAGE_BYTES

IDENTIFICATION = 0x6B6C_6276_6573  # "sevblk"
SECTORS, SECTOR_BYTES = 8, 512
SECTOR_REGISTER, COUNT_REGISTER, STREAM_REGISTER = 0x10, 0x18, 0x20
REGISTER_BYTES = 0x28


class BlockDevice:
    """The device and its medium."""

    def __init__(self) -> None:
        self.medium = bytearray(bytes((7 * number + number // 256) & 0xFF for number in range(SECTORS * SECTOR_BYTES)))
        self.sector = 0
        self.count = 0
        self._next = 0

    def read(self, offset: int, size: int) -> int:
        """One access."""
        if offset < PAGE_BYTES:
            return self._stream() if offset == STREAM_REGISTER else self._register(offset, size)
        self.count += 1
        return int.from_bytes(bytes(self.medium[self._place(offset, n)] for n in range(size)), "little")

    def write(self, offset: int, size: int, value: int) -> None:
        """One access."""
        if offset < PAGE_BYTES:
            if offset == SECTOR_REGISTER:
                self.sector, self._next = value % SECTORS, 0
            return
        self.count += 1
        for number, byte in enumerate(value.to_bytes(size, "little")):
            self.medium[self._place(offset, number)] = byte

    def _register(self, offset: int, size: int) -> int:
        numbers = (IDENTIFICATION, SECTORS, self.sector, self.count, 0)
        page = b"".join(number.to_bytes(8, "little") for number in numbers).ljust(PAGE_BYTES + 8, b"\0")
        return int.from_bytes(page[offset : offset + size], "little")

    def _stream(self) -> int:
        byte = self.medium[self.sector * SECTOR_BYTES + self._next]
        self._next = (self._next + 1) % SECTOR_BYTES
        return byte

    def _place(self, offset: int, number: int) -> int:
        return self.sector * SECTOR_BYTES + (offset + number) % SECTOR_BYTES
