"""`sevspec decode`."""

import io
import json
import re
from typing import Any

import pytest

from sevspec.cli import main
from sevspec.source import ROOT


def answers(out: str) -> list[dict[str, Any]]:
    """The objects of an output, one a line."""
    return [json.loads(line) for line in out.splitlines()]


def test_decode_says_operands_and_the_vc_in_words(capsys):
    assert main(["decode", "488b4308", "0fa2", "f0480fab0555b91300", "e8aee0dc00", "66ea00000700", "--bits", "64"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split(maxsplit=1)[1].startswith("mov rax, 64-bit ds:[rbx + 0x8]")
    assert lines[0].endswith("#VC MMIO_MOV, if the memory is MMIO")
    assert lines[1].endswith("#VC CPUID (exit code 0x72)")
    assert "lock bts 64-bit ds:[rip + 0x13b955], rax" in lines[2]
    assert "call +0xdce0ae from the next instruction" in lines[3]
    assert "NO_OPCODE" in lines[4]


@pytest.mark.parametrize(
    ("code", "bits", "words"),
    [
        ("f348a5", 64, "rep movsq 64-bit es:[rdi], 64-bit ds:[rsi]"),
        ("66ea00000700", 32, "jmp 0x7:0x0"),
        ("75fe", 64, "jne -0x2 from the next instruction"),
        ("a104000000", 32, "mov eax, 32-bit ds:[0x4]"),
        ("8d0cd500000000", 32, "lea ecx, ds:[edx*8]"),
        ("f20f1000", 64, "movsd xmm0, 64-bit ds:[rax]"),
    ],
)
def test_decode_words_of_operands(code, bits, words, capsys):
    assert main(["decode", code, "--bits", str(bits)]) == 0
    assert capsys.readouterr().out.split(maxsplit=1)[1].split("#VC")[0].strip() == words


def test_decode_session_of_the_readme_is_real(capsys):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    session = re.search(r"^\$ sevspec (decode .*)\n((?:.+\n)+?)```", text, re.MULTILINE)
    assert session
    assert main(session[1].split()) == 1
    assert capsys.readouterr().out == session[2]


def test_decode_as_json_has_the_fields_of_the_corpus(capsys):
    assert main(["decode", "--json", "48c70301000080", "--bits", "64"]) == 0
    assert answers(capsys.readouterr().out) == [
        {
            "mode": 64,
            "hex": "48c70301000080",
            "len": 7,
            "mnemonic": "mov",
            "ops": [{"kind": "memory"}, {"kind": "immediate32to64", "imm": "0xffffffff80000001"}],
            "mem": {
                "base": "rbx",
                "index": "none",
                "scale": 1,
                "disp_size": 0,
                "seg": "ds",
                "bytes": 8,
                "disp": "0x0",
                "size": "uint64",
            },
            "vc": "MMIO_MOV",
        }
    ]


def test_decode_of_no_instruction_names_reason_and_event(capsys):
    assert main(["decode", "--json", "c608", "66" * 15, "0f"]) == 1
    found = [(one["error"], one.get("event")) for one in answers(capsys.readouterr().out)]
    assert found == [("NO_MODRM", "#UD"), ("TOO_LONG", "#GP(0)"), ("TRUNCATED", None)]


def test_decode_reads_lines_of_hex_and_of_objects(capsys, monkeypatch):
    text = '6c\n\n{"mode": 16, "hex": "668904"}\n{"hex": "0f 31"}\n'
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    assert main(["decode", "--bits", "32", "-"]) == 0
    found = answers(capsys.readouterr().out)
    assert [(one["mode"], one["mnemonic"]) for one in found] == [(32, "insb"), (16, "mov"), (32, "rdtsc")]
    assert found[0]["vc"] == "IOIO"
    assert found[1]["mem"]["base"] == "si"


def test_decode_leaves_out_bytes_behind_the_instruction(capsys):
    assert main(["decode", "--json", "0f01f9ffff"]) == 0
    assert answers(capsys.readouterr().out)[0]["hex"] == "0f01f9"


@pytest.mark.parametrize(
    ("words", "text", "said"),
    [
        ([], "", "Missing argument"),
        (["zz"], "", "zz: not bytes in hexadecimal"),
        (["0f3"], "", "0f3: not bytes in hexadecimal"),
        ([""], "", ": no bytes"),
        (["--bits", "8", "90"], "", "'8' is not one of"),
        (["-", "90"], "", "- stands alone"),
        (["-"], "90\nxx\n", "line 2: not bytes in hexadecimal"),
        (["-"], "{no\n", "line 1: not JSON"),
        (["-"], '{"mode": 64}\n', "line 1: no hex"),
        (["-"], '{"mode": 8, "hex": "90"}\n', "line 1: mode 8 is none of 16, 32, 64"),
    ],
)
def test_decode_mistakes_are_one_line(words, text, said, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    assert main(["decode", *words]) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert said in err
    assert err.count("\n") == 1
