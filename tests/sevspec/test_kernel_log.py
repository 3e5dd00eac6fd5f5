"""`sevspec explain --log`: every format in which Linux hosts printed RMP entries, faults, and refused instructions."""

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sevspec.cli import main
from sevspec.kernel_log import entry_in, explained
from spec.features import GENOA

FIRMWARE = (0x8000000000000FFD, 0xF)
ENTRIES = {
    "[ 12.3] SEV-SNP: PFN 0x20cee00, RMP entry: [0x8000000000000ffd - 0x000000000000000f]": FIRMWARE,
    "SEV-SNP: PFN: 0x20cee00, [0x8000000000000ffd - 0x000000000000000f]": FIRMWARE,
    "RMP entry for PFN 0x20cee00: [high=0x000000000000000f low=0x8000000000000ffd]": FIRMWARE,
    "RMPEntry paddr 0x20cee00000 000000000000000f 8000000000000ffd": FIRMWARE,
    "RMPEntry paddr 0x20cee00000: 000000000000000f 8000000000000ffd": FIRMWARE,
}
FIELDS = "RMPEntry paddr 0x{:x} [assigned=1 immutable={} pagesize=0 gpa=0x{:x} asid={} vmsa={} validated={}]"


@pytest.mark.parametrize("line", ENTRIES)
def test_entry_is_found_whatever_the_order_of_its_quadwords(line: str) -> None:
    found = entry_in(line)
    assert found is not None
    assert (found[0], (found[1].low, found[1].high)) == (0x20CEE00, ENTRIES[line])


def test_printed_fields_make_an_entry() -> None:
    found = entry_in(FIELDS.format(0x145BA4000, 0, 0xFFFFFFFFF, 1, 1, 1))
    assert found is not None
    page, raw = found
    entry = raw.entry
    assert (page, entry.gfn, entry.asid, entry.vmsa, entry.validated) == (0x145BA4, 0xFFFFFFFFF, 1, True, True)


def told(text: str) -> list[tuple[int, list[str]]]:
    """Line numbers and the titles of what is said."""
    found = explained(text.splitlines(), GENOA)
    return [(line.number, [topic.title for topic in line.topics]) for line in found]


def test_other_lines_are_ignored() -> None:
    assert told("Linux version 6.11\nrandom: crng init done\n#PF: error_code(0x0002) - not-present page\n") == []


def test_host_fault_with_the_rmp_bit_is_explained() -> None:
    ((number, (title,)),) = told("BUG: unable to handle\n#PF: error_code(0x80000003) - RMP violation\n")
    assert number == 2
    assert title.startswith("The host's write was refused")


def test_nested_faults_are_explained() -> None:
    text = (
        "Unexpected RMP fault for GPA 0x7f790000, error_code 0xc80000005\n"
        "kvm_exit: vcpu 0 reason npf rip 0x0 info1 0x0000000580000005 info2 0x000000007f790000\n"
        "EXITINFO1: 0x1580000005\n"
    )
    titles = [titles[0] for _, titles in told(text)]
    assert [title.split()[1] for title in titles] == ["4", "guest's", "guest's"]
    assert "VMPL's mask" in titles[2]


def test_refused_instruction_is_explained_by_its_code() -> None:
    (line,) = explained(["SEV-SNP: RMPUPDATE failed for PFN 78d198, pg_level: 1, ret: 3"], GENOA)
    assert [topic.name for topic in line.topics] == ["FAIL_INUSE"]


def test_unassigned_page_is_named() -> None:
    ((_, (title,)),) = told("SEV-SNP: PFN 0x56700 unassigned, dumping non-zero entries in 2M PFN region: [0x1 - 0x2]")
    assert title.startswith("Unassigned")


LOG = "\n".join(["boot", *ENTRIES, "#PF: error_code(0x80000003) - RMP violation"])


def test_log_file_is_read(tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "dmesg.txt"
    path.write_text(LOG)
    assert main(["explain", "--log", str(path), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [line["line"] for line in document["lines"]] == [2, 3, 4, 5, 6, 7]
    assert main(["explain", "--log", str(path)]) == 0
    assert "line 2: [ 12.3] SEV-SNP: PFN 0x20cee00" in capsys.readouterr().out


def test_log_is_read_from_standard_input(monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(LOG.encode() + b"\xff\xfe")))
    assert main(["explain", "--log", "-"]) == 0
    assert "FIRMWARE" in capsys.readouterr().out


def test_log_without_such_a_line_is_exit_code_1(tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "empty.txt"
    path.write_text("nothing here\n")
    assert main(["explain", "--log", str(path)]) == 1
    assert capsys.readouterr().out == "no line with an RMP entry, an RMP fault or a refused RMP instruction\n"


@pytest.mark.parametrize("name", ["missing.txt", "."])
def test_log_that_cannot_be_read_is_one_line(name: str, tmp_path: Path, capsys: Any) -> None:
    assert main(["explain", "--log", str(tmp_path / name)]) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: --log: ")
    assert err.count("\n") == 1


@given(st.text())
def test_no_text_breaks_the_reader(text: str) -> None:
    explained(text.splitlines(), GENOA)


hexadecimal = st.integers(0, (1 << 72) - 1).map(lambda n: f"{n:x}")


@given(hexadecimal, hexadecimal, hexadecimal)
def test_no_number_breaks_the_reader(page: str, low: str, high: str) -> None:
    lines = [
        f"PFN 0x{page}, RMP entry: [0x{low} - 0x{high}]",
        f"RMPEntry paddr 0x{page} [assigned=1 immutable=0 pagesize=7 gpa=0x{low} asid={int(high, 16)} vmsa=2]",
        f"error_code(0x{low})",
        f"EXITINFO1 0x{high}",
    ]
    explained(lines, GENOA)
