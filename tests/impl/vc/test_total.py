"""Any bytes, any exit code, any registers, any reply: a named end, and nothing done by halves."""

from random import Random

import pytest
from hypothesis import settings

from impl.decode.decoder import decode
from impl.decode.undecodable import Undecodable
from impl.vc.admission import exit_code_of
from impl.vc.exits import ExceptionRequested, ExitFailed
from impl.vc.outcome import DONE, End, Refusal
from impl.vc.vcpu import IOPL_SHIFT
from tests.impl.decode.strings import strings
from tests.impl.vc.guest import Guest
from tests.impl.vc.test_forged import EXIT_CODES

COUNT = 40 * settings().max_examples
NAMES = {"ok", "unfinished", "#UD", "#GP", "#SS", *(refusal.name for refusal in Refusal)}
STRINGS = tuple("ins outs movs stos lods cmps scas".split())
SEED = 56421


def guest_of(random: Random, bits: int) -> Guest:
    """Registers and replies of any size, small counts mostly."""
    lies = [ExitFailed(), ExceptionRequested(random.getrandbits(34))]
    answer = random.choice([*[random.getrandbits(80)] * 6, *lies])
    guest = Guest(bits, answer=answer, cpl=random.choice((0, 0, 0, 3)))
    guest.vcpu.gpr = [random.getrandbits(random.choice((8, 12, 20, 40, 64))) for _ in range(16)]
    guest.vcpu.gpr[1] = random.getrandbits(random.choice((3, 3, 3, 64)))
    guest.vcpu.rflags = random.getrandbits(12) | 2 | random.choice((0, 3 << IOPL_SHIFT))
    for segment in guest.vcpu.segment_bases:
        guest.vcpu.segment_bases[segment] = random.getrandbits(random.choice((0, 40)))
    guest.memory.ordinary = random.choice((lambda linear: bool(linear & 0x4000), guest.memory.ordinary))
    return guest


@pytest.mark.parametrize("forged", [False, True])
def test_every_end_has_a_name_and_only_done_moves_rip(forged: bool) -> None:
    random, done = Random(SEED), 0
    for code, bits in strings(SEED + forged, COUNT):
        guest = guest_of(random, bits)
        try:
            instruction = decode(code, bits)
        except Undecodable:
            continue
        own = exit_code_of(instruction)
        exit_code = random.choice((*EXIT_CODES, *[own or 0] * 14, random.getrandbits(11))) if forged else None
        outcome = guest.run(code.hex(), exit_code)
        assert outcome.name in NAMES
        repeated = instruction.mnemonic.startswith(STRINGS)
        if outcome == DONE:
            done += 1
            assert exit_code in (None, own)
            mask = (1 << 64) - 1 if bits == 64 else (1 << 32) - 1
            assert guest.vcpu.rip == (0x40_1000 + instruction.length) & mask
        elif outcome.end is not End.AGAIN and not repeated:
            assert guest.unchanged, (code.hex(), outcome)
        assert outcome == DONE or guest.vcpu.rip == 0x40_1000
        for kind, *rest in guest.seen:
            if kind in ("mmio_write", "port_out", "store"):
                where, size, value = rest
                assert size in (1, 2, 4, 8)
                assert 0 <= value < 1 << 8 * size
                assert 0 <= where < 1 << (16 if kind == "port_out" else 64)
    assert done > COUNT // (60 if forged else 30)
