"""A disagreement with an oracle, and the decisions that settle those that stay."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from impl.decode.decoder import decode
from impl.decode.instruction import Instruction
from impl.decode.undecodable import Undecodable

DECISIONS = Path(__file__).parents[2] / "data" / "decoder" / "decisions.toml"
PREFIX = "(?:26|2e|36|3e|64|65|66|67|f0|f2|f3|4[0-9a-f])"


@dataclass(frozen=True)
class Difference:
    """One disagreement."""

    kind: str
    """`refused` or `accepted` by us alone, or the field that differs: length, mnemonic, memory, segment, operands, …"""
    name: str
    """Our mnemonic; of a refusal, the oracle's."""
    reason: str = ""
    """Of a refusal, ours."""
    detail: str = ""


@dataclass(frozen=True)
class Decision:
    """Why disagreements of one sort stay."""

    name: str
    oracle: str
    kind: str
    manual: str
    says: str
    mnemonics: frozenset[str]
    """Names that it covers; empty: all."""
    reasons: frozenset[str]
    """Reasons of refusals that it covers; empty: all."""
    bits: frozenset[int]
    """Modes that it covers; empty: all."""
    pattern: re.Pattern[str]
    """What the bytes look like, in hexadecimal; PREFIX stands for any legacy prefix or REX."""
    examples: dict[str, tuple[bytes, int]]
    """Bytes and mode by mnemonic, one for each mnemonic."""

    def covers(self, difference: Difference, code: bytes, bits: int) -> bool:
        """Whether it settles the disagreement."""
        return (
            difference.kind == self.kind
            and (not self.bits or bits in self.bits)
            and self.pattern.match(code.hex()) is not None
            and (not self.mnemonics or difference.name in self.mnemonics)
            and (not self.reasons or difference.reason in self.reasons)
        )


def decisions(oracle: str) -> list[Decision]:
    """The decisions about one oracle."""
    read = tomllib.loads(DECISIONS.read_text(encoding="utf-8"))["decision"]
    return [decision_of(given) for given in read if given["oracle"] == oracle]


def decision_of(given: dict[str, Any]) -> Decision:
    """One entry of the file. `all = true` says that its examples do not limit it."""
    examples = {}
    for mnemonic, text in given["examples"].items():
        bits, _, code = text.partition(" ")
        examples[mnemonic] = bytes.fromhex(code), int(bits)
    return Decision(
        name=given["name"],
        oracle=given["oracle"],
        kind=given["kind"],
        manual=given["manual"],
        says=given["says"],
        mnemonics=frozenset() if given.get("all") else frozenset(examples),
        reasons=frozenset(given.get("reasons", [])),
        bits=frozenset(given.get("bits", [])),
        pattern=re.compile(given.get("pattern", "").replace("PREFIX", PREFIX)),
        examples=examples,
    )


def ours(code: bytes, bits: int) -> Instruction | Undecodable:
    """Our reading; any other exception is an error."""
    try:
        return decode(code, bits)
    except Undecodable as undecodable:
        return undecodable
