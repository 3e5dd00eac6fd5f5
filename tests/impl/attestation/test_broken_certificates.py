"""Certificates with a few wrong bytes: both texts refuse them, or one line says what cannot be read."""

from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from impl.attestation.certificates import read_bundle
from impl.attestation.report import Malformed
from sevspec.attesting.twins import judge
from tests.impl.attestation.cases import listing
from tests.impl.attestation.made import NOW, forged, reference

PLACES = st.integers(0, 899)
"""Names, dates, keys and extensions; the signature is behind."""
WRONG = st.tuples(PLACES, st.integers(0, 255))


def contents() -> list[bytes]:
    made = listing()
    return [each.public_bytes(Encoding.DER) for each in (*made.certificates, *made.lists)]


@given(chosen=st.integers(0, 2), wrong=st.lists(WRONG, min_size=1, max_size=3))
def test_broken_certificate_is_refused(chosen: int, wrong: list[tuple[int, int]]) -> None:
    before = contents()
    broken = bytearray(before[chosen])
    for place, value in wrong:
        broken[place % len(broken)] = value
    after = [*before[:chosen], bytes(broken), *before[chosen + 1 :]]
    try:
        found = read_bundle((str(number), each) for number, each in enumerate(after))
    except Malformed as malformed:
        assert str(malformed).startswith(f"{chosen}: neither certificates nor revocation lists")
        return
    decided = judge(forged(), found, reference(list_required=True), NOW).judgement.decided
    assert (decided == "accepted") == (after == before)


@given(wrong=st.lists(WRONG, min_size=1, max_size=3))
def test_broken_revocation_list_does_not_count(wrong: list[tuple[int, int]]) -> None:
    *certificates, whole = contents()
    broken = bytearray(whole)
    for place, value in wrong:
        broken[place % len(broken)] = value
    try:
        found = read_bundle((str(n), each) for n, each in enumerate([*certificates, bytes(broken)]))
    except Malformed as malformed:
        assert str(malformed).startswith("3: neither certificates nor revocation lists")
        return
    decided = judge(forged(), found, reference(list_required=True), NOW).judgement.decided
    assert decided == ("accepted" if bytes(broken) == whole else "revocation-list")
