"""Raw entries of Zen 3 and Zen 4: constants that firmware writes, entries seen on hardware, and the way back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spec.record import replace
from spec.rmp.entry import UNASSIGNED, RmpEntry
from spec.rmp.page_state import page_state
from spec.rmp.raw import FIRST, SECOND, decoded, encoded
from spec.vmpl.permissions import VmplMasks
from spec.vocabulary import PageState

MASK_BITS = st.integers(0, 255)
ENTRIES = st.builds(
    RmpEntry,
    assigned=st.booleans(),
    page_size=st.integers(0, 1),
    immutable=st.booleans(),
    subpage_count=st.integers(0, 511),
    gfn=st.integers(0, (1 << 39) - 1),
    asid=st.integers(0, 1023),
    vmsa=st.booleans(),
    validated=st.booleans(),
    lock=st.booleans(),
    masks=st.builds(VmplMasks, MASK_BITS, MASK_BITS, MASK_BITS, MASK_BITS),
)


@pytest.mark.parametrize(
    ("first", "state"),
    [(0, PageState.HYPERVISOR), (4, PageState.HV_FIXED), (0x8000_0000_0000_0005, PageState.FIRMWARE)],
)
def test_constants_that_firmware_writes_decode_to_their_states(first, state):
    assert page_state(decoded(first, 0)) == state
    assert encoded(decoded(first, 0)) == (first, 0)


def test_page_donated_on_milan_decodes():
    entry = decoded(0x8000_0000_0000_0FFD, 0xF)
    assert entry == replace(
        UNASSIGNED, assigned=True, immutable=True, lock=True, subpage_count=511, masks=VmplMasks(0xF, 0, 0, 0)
    )


def test_running_vmsa_page_shows_lock_without_immutable():
    entry = decoded(0xFFF0_0000_0014_4001, 0)
    assert (entry.lock, entry.immutable, entry.vmsa, entry.validated, entry.gfn) == (True, False, True, True, 0x144)
    assert entry.asid == 0x3FE


@given(ENTRIES)
def test_decoding_undoes_encoding(entry):
    assert decoded(*encoded(entry)) == entry


@given(st.integers(0, (1 << 64) - 1), st.integers(0, (1 << 32) - 1))
def test_encoding_undoes_decoding(first, second):
    assert encoded(decoded(first, second)) == (first, second)


@pytest.mark.parametrize(("fields", "width"), [(FIRST, 64), (SECOND, 32)])
def test_fields_fill_their_quadword_without_gap_or_overlap(fields, width):
    low = 0
    for field in fields:
        assert field.low == low
        low += field.width
    assert low == width
