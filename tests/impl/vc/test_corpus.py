"""Real kernel, firmware and module code: every line of the #VC set is as its labels say, or refused by design."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from sevspec.vc_lines import answer

if "SEVSPEC_DATA" not in os.environ:
    pytest.skip("SEVSPEC_DATA is not set: the corpus of real instructions is not handled", allow_module_level=True)

PATH = Path(os.environ["SEVSPEC_DATA"]) / "decoder" / "corpus.jsonl"
LINES = [line for line in map(json.loads, PATH.read_text(encoding="utf-8").splitlines()) if "vc" in line]
RIP, REPLY, MEMORY, FS, GS = 0x20_0000, 0x8182_8384_8586_8788, 0x7172_7374_7576_7778, 0x10_0000, 0x40_0000
NAMES = "rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15".split()
REGS = {name: 0x1011 + 0x0102 * number for number, name in enumerate(NAMES)}
LEGACY = "ax cx dx bx sp bp si di".split()
MASKS = {"d": 0xFFFF_FFFF, "w": 0xFFFF, "l": 0xFF}
SEGMENTS = frozenset("es cs ss ds fs gs".split())
REFUSED = {
    "HLT": "AUTOMATIC_EXIT", "VMGEXIT": "AUTOMATIC_EXIT", "MOV_CR": "UNSUPPORTED_EXIT", "XSETBV": "UNSUPPORTED_EXIT",
    "INVD": "INVD",
}  # fmt: skip
PORT_SIZES = {"al": 1, "ax": 2, "eax": 4}


def handled(line: dict[str, Any], **changed: int) -> dict[str, Any]:
    """The handler's answer; registers are low, so that every address exists in every mode."""
    regs = {name: hex(value) for name, value in (REGS | changed).items()}
    fields = {"rip": RIP, "fs_base": FS, "gs_base": GS, "reply": REPLY, "memory": MEMORY}
    given = {"mode": line["mode"], "code": line["hex"], "regs": regs} | {name: hex(n) for name, n in fields.items()}
    return answer(json.dumps(given), line["hex"])


def registers(line: dict[str, Any]) -> list[str]:
    """The names of the register operands."""
    return [operand["reg"] for operand in line["ops"] if operand["kind"] == "register"]


def expected_result(line: dict[str, Any]) -> str:
    """By design."""
    if line["vc"] == "MOV_DR":
        return "ok" if "dr7" in registers(line) else "UNSUPPORTED_EXIT"
    if line["vc"] == "MMIO_MOV" and SEGMENTS & set(registers(line)):
        return "SEGMENT_REGISTER"
    if line["mode"] == 64 and line["vc"] == "MMIO_MOV" and address_of(line) + (1 << 47) & (1 << 64) - (1 << 48):
        return "#GP"  # the sweep that made the corpus took strings for moffs, whose addresses are not canonical
    return REFUSED.get(line["vc"], "ok")


def value_of(name: str) -> int:
    """A register's value, by its name."""
    if name in ("ah", "ch", "dh", "bh"):
        return REGS[f"r{name[0]}x"] >> 8 & 0xFF
    if name in REGS:
        return REGS[name]
    if name[1].isdigit():
        return REGS[name[:-1]] & MASKS[name[-1]]
    legacy = name.removeprefix("e") if name[0] == "e" else name
    full = "r" + (legacy if legacy in LEGACY else legacy[:-1] if legacy[:-1] in LEGACY else legacy[0] + "x")
    return REGS[full] & MASKS["d" if name[0] == "e" else "w" if legacy in LEGACY else "l"]


def address_of(line: dict[str, Any]) -> int:
    """Linear address of the memory operand by the labels."""
    memory = line["mem"]
    named = [memory[part] for part in ("base", "index") if memory[part] != "none"]
    address = int(memory["disp"], 16)
    if memory.get("rip_relative"):
        address += RIP + line["len"]
    else:
        address += sum(value_of(memory[part]) * (1, memory["scale"])[part == "index"]
                       for part in ("base", "index") if memory[part] != "none")  # fmt: skip
    first = named[0] if named else "rax"
    width = 8 if first[0] == "r" and first[-1] not in "dwl" else 4 if first[0] == "e" or first[-1] == "d" else 2
    return (address & ((1 << 8 * width) - 1)) + {"fs": FS, "gs": GS}.get(memory["seg"], 0)


def test_every_line_is_ok_or_refused_by_design() -> None:
    wrong = []
    for line in LINES:
        found = handled(line, **{"rcx": 3} if "prefix" in line else {})
        if found["result"] != expected_result(line):
            wrong.append(f"{line['mode']} {line['hex']} {line['code']}: {found['result']}")
        moved = RIP + (line["len"] if found["result"] == "ok" else 0)
        assert int(found["rip"], 16) == moved, line["hex"]
    assert len(LINES) > 2_000
    assert not wrong, "\n".join(wrong)


def test_every_move_makes_one_access_at_the_labelled_address() -> None:
    wrong = []
    for line in LINES:
        if line["vc"] != "MMIO_MOV" or expected_result(line) != "ok":
            continue
        size = int(line["mem"]["size"].removeprefix("u").removeprefix("int")) // 8
        writes = line["ops"][0]["kind"] == "memory"
        source = line["ops"][1]
        value = REPLY if not writes else value_of(source["reg"]) if "reg" in source else int(source["imm"], 16)
        kind, mask = ("mmio-write" if writes else "mmio-read"), (1 << 8 * size) - 1
        access = {"kind": kind, "address": hex(address_of(line)), "size": size, "value": hex(value & mask)}
        if (found := handled(line)["accesses"]) != [access]:
            wrong.append(f"{line['mode']} {line['hex']} {line['code']}: {found} and not {access}")
    assert not wrong, "\n".join(wrong)


def test_every_port_instruction_has_the_port_and_width_of_its_registers() -> None:
    for line in LINES:
        if line["mnemonic"] not in ("in", "out"):
            continue
        port, accumulator = line["ops"][:: -1 if line["mnemonic"] == "in" else 1]
        size = PORT_SIZES[accumulator["reg"]]
        number = REGS["rdx"] & 0xFFFF if "reg" in port else int(port["imm"], 16) & 0xFF
        value = (REPLY if line["mnemonic"] == "in" else REGS["rax"]) & ((1 << 8 * size) - 1)
        access = {"kind": f"port-{line['mnemonic']}", "address": hex(number), "size": size, "value": hex(value)}
        assert handled(line)["accesses"] == [access], line["hex"]


def test_every_string_line_makes_its_accesses_in_order() -> None:
    kinds = {"ins": ("port-in", "mem-write"), "out": ("mem-read", "port-out"), "mov": ("mem-read", "mem-write"),
             "sto": ("mmio-write",)}  # fmt: skip
    widths = [f"{name}{size}" for name in ("ins", "outs", "movs", "stos") for size in "bwdq"]
    strings = [line for line in LINES if line["mnemonic"] in widths]
    for line in strings:
        count = 3 if line.get("prefix") else 1
        found = handled(line, rcx=3)
        assert [access["kind"] for access in found["accesses"]] == list(kinds[line["mnemonic"][:3]]) * count, line[
            "hex"
        ]
        assert int(found["regs"]["rcx"], 16) == (0 if line.get("prefix") else 3)
    assert strings
