"""Results and flags of integer arithmetic and comparisons. APM Vol. 3, the instructions' "rFLAGS Affected"."""

from impl.vc.vcpu import AF, CF, MASKS, OF, PF, SF, ZF

STATUS = CF | PF | AF | ZF | SF | OF
EVEN = [bin(byte).count("1") % 2 == 0 for byte in range(256)]


def arithmetic(mnemonic: str, first: int, second: int, size: int, rflags: int) -> tuple[int, int]:
    """The result of `size` bytes and the new RFLAGS. One-operand instructions ignore `second`."""
    carry = rflags & CF
    if mnemonic == "not":
        return first ^ MASKS[size], rflags
    if mnemonic in ("and", "test", "or", "xor"):
        return logic(mnemonic, first, second, size, rflags)
    if mnemonic in ("inc", "dec"):
        result, changed = added(first, 1, 0, size) if mnemonic == "inc" else subtracted(first, 1, 0, size)
        return result, rflags & ~STATUS | changed & ~CF | carry
    if mnemonic == "neg":
        result, changed = subtracted(0, first, 0, size)
    elif mnemonic in ("add", "adc"):
        result, changed = added(first, second, carry if mnemonic == "adc" else 0, size)
    else:
        result, changed = subtracted(first, second, carry if mnemonic == "sbb" else 0, size)
    return result, rflags & ~STATUS | changed


def logic(mnemonic: str, first: int, second: int, size: int, rflags: int) -> tuple[int, int]:
    """AND, OR, XOR and TEST clear CF and OF. AF is undefined, and cleared here."""
    if mnemonic == "or":
        result = first | second
    else:
        result = first ^ second if mnemonic == "xor" else first & second
    return result, rflags & ~STATUS | of_result(result, size)


def added(first: int, second: int, carry: int, size: int) -> tuple[int, int]:
    """Sum and flags."""
    total = first + second + carry
    result = total & MASKS[size]
    flags = of_result(result, size) | (CF if total > MASKS[size] else 0)
    flags |= AF if (first ^ second ^ result) & 0x10 else 0
    return result, flags | (OF if sign(~(first ^ second) & (first ^ result), size) else 0)


def subtracted(first: int, second: int, borrow: int, size: int) -> tuple[int, int]:
    """Difference and flags."""
    result = (first - second - borrow) & MASKS[size]
    flags = of_result(result, size) | (CF if first < second + borrow else 0)
    flags |= AF if (first ^ second ^ result) & 0x10 else 0
    return result, flags | (OF if sign((first ^ second) & (first ^ result), size) else 0)


def of_result(result: int, size: int) -> int:
    """SF, ZF, and PF, which looks at the low byte alone."""
    return (SF if sign(result, size) else 0) | (0 if result else ZF) | (PF if EVEN[result & 0xFF] else 0)


def sign(value: int, size: int) -> bool:
    """The highest bit."""
    return bool(value >> (8 * size - 1) & 1)
