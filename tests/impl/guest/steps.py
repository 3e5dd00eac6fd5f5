"""The steps of generated programs, by kind."""

from hypothesis import strategies as st

from tests.impl.guest.programs import (
    DEVICE,
    LOW_32,
    PAGE,
    RAX,
    RBX,
    RCX,
    RDI,
    RDX,
    REGISTERS,
    RSI,
    RSP,
    Step,
    assemble,
    device_addresses,
    flags,
    load,
    memory_addresses,
    operands,
    values,
)

SIZES = (1, 2, 4, 8)
LOGIC = frozenset([1, 4, 6])
"""OR, AND, XOR among the eight operations of arithmetic."""
SOURCE_OVERRIDES = (b"", b"", b"\x2e", b"\x3e")


@st.composite
def target(draw: st.DrawFn, size: int) -> tuple[int, bool]:
    """An address to access, mostly the device's; whether the hypervisor of an SEV guest cannot do it."""
    if draw(st.integers(0, 3)):
        return draw(device_addresses(size))
    return draw(memory_addresses(size)), False


@st.composite
def with_memory(draw: st.DrawFn, here: int) -> Step:
    """MOV, MOVZX, MOVSX, MOVSXD, MOVBE, arithmetic and comparisons, with memory as either operand."""
    opcode, size, access, fixed_reg, immediate_size, logic = draw(st.sampled_from(FORMS))
    address, crossing = draw(target(access))
    reg = fixed_reg if fixed_reg is not None else draw(st.sampled_from(REGISTERS))
    rex = 0 if fixed_reg is not None else draw(st.sampled_from([0, 0, 0x40]))
    operand = draw(operands(address, frozenset([reg]) if fixed_reg is None else frozenset()))
    value = draw(values())
    immediate = (value & (1 << 8 * immediate_size) - 1).to_bytes(immediate_size, "little")
    # Without REX the byte registers 4 to 7 are AH to BH: numbers that the address does not use, too.
    high = size == 1 and fixed_reg is None and not rex and not operand.rex and draw(st.booleans())
    number = draw(st.sampled_from([4, 5, 6, 7])) if high and not (operand.registers & {0, 1, 2, 3}) else reg
    setup = draw(flags()) + (load(number & 3 if number != reg else reg, value) if fixed_reg is None else b"")
    setup += operand.setup
    code = assemble(operand, opcode, number, size=size, immediate=immediate, rex=rex, here=here + len(setup))
    return Step(setup, code, beyond_sev=crossing, logic=logic)


def forms() -> list[tuple[bytes, int, int, int | None, int, bool]]:
    """Opcode, operand size, access size, ModRM.reg where the opcode fixes it, bytes of immediate, AF undefined."""
    found: list[tuple[bytes, int, int, int | None, int, bool]] = []
    for size in SIZES:
        wide = size > 1
        moves = [0x88 | wide, 0x8A | wide] * 4
        found += [(bytes([opcode]), size, size, None, 0, False) for opcode in moves]
        for operation in range(8):
            found += [
                (bytes([8 * operation | form | wide]), size, size, None, 0, operation in LOGIC) for form in (0, 2)
            ]
            found.append((bytes([0x80 | wide]), size, size, operation, min(size, 4), operation in LOGIC))
            if wide:
                found.append((b"\x83", size, size, operation, 1, operation in LOGIC))
        found += [(bytes([0xC6 | wide]), size, size, 0, min(size, 4), False)] * 4
        found.append((bytes([0x84 | wide]), size, size, None, 0, True))
        found.append((bytes([0xF6 | wide]), size, size, 0, min(size, 4), True))
        found += [(bytes([0xF6 | wide]), size, size, reg, 0, False) for reg in (2, 3)]
        found += [(bytes([0xFE | wide]), size, size, reg, 0, False) for reg in (0, 1)]
        if wide:
            extended = [(b"\x0f\xb6", 1), (b"\x0f\xbe", 1), (b"\x0f\xb7", 2), (b"\x0f\xbf", 2)]
            found += [(opcode, size, access, None, 0, False) for opcode, access in extended]
            found += [(b"\x0f\x38" + bytes([last]), size, size, None, 0, False) for last in (0xF0, 0xF1)]
    return found + [(b"\x63", size, 4, None, 0, False) for size in (4, 8)]


FORMS = forms()


