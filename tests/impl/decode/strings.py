"""Byte strings for the oracles: random ones, ones with an escape in front, and the rows of the opcode maps, mutated."""

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from random import Random

from impl.decode.notation import parsed
from impl.decode.rows import Row, rows_of
from impl.decode.vector_maps import MAPS, PP

LEGACY_ESCAPES = {
    "primary": "", "x87": "", "secondary": "0f", "secondary_media": "0f", "map_0f38": "0f38", "map_0f3a": "0f3a",
    "three_d_now": "0f0f",
}  # fmt: skip
PREFIXES = bytes.fromhex("66 67 f2 f3 f0 2e 36 3e 26 64 65 40 41 44 48 4f")
ESCAPES = [bytes.fromhex(text) for text in ("", "0f", "0f38", "0f3a", "0f01", "0fae", "0fc7", "c5", "c4", "62", "8f")]
MANDATORY = {"NP": b"", "66": b"\x66", "F3": b"\xf3", "F2": b"\xf2"}
VECTOR_NUMBERS = {name: (escape.name, number) for (escape, number), name in MAPS.items()}


@cache
def every_row() -> list[tuple[str, Row]]:
    """The rows of all maps, with the map's name."""
    folder = files("impl.decode") / "maps"
    names = sorted(path.name.removesuffix(".map") for path in folder.iterdir())
    return [(name, row) for name in names for row in rows_of(name)]


def strings(seed: int, count: int) -> Iterator[tuple[bytes, int]]:
    """So many byte strings of 16 bytes or more, each with a mode; the same for the same seed."""
    random = Random(seed)
    makers = (noise, escaped_noise, row_bytes, row_bytes, mutated)
    for number in range(count):
        bits = (64, 64, 32, 16)[number % 4]
        yield makers[number % len(makers)](random) + random.randbytes(15), bits


def noise(random: Random) -> bytes:
    """Anything."""
    return random.randbytes(1)


def some_prefixes(random: Random) -> bytes:
    """Up to three prefixes, mostly none."""
    return bytes(random.choices(PREFIXES, k=random.choice((0, 0, 0, 1, 1, 2, 3))))


def escaped_noise(random: Random) -> bytes:
    """Prefixes and an escape in front of anything."""
    return some_prefixes(random) + random.choice(ESCAPES)


def mutated(random: Random) -> bytes:
    """A row with one byte changed."""
    code = bytearray(row_bytes(random))
    code[random.randrange(len(code))] = random.randrange(256)
    return bytes(code)


def row_bytes(random: Random) -> bytes:
    """Prefixes, opcode and ModRM of a row; what follows is anything."""
    name, row = random.choice(every_row())
    before = some_prefixes(random)
    if name in VECTOR_NUMBERS:
        return (
            before * (random.randrange(8) == 0) + vector_prefix(random, *VECTOR_NUMBERS[name], row) + tail(random, row)
        )
    mandatory = MANDATORY[random.choice(sorted(row.prefixes))] if row.prefixes else b""
    rex = bytes([random.randrange(0x40, 0x50)]) * (random.randrange(3) == 0)
    escape = bytes.fromhex(LEGACY_ESCAPES[name])
    if name == "three_d_now":
        return before + escape + bytes([random.randrange(0xC0, 0x100), row.opcode])
    return before + mandatory + rex + escape + tail(random, row)


def tail(random: Random, row: Row) -> bytes:
    """The opcode and a ModRM byte that fits the row."""
    if row.modrm is not None:
        return bytes([row.opcode, row.modrm])
    modrm = random.randrange(256)
    if row.reg is not None:
        modrm = modrm & 0xC7 | row.reg << 3
    if not any(parsed(text).uses_modrm for text in row.operands) and row.reg is None:
        return bytes([row.opcode])
    return bytes([row.opcode, modrm])


def vector_prefix(random: Random, escape: str, number: int, row: Row) -> bytes:
    """VEX, EVEX or XOP for a row; fields that the row does not fix are mostly what is defined."""
    w = random.randrange(2) if row.w is None else row.w
    length = random.choice(sorted(row.lengths)) if row.lengths else random.randrange(2)
    pp = PP.index(next(iter(row.prefixes)))
    unused = random.randrange(3) and not any(text[0] in "HBKT" for text in row.operands[1:])
    inverted = 0xF if unused else random.randrange(16)
    rxb = random.choice((0xE0, 0xE0, random.randrange(8) << 5))
    if escape == "EVEX":
        third = length << 5 | random.choice((8, 8, 9, 0x18, 0x19, 0x89, random.randrange(32), random.randrange(256)))
        return bytes([0x62, rxb | random.choice((0x10, 0x10, 0)) | number, w << 7 | inverted << 3 | 4 | pp, third])
    last = w << 7 | inverted << 3 | length << 2 | pp
    if number == 1 and escape == "VEX3" and random.randrange(2):
        return bytes([0xC5, last & 0x7F | random.choice((0x80, 0x80, 0))])
    return bytes([0x8F if escape == "XOP" else 0xC4, rxb | number, last])
