"""`sevspec step`: one transition by hand."""

import json

import pytest

from sevspec.cli import main
from sevspec.operand_options import mask_of, options_of
from spec.firmware.page_move import page_move
from spec.rmp.rmpadjust import rmpadjust
from spec.rmp.rmpupdate import rmpupdate

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


def test_step_takes_operands_as_options_of_their_own_names(capsys):
    request = ["rmpadjust", "--vmpl", "1", "--target-vmpl=1", "--perms", "rw", "--gpa", "0x2000"]
    assert main(["step", *request]) == 0
    out = capsys.readouterr().out
    assert out.startswith("FAIL_PERMISSION (2) at check ")
    assert ", target-vmpl\n" in out
    assert "step    cpu.asid=1 cpu.vmpl=1 cpu.snp_active translation.gfn=2 target_vmpl=1 mask=3" in out


def test_step_of_a_host_instruction_is_the_hosts(capsys):
    assert main(["step", "psmash", "--rmp", SMASHABLE, "--spa", "0x200000", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["check"], data["step"]["cpu"]["asid"]) == ("split", "0x0")


@pytest.mark.parametrize(
    ("call", "option", "path"),
    [
        (rmpadjust, "--gpa", "translation.gfn"),
        (rmpadjust, "--translation-gpa", "translation.gfn"),
        (rmpadjust, "--cpu-vmpl", "cpu.vmpl"),
        (rmpupdate, "--gpa", "gpa"),
        (page_move, "--source-spa", "source.spa"),
    ],
)
def test_operand_options_by_short_full_and_second_names(call, option, path):
    assert options_of(call)[option][0] == path


def test_operand_option_of_two_operands_is_spelled_out():
    assert "--spa" not in options_of(page_move)


@pytest.mark.parametrize(("letters", "mask"), [("none", 0), ("rwus", 15), ("r---", 1), ("rwusS", 31), ("0x3", 3)])
def test_permissions_are_read_as_they_are_printed(letters, mask):
    assert int(mask_of(letters, "--perms"), 0) == mask


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
        (["rmpadjust", "--perms", "rq"], "'q' is not a permission"),
        (["rmpadjust", "--gpa", "0x2001"], "not the address of a page"),
        (["rmpadjust", "--gpa", "x"], "'x' is not a number"),
        (["rmpadjust", "--gpa"], "a value is missing"),
        (["rmpadjust", "--target", "1"], "no operand of rmpadjust; there is --target-vmpl"),
        (["rmpadjust", "vmpl"], "'vmpl' belongs to no option"),
        (["--vmpl", "1"], "name a transition"),
        (["--vector", "/nonexistent"], "cannot read"),
        (["psmash", "--vector", "/nonexistent"], "stands alone"),
    ],
)
def test_wrong_request_is_one_line_and_exit_code_2(arguments, said, capsys):
    assert main(["step", *arguments]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
