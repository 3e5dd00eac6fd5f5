"""Kernel logs: the lines that show RMP entries, RMP faults and result codes, in the formats of Linux hosts.

Linux has printed an entry in several ways; the order of the quadwords differs between them.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sevspec import fault_words
from sevspec.entry_topic import entry_topic, explained_entry
from sevspec.raw_entry import RawEntry, decoded
from sevspec.topic import Topic
from sevspec.topics import explain
from spec.features import Platform
from spec.record import replace
from spec.rmp import raw
from spec.rmp.authority import GFN_MAX, PFN_MAX
from spec.rmp.entry import UNASSIGNED
from spec.vocabulary import PAGE_SHIFT, Eax, NpfInfo, PfError

H = r"(?:0x)?([0-9a-f]+)"
LOW_HIGH = re.compile(rf"PFN:?\s+{H},\s*(?:RMP entry:\s*)?\[{H}\s*-\s*{H}\]", re.IGNORECASE)
"""Since Linux 6.9: `PFN 0x…, RMP entry: [0xLOW - 0xHIGH]`, and `PFN: 0x…, [0xLOW - 0xHIGH]` for a region."""
NAMED = re.compile(rf"RMP entry for PFN {H}:\s*\[high={H}\s+low={H}\]", re.IGNORECASE)
HIGH_LOW = re.compile(rf"RMPEntry paddr {H}:?\s+([0-9a-f]{{16}})\s+([0-9a-f]{{16}})", re.IGNORECASE)
"""The patch series before: `RMPEntry paddr 0x… HIGH LOW`."""
FIELDS = re.compile(rf"RMPEntry paddr {H}\s*\[(assigned=[^\]]*)\]", re.IGNORECASE)
"""The same series: `RMPEntry paddr 0x… [assigned=… immutable=… pagesize=… gpa=0x… asid=… vmsa=… validated=…]`."""
FIELD = re.compile(r"(\w+)=(0x[0-9a-f]+|\d+)", re.IGNORECASE)
UNASSIGNED_PFN = re.compile(rf"PFN {H} unassigned", re.IGNORECASE)
HOST_PF = re.compile(r"(?:#PF:?\s*)?error_code[:=(\s]*(0x[0-9a-f]+)", re.IGNORECASE)
NPF = re.compile(r"(?:exitinfo_?1|exit_info_?1|info1)[:=(\s]*(?:0x)?([0-9a-f]+)", re.IGNORECASE)
FAILED = re.compile(r"(RMPUPDATE|PSMASH)\b.*?\bret(?:urned)?[:=\s]+(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Line:
    """A line that says something of the RMP."""

    number: int
    text: str
    topics: tuple[Topic, ...]


def entry_in(text: str) -> tuple[int, RawEntry] | None:
    """The page and the raw entry that a line shows; numbers that do not fit are no entry."""
    if match := LOW_HIGH.search(text):
        page, low, high = numbers(match)
    elif match := NAMED.search(text):
        page, high, low = numbers(match)
    elif match := HIGH_LOW.search(text):
        page, high, low = numbers(match)
        page >>= PAGE_SHIFT
    elif match := FIELDS.search(text):
        page = int(match[1], 16) >> PAGE_SHIFT
        return (page, from_fields(match[2])) if page <= PFN_MAX else None
    else:
        return None
    return (page, decoded(low, high)) if page <= PFN_MAX and max(low, high) < 1 << 64 else None


def numbers(match: re.Match[str]) -> tuple[int, int, int]:
    """The three numbers of a line."""
    first, second, third = (int(group, 16) for group in match.groups())
    return first, second, third


def from_fields(text: str) -> RawEntry:
    """An entry whose fields were printed. `gpa` is the field as stored, a frame number; masks are not shown."""
    values = {name.lower(): int(value, 0) for name, value in FIELD.findall(text)}
    entry = replace(
        UNASSIGNED,
        page_size=values.get("pagesize", 0) & 1,
        gfn=values.get("gpa", 0) & GFN_MAX,
        asid=values.get("asid", 0) & 0x3FF,
        **{name: bool(values.get(name, 0)) for name in ("assigned", "immutable", "vmsa", "validated")},
    )
    # Firmware and RMPUPDATE keep Lock equal to Immutable; the line does not show it.
    entry = replace(entry, lock=entry.immutable and entry.assigned)
    return RawEntry(entry, *raw.encoded(entry))


def fault_in(text: str) -> Topic | None:
    """A fault word with the RMP bit; KVM prints EXITINFO1 as an error code too."""
    if match := NPF.search(text):
        word = int(match[1], 16)
        return fault_words.explained(word, NpfInfo) if word & NpfInfo.RMP else None
    if match := HOST_PF.search(text):
        word = int(match[1], 16)
        if not word & PfError.RMP:
            return None
        nested = word >> 32 != 0 or "GPA" in text.upper()
        return fault_words.explained(word, NpfInfo if nested else PfError)
    return None


def topics_in(text: str, platform: Platform) -> Iterator[Topic]:
    """Everything that one line says of the RMP."""
    if (found := entry_in(text)) is not None:
        page, entry = found
        yield explained_entry(entry, platform, page)
    elif match := UNASSIGNED_PFN.search(text):
        yield entry_topic(f"page {int(match[1], 16):#x}", "Unassigned: HYPERVISOR, or HV_FIXED if Immutable is set.")
    if (fault := fault_in(text)) is not None:
        yield fault
    if match := FAILED.search(text):
        code = int(match[2])
        if code in set(Eax):
            yield from (t for t in explain(Eax(code).name) if t.kind == "result" and "EAX" in t.title)


def explained(lines: Iterable[str], platform: Platform) -> list[Line]:
    """The lines that show an RMP entry, an RMP fault or a refused instruction."""
    found = []
    for number, text in enumerate(lines, start=1):
        topics = tuple(topics_in(text, platform))
        if topics:
            found.append(Line(number, text.strip(), topics))
    return found
