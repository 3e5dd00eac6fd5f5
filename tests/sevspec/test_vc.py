"""`sevspec vc`."""

import io
import json
import re
import time
from typing import Any

import pytest

from sevspec.cli import main
from sevspec.source import ROOT
from sevspec.vc_lines import answer

RAX = {"rax": "0x1000"}


def given(**fields: Any) -> dict[str, Any]:
    """The answer to one line."""
    return answer(json.dumps(fields), "line 1")


def run(monkeypatch: pytest.MonkeyPatch, text: str, *words: str) -> int:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    return main(["vc", *words])


def test_vc_answers_each_line_with_one_object(monkeypatch, capsys):
    lines = [{"code": "8b00", "regs": RAX, "reply": "0x1122334455667788", "rip": "0x2000"}, {"code": "0fa2"}]
    assert run(monkeypatch, "\n".join(map(json.dumps, lines)) + "\n\n", "--json", "-") == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    names = "rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15".split()
    assert first == {
        "result": "ok",
        "rip": "0x2002",
        "regs": dict.fromkeys(names, "0x0") | {"rax": "0x55667788"},
        "rflags": "0x2",
        "accesses": [{"kind": "mmio-read", "address": "0x1000", "size": 4, "value": "0x55667788"}],
    }
    assert (second["result"], second["accesses"]) == ("ok", [])


@pytest.mark.parametrize(
    ("code", "kinds"),
    [
        ("8b00", ["mmio-read"]), ("8900", ["mmio-write"]), ("0100", ["mmio-read", "mmio-write"]),
        ("a4", ["mem-read", "mem-write"]), ("aa", ["mmio-write"]), ("ac", ["mmio-read"]), ("ae", ["mmio-read"]),
        ("a6", ["mmio-read", "mmio-read"]), ("6c", ["port-in", "mem-write"]), ("6e", ["mem-read", "port-out"]),
        ("ec", ["port-in"]), ("ee", ["port-out"]), ("0f30", []), ("0f09", []), ("0f23f8", []),
    ],
)  # fmt: skip
def test_vc_every_side_that_is_not_ordinary_is_a_device(code, kinds):
    found = given(code=code, regs=RAX | {"rsi": "0x2000", "rdi": "0x3000"}, reply="0x11", memory="0x22")
    assert found["result"] == "ok"
    assert [access["kind"] for access in found["accesses"]] == kinds
    values = {"mmio-read": "0x11", "port-in": "0x11", "mem-read": "0x22"}
    assert all(access["value"] == values.get(access["kind"], access["value"]) for access in found["accesses"])


def test_vc_every_port_is_allowed_in_virtual_8086_mode_too():
    assert given(mode=16, code="ec", rflags="0x20002", reply="0x11")["result"] == "ok"


@pytest.mark.parametrize(
    ("code", "changed"),
    [
        ("0f32", {"rax": "0x55667788", "rdx": "0x11223344"}),
        ("0f31", {"rax": "0x55667788", "rdx": "0x11223344"}),
        ("0f33", {"rax": "0x55667788", "rdx": "0x11223344"}),
        ("0f01f9", {"rax": "0x55667788", "rdx": "0x11223344", "rcx": "0x55667788"}),
        ("0fa2", dict.fromkeys(("rax", "rbx", "rcx", "rdx"), "0x55667788")),
        ("0f01d9", {"rax": "0x1122334455667788"}),
    ],
)
def test_vc_registers_that_the_hypervisor_answers_are_the_reply(code, changed):
    found = given(code=code, reply="0x1122334455667788")
    assert found["accesses"] == []
    assert {name: value for name, value in found["regs"].items() if value != "0x0"} == changed


@pytest.mark.parametrize(
    ("fields", "result", "words"),
    [
        ({"code": "c60840"}, "#UD", "ModRM"),
        ({"code": "66" * 15 + "0f31"}, "#GP", "15 bytes"),
        ({"code": "8b"}, "TRUNCATED", "end before"),
        ({"code": "31c0", "exitcode": "0x6e"}, "MISMATCH", "exit code"),
        ({"code": "31c0"}, "NOT_INTERCEPTED", "no #VC"),
        ({"code": "8700"}, "ATOMIC", "two accesses"),
        ({"code": "f3aa", "regs": {"rcx": "0x1000"}}, "unfinished", None),
    ],
)
def test_vc_says_by_name_what_is_not_done(fields, result, words):
    found = given(**fields)
    assert (found["result"], found["rip"]) == (result, "0x0")
    assert words is None or words in found["says"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("8b00", "line 1: "), ("[1]", "line 1: not an object"), ("{", "line 1: not JSON"),
        ('{"code": "8b00", "mod": 64}', "line 1: no field mod"), ('{"rip": "0x1"}', "line 1: KeyError: 'code'"),
        ('{"code": "8b0"}', "line 1: ValueError"), ('{"code": "8b00", "mode": 8}', "mode 8 is none of 16, 32, 64"),
        ('{"code": "8b00", "regs": {"eax": "0x1"}}', "KeyError: 'eax'"), ('{"code": "8b00", "rip": 4}', "TypeError"),
        ('{"code": "8b00", "reply": "0x10000000000000000"}', "more than 64 bits"), ('{"code": 3}', "TypeError"),
        ('{"code": "8b00", "regs": [1]}', "AttributeError"),
    ],
)  # fmt: skip
def test_vc_refuses_a_wrong_line_with_its_number(line, words, monkeypatch, capsys):
    assert run(monkeypatch, line + "\n", "--json", "-") == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert words in error


def test_vc_reads_nothing_but_standard_input(monkeypatch, capsys):
    assert run(monkeypatch, "", "--json", "file") == 2
    assert "only input" in capsys.readouterr().err


def test_vc_session_of_the_readme_is_real():
    session = re.search(
        r"^\$ echo '(.*)' \| sevspec vc --json -\n(.*)$", (ROOT / "README.md").read_text(), re.MULTILINE
    )
    assert session
    before, after = session[2].split("…")
    found = json.dumps(answer(session[1], "line 1"), separators=(",", ":"))
    assert found.startswith(before.rstrip(","))
    assert found.endswith(after)


@pytest.mark.slow
def test_vc_handles_ten_thousand_lines_a_second():
    lines = [
        json.dumps(
            {"mode": 64, "code": code, "rip": "0x1000", "regs": {f"r{n}": hex(n << 40) for n in range(8, 16)} | RAX}
        )
        for code in ("8b00", "48c70001000080", "480fbe4008", "ec", "0fa2", "0108", "aa")
    ]
    best = 0.0
    for _ in range(5):
        begun = time.process_time()
        for line in lines * 300:
            json.dumps(answer(line, ""))
        best = max(best, 300 * len(lines) / (time.process_time() - begun))
    assert best > 10_000
