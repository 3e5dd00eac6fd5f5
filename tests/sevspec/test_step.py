"""`sevspec step`: one transition by hand."""

import json

import pytest

from sevspec.cli import main

SMASHABLE = '0x200={"assigned": true, "page_size": "2M", "asid": 5}'


def test_step_names_result_check_place_and_change(capsys):
    assert main(["step", "rmpupdate", "--op", "spa=0x2000", "--op", "assigned=1", "--op", "asid=5"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("SUCCESS (0) at check ")
    assert ", page-updated\n" in out
    assert "spec/rmp/rmpupdate.py:" in out
    assert "rmp[2]: assigned 4K asid=5" in out


def test_step_of_a_refusal_changes_nothing(capsys):
    assert main(["step", "psmash", "--rmp", SMASHABLE, "--op", "spa=0x201000"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("FAIL_INPUT (1) at check ")
    assert "nothing changes" in out


def test_step_as_json(capsys):
    assert main(["step", "psmash", "--rmp", SMASHABLE, "--op", "spa=0x200000", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["result"]["name"], data["check"]) == ("SUCCESS", "split")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name a transition"),
        (["psmsh"], "did you mean psmash"),
        (["psmash", "--op", "spb=1"], "no field 'spb'; there is spa"),
        (["psmash", "--op", "spa=zz"], "'zz' is not a number of 64 bits"),
        (["psmash", "--op", "spa"], "write field=value"),
        (["psmash", "--op", "spa=0x10000000000000000"], "is not a number of 64 bits"),
        (["psmash", "--op", "contended=2"], "neither 1 nor 0"),
        (["psmash", "--rmp", "0x2=1"], "write an object"),
        (["psmash", "--set", "rmp=1"], "entry by entry"),
        (["psmash", "--set", "rmp[0x2].asid=0x400"], "'0x400' is not a number of 10 bits"),
        (["psmash", "--set", "rmp[x].asid=1"], "'x' is not a number"),
        (["psmash", "--set", "rmp..asid=1"], "is not a field"),
        (["psmash", "--platform", "rome"], "no platform 'rome'"),
        (["--vector", "/nonexistent"], "cannot read"),
        (["psmash", "--vector", "/nonexistent"], "stands alone"),
    ],
)
def test_wrong_request_is_one_line_and_exit_code_2(arguments, said, capsys):
    assert main(["step", *arguments]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
