"""`sevspec attack`: text, JSON, picture, and mistakes."""

import json
import xml.etree.ElementTree as Xml
from pathlib import Path
from typing import Any

import pytest

from sevspec.attacks import ladder
from sevspec.attacks.judge import Answer, End, Judge
from sevspec.cli import main


def document(capsys: Any, *words: str) -> tuple[int, dict[str, Any]]:
    code = main(["attack", "--json", *words])
    return code, json.loads(capsys.readouterr().out)


def test_one_attack_is_told_step_by_step(capsys: Any) -> None:
    assert main(["attack", "remap", "--without", "R5", "--column", "SNP"]) == 0
    out = capsys.readouterr().out
    assert "npt(service -> SECRET)" in out
    assert "SNP  LEAK  specification and machine agree" in out


def test_json_has_a_cell_for_each_column_and_every_entry(capsys: Any) -> None:
    code, found = document(capsys, "A03")
    assert (code, found["schema"], found["agree"]) == (0, "sevspec.attack/1", True)
    assert [(c["column"], c["expected"], c["model"], c["machine"]) for c in found["cells"]] == [
        ("SEV", "LEAK", "LEAK", "LEAK"),
        ("ES", "LEAK", "LEAK", "LEAK"),
        ("SNP", "FAULT(#NPF)", "FAULT(#NPF)", "FAULT(#NPF)"),
        ("RI", "FAULT(#NPF)", "FAULT(#NPF)", "FAULT(#NPF)"),
        ("PV", "FAULT(#NPF)", "FAULT(#NPF)", "FAULT(#NPF)"),
    ]
    assert {"RMP-I20", "RMP-I22"} <= set(found["cells"][2]["backed_by"].split(", "))
    assert len(found["entries"]) == 68
    assert all((entry["in_model"] and entry["runs"]) or entry["reason"] for entry in found["entries"])


def test_an_attack_that_does_not_run_says_why(capsys: Any) -> None:
    assert main(["attack", "decode-race"]) == 0
    assert "waits for" in capsys.readouterr().out


def test_picture_is_one_file_with_every_step(tmp_path: Path, capsys: Any) -> None:
    target = tmp_path / "remap.svg"
    assert main(["attack", "remap", "--without", "R5", "--svg", str(target)]) == 0
    capsys.readouterr()
    root = Xml.parse(target).getroot()
    texts = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"guest", "hypervisor", "memory", "ct_read(NET)", "LEAK"} <= set(texts)


@pytest.mark.parametrize(
    "words",
    [
        ["attack", "nothing"],
        ["attack", "remap", "--without", "R99"],
        ["attack", "remap", "--with", "Q1"],
        ["attack", "remap", "--relax", "X-nothing"],
        ["attack", "remap", "--column", "TDX"],
        ["attack", "--svg", "ladder.svg"],
        ["attack", "remap", "--svg", "no/such/folder/remap.svg"],
    ],
    ids=" ".join,
)
def test_mistake_is_one_line_and_exit_code_2(words: list[str], capsys: Any) -> None:
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1


def test_disagreement_is_exit_code_1(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """A machine that keeps no rule, against the specification that keeps all."""

    def without_r5(attack: Any, setting: Any, make: Any) -> Any:
        broken = type(setting)(setting.column, setting.without | {"R5"}, setting.added, setting.relax)
        return played(attack, broken if make is ladder.OnMachine else setting, make)

    played = ladder.play
    monkeypatch.setattr(ladder, "play", without_r5)
    code, found = document(capsys, "remap")
    assert code == 1
    differing = [cell["column"] for cell in found["cells"] if not cell["agrees"]]
    assert differing == ["SNP", "RI", "PV"]


# --- the judge, by itself ---


def judge(*, secrets: tuple[int, ...] = (), public: tuple[int, ...] = ()) -> Judge:
    found = Judge()
    for word in secrets:
        found.introduced(word, by_adversary=False)
    for word in public:
        found.introduced(word, by_adversary=True)
    return found


def test_secret_that_is_seen_is_a_leak_and_another_value_is_none() -> None:
    one = judge(secrets=(7,))
    one.seen(8)
    assert one.outcome() == "unharmed"
    one.seen(7)
    assert one.outcome() == "LEAK"


def test_value_that_the_guest_hands_out_is_no_leak() -> None:
    one = judge(secrets=(7,))
    one.published(7)
    one.seen(7)
    assert one.outcome() == "unharmed"


def test_old_value_is_replayed_and_an_unknown_one_garbled() -> None:
    one = judge(secrets=(7, 8))
    one.wrote(1, 7)
    one.wrote(1, 8)
    one.loaded(1, 8)
    assert one.outcome() == "unharmed"
    one.loaded(1, 7)
    assert one.outcome() == "CORRUPT(replayed)"
    other = judge(secrets=(7,))
    other.wrote(1, 7)
    other.loaded(1, 9)
    assert other.outcome() == "CORRUPT(garbled)"


def test_known_difference_makes_a_moved_block_controlled() -> None:
    one = judge(secrets=(7, 8))
    one.differences = frozenset({4})
    one.wrote(1, 8)
    one.loaded(1, 7 ^ 4)
    assert one.outcome() == "CORRUPT(controlled)"


def test_code_of_the_adversary_is_a_hijack_even_if_the_guest_copied_it() -> None:
    one = judge(public=(7,))
    one.wrote(1, 7)
    one.executed(1, 7)
    assert one.outcome() == "HIJACK"


def test_first_stop_is_the_outcome_unless_software_noticed() -> None:
    one = judge()
    one.stopped(Answer(End.FAULT, "", event="#PF"))
    one.stopped(Answer(End.REJECT, ""))
    assert one.outcome() == "FAULT(#PF)"
    one.stopped(Answer(End.DETECT, ""))
    assert one.outcome() == "DETECT"
