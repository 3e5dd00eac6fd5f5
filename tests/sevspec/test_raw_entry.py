"""`sevspec explain --rmp-entry`: fields, state, owner, and what would be answered."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sevspec.cli import main
from sevspec.entry_topic import explained_entry
from sevspec.raw_entry import decoded, mask_text, parsed
from spec.features import PLATFORMS
from spec.rmp.entry import UNASSIGNED

quadwords = st.integers(0, (1 << 64) - 1)


def told(capsys: Any, *words: str) -> dict[str, Any]:
    """The one topic of a command line."""
    assert main(["explain", "--rmp-entry", *words, "--json"]) == 0
    (topic,) = json.loads(capsys.readouterr().out)["topics"]
    fields: dict[str, Any] = topic
    return fields


def test_launch_vmsa_is_guest_valid_of_asid_2(capsys: Any) -> None:
    topic = told(capsys, "0x6010fffffffff001:0x1f")
    assert topic["title"] == "GUEST_VALID, owned by the guest with ASID 2"
    fields = {row["field"]: row["value"] for row in topic["tables"][0]["rows"]}
    assert fields["Guest frame number"] == "0xfffffffff"
    assert fields["VMPL0"] == "rwusS (0x1f)"


def test_page_in_use_shows_no_owner(capsys: Any) -> None:
    topic = told(capsys, "0xfff0000000144001:0xf", "--platform", "milan")
    fields = {row["field"]: row["value"] for row in topic["tables"][0]["rows"]}
    assert fields["ASID"] == "not shown while the page is in use"
    answers = {row["step"]: row for row in topic["tables"][1]["rows"] if row["agent"] == "hypervisor"}
    assert answers["RMPUPDATE, take the page back"]["answer"] == "FAIL_INUSE (3)"
    assert "0x3fe" not in json.dumps(topic["tables"][0]).lower()


def test_firmware_page_is_refused_to_rmpupdate(capsys: Any) -> None:
    topic = told(capsys, "8000000000000005:0", "--pfn", "0x56601")
    assert topic["facts"]["state"] == "FIRMWARE"
    assert topic["facts"]["page"] == "0x56601"


def test_turin_has_another_layout(capsys: Any) -> None:
    assert "RMPREAD" in told(capsys, "5:0", "--platform", "turin")["facts"]["note"]


@given(low=quadwords, high=quadwords)
def test_every_pair_of_quadwords_is_explained(low: int, high: int) -> None:
    found = decoded(low, high)
    for platform in PLATFORMS.values():
        assert explained_entry(found, platform).tables


@given(low=quadwords, page=st.integers(0, (1 << 40) - 1))
def test_every_page_is_explained(low: int, page: int) -> None:
    assert explained_entry(decoded(low, 0), PLATFORMS["genoa"], page).tables


def test_zero_is_the_hypervisors() -> None:
    assert parsed("0:0").entry == UNASSIGNED


@pytest.mark.parametrize("text", ["", "zz:0", "0x0", "1:2:3", "0x10000000000000000:0", "-1:0"])
def test_malformed_entry_is_one_line(text: str, capsys: Any) -> None:
    assert main(["explain", f"--rmp-entry={text or ' '}"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: --rmp-entry: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("pfn", ["zz", "-1", "10000000000"])
def test_malformed_page_is_one_line(pfn: str, capsys: Any) -> None:
    assert main(["explain", "--rmp-entry", "0:0", f"--pfn={pfn}"]) == 2
    assert capsys.readouterr().err.startswith("error: --pfn: ")


def test_mask_is_shown_as_letters() -> None:
    assert mask_text(0x03) == "rw--- (0x03)"
    assert mask_text(0x80) == "----- (0x80), reserved bits set"
