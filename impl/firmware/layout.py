"""Byte layouts as tables of fields: how buffers of the firmware ABI (56860) are read, written and checked.

A layout is a frozen dataclass whose fields say where they lie. Whatever no field covers is reserved, so the check of
reserved bits follows from the table. Integers are little-endian; offsets and lengths are in bytes, positions in bits.
"""

from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, TypeVar, cast

PAGE_OFFSET_BITS = 12
_PLACE = "place"


@dataclass(frozen=True)
class Place:
    """The bits of one field within the buffer, taken as one little-endian number."""

    first_bit: int
    width: int
    low_reserved: int = 0
    """So many low bits of the field must be zero: a page address is a whole number of pages."""
    is_bytes: bool = False

    @property
    def covered(self) -> int:
        """A mask of the bits that have a meaning."""
        meaningful = (1 << self.width) - (1 << self.low_reserved)
        return meaningful << self.first_bit

    def read(self, number: int) -> int | bytes:
        """The field's value in the buffer."""
        value = number >> self.first_bit & (1 << self.width) - 1
        return value.to_bytes(self.width // 8, "little") if self.is_bytes else value

    def write(self, value: int | bytes) -> int:
        """The buffer with this field and nothing else. A value that does not fit is an OverflowError."""
        number = int.from_bytes(value, "little") if isinstance(value, bytes) else int(value)
        if number < 0 or number >> self.width:
            raise OverflowError(f"{number:#x} has more than {self.width} bits")
        return number << self.first_bit


def bits(offset: int, first: int, width: int) -> int:
    """`width` bits from bit `first` of the byte at `offset` on."""
    return field(default=0, metadata={_PLACE: Place(8 * offset + first, width)})


def u8(offset: int) -> int:
    """One byte."""
    return bits(offset, 0, 8)


def u16(offset: int) -> int:
    """Two bytes."""
    return bits(offset, 0, 16)


def u32(offset: int) -> int:
    """Four bytes."""
    return bits(offset, 0, 32)


def u64(offset: int) -> int:
    """Eight bytes."""
    return bits(offset, 0, 64)


def page(offset: int) -> int:
    """An eight-byte system-physical address whose low 12 bits are reserved."""
    return field(default=0, metadata={_PLACE: Place(8 * offset, 64, low_reserved=PAGE_OFFSET_BITS)})


def raw(offset: int, length: int) -> bytes:
    """`length` bytes as they are."""
    return field(default=bytes(length), metadata={_PLACE: Place(8 * offset, 8 * length, is_bytes=True)})


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The base of all layouts."""

    LENGTH: ClassVar[int] = 0
    """Bytes that the firmware reads or writes."""
    reserved_set: bool = False
    """Some bit that no field covers is set. Only reading sets this."""

    def pack(self) -> bytes:
        """The bytes, reserved bits zero."""
        number = 0
        for name, place in _places(type(self)):
            number |= place.write(getattr(self, name))
        return number.to_bytes(self.LENGTH, "little")


AnyLayout = TypeVar("AnyLayout", bound=Layout)


def parse(layout: type[AnyLayout], content: bytes) -> AnyLayout:
    """Read the first LENGTH bytes; missing ones count as zero."""
    number = int.from_bytes(content[: layout.LENGTH], "little")
    values: dict[str, Any] = {}
    covered = 0
    for name, place in _places(layout):
        values[name] = place.read(number)
        covered |= place.covered
    return layout(reserved_set=number & ~covered != 0, **values)


_known_places: dict[type[Layout], list[tuple[str, Place]]] = {}


def _places(layout: type[Layout]) -> list[tuple[str, Place]]:
    """The table of a layout, read once: a launch packs PAGE_INFO hundreds of times."""
    if layout not in _known_places:
        placed = (each for each in fields(layout) if _PLACE in each.metadata)
        _known_places[layout] = [(each.name, cast(Place, each.metadata[_PLACE])) for each in placed]
    return _known_places[layout]