@st.composite
def offset_moves(draw: st.DrawFn, _: int) -> Step:
    """MOV between the accumulator and an absolute address (A0h to A3h)."""
    size, store = draw(st.sampled_from(SIZES)), draw(st.booleans())
    address, crossing = draw(target(size))
    narrow = draw(st.booleans())
    prefixes = (b"\x67" if narrow else b"") + {2: b"\x66", 8: b"\x48"}.get(size, b"")
    opcode = bytes([(0xA2 if store else 0xA0) | (size > 1)])
    setup = draw(flags()) + load(RAX, draw(values()))
    return Step(setup, prefixes + opcode + address.to_bytes(4 if narrow else 8, "little"), beyond_sev=crossing)


STRINGS = {"movs": 0xA4, "cmps": 0xA6, "stos": 0xAA, "lods": 0xAC, "scas": 0xAE}


@st.composite
def strings(draw: st.DrawFn, _: int) -> Step:
    """MOVS, CMPS, STOS, LODS and SCAS with the device on either side or on none."""
    name, size = draw(st.sampled_from([*STRINGS])), draw(st.sampled_from(SIZES))
    repeat = draw(st.sampled_from([b"", b"\xf3", b"\xf3", b"\xf2"]))
    count = draw(st.sampled_from([0, 1, 2, 3, 9])) if repeat else draw(values())
    narrow = draw(st.integers(0, 3)) == 0
    down = draw(st.booleans())
    span = size * (count if repeat else 1)
    sides = {register: draw(string_side(size, span, down=down)) for register in sides_of(name)}
    override = draw(st.sampled_from(SOURCE_OVERRIDES)) if RSI in sides else b""
    garbage = draw(values()) & ~LOW_32 if narrow else 0
    setup = draw(flags()) + (b"\xfd" if down else b"\xfc") + load(RAX, draw(values()))
    setup += load(RCX, count | garbage if repeat else count)
    setup += b"".join(load(register, address | garbage) for register, (address, _) in sides.items())
    prefixes = override + (b"\x67" if narrow else b"") + repeat + {2: b"\x66", 8: b"\x48"}.get(size, b"")
    mmio = any(on_device for _, on_device in sides.values())
    beyond = mmio and len(sides) == 2 and span > 0
    return Step(setup, prefixes + bytes([STRINGS[name] | (size > 1)]), name, beyond_sev=beyond)


def sides_of(name: str) -> tuple[int, ...]:
    """The registers that name the sides."""
    return {"movs": (RSI, RDI), "cmps": (RSI, RDI), "lods": (RSI,)}.get(name, (RDI,))


