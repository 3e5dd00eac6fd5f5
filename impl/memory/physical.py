"""Physical memory: what DRAM holds, sparse, seen raw or through a key."""

from collections.abc import Iterator

from impl.memory.engine import BLOCK_BYTES, HOST_ASID, PAGE_BYTES, EncryptionEngine
from impl.memory.tweak import windows
from spec.vocabulary import PAGE_SHIFT

MAXIMUM_ADDRESS_BITS = 52
_ZERO_PAGE = bytes(PAGE_BYTES)


class PhysicalMemory:
    """Up to 2^52 bytes of DRAM in 4 KiB pages; a page that nobody wrote holds zeros."""

    def __init__(self, engine: EncryptionEngine, address_bits: int = MAXIMUM_ADDRESS_BITS) -> None:
        """An empty memory behind `engine`; addresses have `address_bits` bits."""
        self.engine = engine
        self._limit = 1 << min(address_bits, MAXIMUM_ADDRESS_BITS)
        self._pages: dict[int, bytearray] = {}
        self._aliases: dict[int, int] = {}

    def exists(self, spa: int, length: int = 1) -> bool:
        """Whether the span lies within the physical address width."""
        return spa >= 0 and spa + length <= self._limit

    def alias(self, spa: int, other: int) -> None:
        """From now on the page at `spa` is the place in DRAM of the page at `other`; what it held is lost.

        No machine is built so. Memory that claims to be larger than it is, or an interposer on the bus, behaves so.
        """
        self._aliases[spa >> PAGE_SHIFT] = other >> PAGE_SHIFT

    def written(self, spa: int, length: int) -> list[int]:
        """Frame numbers of the pages in the span that somebody wrote; all others hold zeros."""
        first, last = spa >> PAGE_SHIFT, spa + length - 1 >> PAGE_SHIFT
        return sorted(page for page in self._pages if first <= page <= last)

    def snapshot(self) -> dict[int, bytes]:
        """All that was written, by page."""
        return {page: bytes(content) for page, content in self._pages.items()}

    def restore(self, snapshot: dict[int, bytes]) -> None:
        """Memory is as it was then."""
        self._pages = {page: bytearray(content) for page, content in snapshot.items()}

    def read_raw(self, spa: int, length: int) -> bytes:
        """What DRAM holds: ciphertext for private pages."""
        return b"".join(bytes(self._page(page)[start:end]) for page, start, end in self._spans(spa, length))

    def write_raw(self, spa: int, data: bytes) -> None:
        """Store bytes as they are."""
        done = 0
        for page, start, end in self._spans(spa, len(data)):
            self._writable(page)[start:end] = data[done : done + end - start]
            done += end - start

    def read(self, spa: int, length: int, asid: int) -> bytes:
        """Read through the key of `asid`; ASID 0 reads raw."""
        if asid == HOST_ASID:
            return self.read_raw(spa, length)
        # The cipher works from the beginning of a page, in blocks of 16 bytes.
        head, tail = spa % PAGE_BYTES, -(spa + length) % BLOCK_BYTES
        first = spa - head
        ciphertext = self.read_raw(first, head + length + tail)
        parts = [
            self.engine.decrypt(asid, first + start, ciphertext[start:end])
            for start, end in windows(first, len(ciphertext))
        ]
        return b"".join(parts)[head : head + length]

    def write(self, spa: int, data: bytes, asid: int) -> None:
        """Write through the key of `asid`; a partial block is decrypted, changed and encrypted again."""
        if asid == HOST_ASID:
            self.write_raw(spa, data)
            return
        head, tail = spa % PAGE_BYTES, -(spa + len(data)) % BLOCK_BYTES
        first = spa - head
        if head or tail:
            # Blocks that are only read become the ciphertext that they were: the cipher is deterministic.
            old = self.read(first, head + len(data) + tail, asid)
            data = old[:head] + data + old[head + len(data) :]
        for start, end in windows(first, len(data)):
            self.write_raw(first + start, self.engine.encrypt(asid, first + start, data[start:end]))

    def _page(self, page: int) -> bytes | bytearray:
        return self._pages.get(self._aliases.get(page, page), _ZERO_PAGE)

    def _writable(self, page: int) -> bytearray:
        return self._pages.setdefault(self._aliases.get(page, page), bytearray(PAGE_BYTES))

    def _spans(self, spa: int, length: int) -> Iterator[tuple[int, int, int]]:
        """The parts of a span that lie in one page each: page number, first and last offset (exclusive)."""
        if not self.exists(spa, length):
            raise ValueError(f"{spa:#x}..{spa + length:#x} is outside the physical address space")
        while length > 0:
            start = spa % PAGE_BYTES
            part = min(length, PAGE_BYTES - start)
            yield spa >> PAGE_SHIFT, start, start + part
            spa += part
            length -= part
