"""Two independent decoders on random and mutated bytes: no disagreement but those that a manual's section decides."""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from platform import machine

import pytest
from hypothesis import settings

from tests.impl.decode import capstone_oracle
from tests.impl.decode.difference import Decision, Difference, decisions, ours
from tests.impl.decode.strings import every_row, strings

COUNT = 250 * settings().max_examples
"""25,000 strings for each oracle; 1,250,000 with the deep profile."""
Oracle = Callable[[bytes, int], Difference | None]
ORACLES: dict[str, Oracle] = {"capstone": capstone_oracle.difference}
if find_spec("iced_x86"):
    ORACLES["iced"] = import_module("tests.impl.decode.iced").difference
SEED = 20_24594


def unlisted(name: str, seed: int, count: int) -> list[str]:
    """The disagreements that no decision covers."""
    difference, settled = ORACLES[name], decisions(name)
    found = []
    for code, bits in strings(seed, count):
        differing = difference(code, bits)
        if differing and not any(decision.covers(differing, code, bits) for decision in settled):
            found.append(f"{bits} {code.hex()}: {differing}")
    return found


@pytest.mark.parametrize("name", ORACLES)
@pytest.mark.parametrize("part", range(4))
def test_no_disagreement_is_unlisted(name: str, part: int) -> None:
    assert not unlisted(name, SEED + part, COUNT // 4)


@pytest.mark.skipif(machine() != "x86_64", reason="iced-x86 has no wheel for this processor: Capstone is alone")
def test_both_oracles_are_there() -> None:
    assert set(ORACLES) == {"capstone", "iced"}


@pytest.mark.parametrize(
    "decision", [d for oracle in ORACLES for d in decisions(oracle)], ids=lambda decision: decision.name
)
def test_listed_disagreements_still_occur(decision: Decision) -> None:
    for mnemonic, (code, bits) in decision.examples.items():
        differing = ORACLES[decision.oracle](code, bits)
        assert differing, f"{bits} {code.hex()}: {decision.oracle} agrees now; take {mnemonic} out of {decision.name}"
        assert differing.name == mnemonic
        assert decision.covers(differing, code, bits)
        assert decision.manual


def test_no_disagreement_of_one_sort_has_two_decisions() -> None:
    for oracle, difference in ORACLES.items():
        settled = decisions(oracle)
        for decision in settled:
            for code, bits in decision.examples.values():
                differing = difference(code, bits)
                assert differing
                covering = [other.name for other in settled if other.covers(differing, code, bits)]
                assert covering[0] == decision.name, (code.hex(), covering)


def test_every_row_of_the_maps_is_reached() -> None:
    """By the strings of the oracles, in some mode; the rest is what only single bytes of noise reach."""
    reached = set()
    for code, bits in strings(SEED, 30_000):
        found = ours(code, bits)
        if not isinstance(found, Exception):
            reached.add(found.form.row)
    rows = {row for _, row in every_row()}
    assert len(reached) > 0.8 * len(rows)
    assert reached <= rows