@st.composite
def string_side(draw: st.DrawFn, size: int, span: int, *, down: bool) -> tuple[int, bool]:
    """Where a string begins, so that it stays in its area, and whether that is the device. Elements are aligned."""
    on_device = draw(st.booleans())
    if on_device:
        first = DEVICE.gpa + PAGE + draw(st.integers(0, (2 * PAGE - max(span, size)) // size)) * size
    else:
        first = draw(memory_addresses(max(span, size)))
    return first + max(span - size, 0) if down else first, on_device


@st.composite
def ports(draw: st.DrawFn, _: int) -> Step:
    """IN and OUT of every width, at a port in DX or in the instruction; REX.W widens nothing."""
    size, out = draw(st.sampled_from([1, 2, 4])), draw(st.booleans())
    port = draw(st.sampled_from([0x40, 0x41, 0x42, 0x43, 0x80]) | st.integers(0x3F8, 0x3FF) | st.integers(0, 0xFFFF))
    prefix = b"\x66" if size == 2 else draw(st.sampled_from([b"", b"\x48"])) if size == 4 else b""
    setup = draw(flags()) + load(RAX, draw(values()))
    if port < 0x100 and draw(st.booleans()):
        return Step(setup, prefix + bytes([(0xE6 if out else 0xE4) | (size > 1), port]))
    setup += load(RDX, port | draw(values()) & ~0xFFFF)
    return Step(setup, prefix + bytes([(0xEE if out else 0xEC) | (size > 1)]))


@st.composite
def port_strings(draw: st.DrawFn, _: int) -> Step:
    """INS and OUTS between a port and memory or the device."""
    size, out = draw(st.sampled_from([1, 2, 4])), draw(st.booleans())
    repeat = draw(st.sampled_from([b"", b"\xf3", b"\xf2"]))
    count = draw(st.sampled_from([0, 1, 2, 7])) if repeat else draw(values())
    narrow, down = draw(st.integers(0, 3)) == 0, draw(st.booleans())
    span = size * (count if repeat else 1)
    address, _ = draw(string_side(size, span, down=down))
    garbage = draw(values()) & ~LOW_32 if narrow else 0
    setup = draw(flags()) + (b"\xfd" if down else b"\xfc") + load(RDX, draw(st.sampled_from([0x3F8, 0x40, 0x1234])))
    setup += load(RCX, count | garbage if repeat else count) + load(RSI if out else RDI, address | garbage)
    prefixes = (b"\x67" if narrow else b"") + repeat + (b"\x66" if size == 2 else b"")
    return Step(setup, prefixes + bytes([(0x6E if out else 0x6C) | (size > 1)]), beyond_sev=span > 0)


LEAVES = (0, 1, 2, 7, 0xB, 0xD, 0x4000_0000, 0x8000_0000, 0x8000_0001, 0x8000_001E, 0x8000_001F, LOW_32)
KNOWN_MSRS = (0x1B, 0x277, 0xC001_0015, 0x4B56_4D00)
SYSTEM = {
    "cpuid": b"\x0f\xa2",
    "rdtsc": b"\x0f\x31",
    "rdtscp": b"\x0f\x01\xf9",
    "rdpmc": b"\x0f\x33",
    "rdmsr": b"\x0f\x32",
    "wrmsr": b"\x0f\x30",
    "vmmcall": b"\x0f\x01\xd9",
    "wbinvd": b"\x0f\x09",
    "wbnoinvd": b"\xf3\x0f\x09",
    "monitor": b"\x0f\x01\xc8",
    "mwait": b"\x0f\x01\xc9",
}
"""Instructions without operands but the registers that they imply."""


@st.composite
def system(draw: st.DrawFn, _: int) -> Step:
    """What a hypervisor intercepts as such. The upper halves of the registers hold something."""
    name = draw(st.sampled_from([*SYSTEM]))
    garbage = draw(values()) & ~LOW_32
    choices = {"cpuid": LEAVES, "rdpmc": (0, 5), "rdmsr": KNOWN_MSRS, "wrmsr": KNOWN_MSRS}
    chosen = draw(st.sampled_from(choices.get(name, (0,))))
    number = RAX if name == "cpuid" else RCX
    setup = draw(flags()) + load(RDX, draw(values())) + load(RAX, draw(values())) + load(RBX, draw(values()))
    setup += load(RCX, draw(st.integers(0, 2)) | garbage) + load(number, chosen | garbage)
    prefix = draw(st.sampled_from([b"", b"", b"\x66", b"\x48"])) if name in ("cpuid", "rdtsc", "rdmsr") else b""
    return Step(setup, prefix + SYSTEM[name], name)


@st.composite
def debug_register(draw: st.DrawFn, _: int) -> Step:
    """MOV from and to DR7 by every register; ModRM.mod counts nothing."""
    register, write = draw(st.sampled_from([r for r in REGISTERS if r != RSP])), draw(st.booleans())
    modrm = draw(st.sampled_from([0x38, 0x78, 0xB8, 0xF8])) | register & 7
    rex = bytes([0x40 | register >> 3]) if register > 7 else b""
    setup = draw(flags()) + load(register, draw(values()) & LOW_32)
    return Step(setup, rex + b"\x0f" + bytes([0x23 if write else 0x21, modrm]), "dr7")


@st.composite
def unknown_msr(draw: st.DrawFn, _: int) -> Step:
    """#GP(0), at which the program ends."""
    return Step(load(RCX, 0x1234_5678), draw(st.sampled_from([b"\x0f\x32", b"\x0f\x30"])), "gp")


ORDINARY = (b"\x48\x01\xd8", b"\x50\x5b", b"\xe8\0\0\0\0\x59", b"\x48\x0f\xaf\xc1", b"\x66\x0f\x6e\xc0\x66\x0f\x7e\xc1",
            b"\x48\xd3\xe0", b"\x0f\xb0\xcb", b"\x9c\x58")  # fmt: skip
"""ADD, PUSH and POP, CALL and POP, IMUL, MOVD both ways, SHL, CMPXCHG, PUSHF and POP."""


@st.composite
def ordinary(draw: st.DrawFn, _: int) -> Step:
    """Nothing that leaves the guest."""
    setup = load(RAX, draw(values())) + load(RCX, draw(values()))
    return Step(setup, draw(st.sampled_from(ORDINARY)), logic=True)


KINDS = (*[with_memory] * 6, offset_moves, *[strings] * 3, *[ports] * 2, port_strings, *[system] * 3, debug_register,
         ordinary)  # fmt: skip


@st.composite
def programs(draw: st.DrawFn, start: int, most: int = 10) -> list[Step]:
    """Some steps, one after another from `start` on; now and then the last is one that faults."""
    steps: list[Step] = []
    for _ in range(draw(st.integers(1, most))):
        step = draw(draw(st.sampled_from(KINDS))(start))
        steps.append(step)
        start += len(step.setup) + len(step.code)
    if draw(st.integers(0, 19)) == 0:
        steps.append(draw(unknown_msr(start)))
    return steps
