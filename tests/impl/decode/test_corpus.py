"""Real kernel, firmware and module code: every line's labels, and no byte too few or too many."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from impl.decode.decoder import decode
from impl.decode.undecodable import Reason, Undecodable
from sevspec.decoded import document

if "SEVSPEC_DATA" not in os.environ:
    pytest.skip("SEVSPEC_DATA is not set: the corpus of real instructions is not decoded", allow_module_level=True)

PATH = Path(os.environ["SEVSPEC_DATA"]) / "decoder" / "corpus.jsonl"
CORPUS = [json.loads(line) for line in PATH.read_text(encoding="utf-8").splitlines()]
BYTES = {
    "unknown": 0, "xsave64": 0, "fxsave64_512byte": 512, "fpu_env28": 28, "fpu_state108": 108, "bcd": 10, "fword6": 6,
    "fword10": 10, "seg_ptr16": 4, "seg_ptr32": 6, "dword_offset": 4, "qword_offset": 8,
}  # fmt: skip
"""Of the labels of a size; the others tell their bits."""
SAME = ("mode", "hex", "len", "mnemonic", "ops", "prefix", "vc", "exitcode")
SAME_IN_MEM = ("base", "index", "scale", "disp", "disp_size", "seg", "rip_relative")


def differences(line: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """The labels that are not found."""
    wrong = [name for name in SAME if line.get(name) != found.get(name)]
    expected, memory = line.get("mem", {}), found.get("mem", {})
    wrong += [f"mem.{name}" for name in SAME_IN_MEM if expected.get(name) != memory.get(name)]
    if expected:
        size = bytes_of(expected["size"])
        wrong += ["mem.bytes"] if memory.get("bytes") != size else []
    if "vc" in line and memory:
        wrong += ["mem.size"] if memory.get("size") != expected["size"] else []
    return wrong + ([] if same_target(line, found) else ["rel"])


def bytes_of(label: str) -> int:
    """Bytes of a label such as `uint32` or `packed128_float32`."""
    bits = re.match(r"(?:packed|u?int|float)(\d+)", label)
    return int(bits[1]) // 8 if bits else BYTES[label]


def same_target(line: dict[str, Any], found: dict[str, Any]) -> bool:
    """Branches go the same way. The label was made at a low address, so it is modulo the width of the target."""
    if ("rel" in line) != ("rel" in found):
        return False
    widths = {"near_branch16": 16, "near_branch32": 32, "near_branch64": 64}
    width = widths[line["ops"][0]["kind"]] if "rel" in line else 1
    return (int(line.get("rel", "0"), 16) - int(found.get("rel", "0"), 16)) % (1 << width) == 0


def test_every_line_has_its_labels() -> None:
    wrong = []
    for line in CORPUS:
        code = bytes.fromhex(line["hex"])
        if names := differences(line, document(code, line["mode"], decode(code, line["mode"]))):
            wrong.append(f"{line['mode']} {line['hex']} {line['code']}: {names}")
    assert len(CORPUS) == 6001
    assert not wrong, "\n".join(wrong)


def test_every_line_without_its_last_byte_is_truncated() -> None:
    for line in CORPUS:
        code = bytes.fromhex(line["hex"])
        for shorter in range(len(code)):
            with pytest.raises(Undecodable) as refused:
                decode(code[:shorter], line["mode"])
            assert refused.value.reason is Reason.TRUNCATED, (line["hex"], shorter)


def test_bytes_behind_the_instruction_change_nothing() -> None:
    for line in CORPUS:
        code = bytes.fromhex(line["hex"])
        assert decode(code + b"\xcc" * 20, line["mode"]) == decode(code, line["mode"])


def test_a_changed_label_is_noticed() -> None:
    line = next(line for line in CORPUS if "mem" in line and "vc" in line)
    code = bytes.fromhex(line["hex"])
    found = document(code, line["mode"], decode(code, line["mode"]))
    assert differences(line | {"len": line["len"] + 1}, found) == ["len"]
    assert differences(line | {"mem": line["mem"] | {"seg": "gs"}}, found) == ["mem.seg"]
    assert differences(line | {"vc": "HLT"}, found) == ["vc"]
