"""What a hostile hypervisor can do at one step of its guest's."""

from hypothesis import strategies as st

from impl.guest import layout
from impl.hypervisor.hostile import Attack
from spec.ghcb.vocabulary.exits import GhcbEvent, SvmExit
from spec.ghcb.vocabulary.msr import MsrCode
from spec.ghcb.vocabulary.page import GHCB_SIZE, SHARED_BUFFER_OFFSET, VALID_BITMAP_OFFSET, GhcbField
from tests.impl.guest.programs import PAGE

numbers = st.sampled_from([0, 1, 2, 3, 4, 5, 6, (1 << 64) - 1, 1 << 63]) | st.integers(0, (1 << 64) - 1)
quadwords = numbers.map(lambda number: number.to_bytes(8, "little"))
events = st.builds(
    lambda vector, kind, rest, code: vector | kind << 8 | rest << 11 | code << 32,
    st.sampled_from([6, 13, 14, 29]) | st.integers(0, 255),
    st.sampled_from([3]) | st.integers(0, 7),
    st.sampled_from([1 << 20, 1 << 20 | 1]) | st.integers(0, (1 << 21) - 1),
    st.integers(0, (1 << 32) - 1),
).map(lambda event: event.to_bytes(8, "little"))
"""SW_EXITINFO2 in the form of EVENTINJ, more and less well-formed."""
fields = st.dictionaries(
    st.sampled_from([int(one) for one in GhcbField]) | st.integers(SHARED_BUFFER_OFFSET, GHCB_SIZE - 8),
    quadwords,
    max_size=3,
)
bitmaps = st.sampled_from([bytes(16), b"\xff" * 16]) | st.binary(min_size=16, max_size=16)
replies = st.builds(
    lambda answer, info2, rest, bitmap: {
        int(GhcbField.SW_EXITINFO1): answer, int(GhcbField.SW_EXITINFO2): info2, **rest, VALID_BITMAP_OFFSET: bitmap
    },
    st.sampled_from([0, 1, 2, 3, 1 << 32, 1 << 32 | 1]).map(lambda number: number.to_bytes(8, "little")),
    quadwords | events,
    fields,
    bitmaps,
)  # fmt: skip
messages = st.builds(
    lambda code, data: code | data << 12, st.sampled_from([*MsrCode][1:]), st.integers(0, (1 << 52) - 1)
)
CODES = sorted({*SvmExit, *GhcbEvent, *range(0x20, 0xB0), 0x404, 0x406})
codes = st.sampled_from(CODES) | st.integers(0, (1 << 32) - 1)
attacks = st.one_of(
    st.builds(Attack, writes=fields),
    st.builds(Attack, writes=replies),
    st.builds(Attack, writes=bitmaps.map(lambda bitmap: {VALID_BITMAP_OFFSET: bitmap})),
    st.builds(Attack, msr=messages),
    st.builds(Attack, replay=st.integers(0, 50)),
    st.builds(Attack, inject=codes),
    st.builds(Attack, inject=st.just(0), vector=st.sampled_from([6, 13, 14])),
    st.just(Attack(silent=True)),
    st.builds(Attack, silent=st.just(True), writes=replies),
    st.just(Attack(stall=True)),
)
private_pages = st.sampled_from([layout.IMAGE.gpa, layout.DATA.gpa, layout.STACK.end - PAGE, layout.TABLES.gpa])
memory_attacks = st.builds(Attack, take=private_pages) | st.builds(
    Attack, remap=st.tuples(private_pages | st.just(layout.GHCB.gpa), private_pages)
)
"""Only the RMP stops these: the hypervisor of an SEV-ES guest can corrupt memory."""
