"""What must not stand in the project: addresses of one machine, unexplained exceptions, leftovers, too large rooms."""

import ast
import io
import re
import shutil
import subprocess
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SPEC = ROOT / "spec"

MADE = frozenset(
    (
        ".git .venv .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache .sevspec_cache __pycache__ "
        "build dist htmlcov"
    ).split()
)
"""Folders that tools make."""

DATA = ("examples/", "tests/data/")
OURS = (".md", ".py", ".sh")
"""Under DATA, inputs and licences stand as their authors wrote them; only these are our text."""

LONGEST_SPEC_FILE = 250
LONGEST_SPEC_FUNCTION = 60
LISTS = ("spec/knobs.py", "spec/vocabulary.py")
"""Lists of names and numbers, with no function to get lost in; they may be longer."""

FORBIDDEN_TEXT = {
    # The patterns are spelled so that they do not find themselves.
    "registry host": r"\bpypi[.]org\b|python[h]osted|registry[.]npm|\bdeb[.]debian",
    "file address": r"\bfile:[/]{2}",
    "path of one machine": r"(?<![\w.*$})/])/(?:farm|home|mnt|opt|root|tmp|Users|work)/\w",
    "mail address": r"\b[\w.+-]+@[\w-]+[.](?:com|org|net|io|de)\b",
    "leftover": r"\b(?:TO[D]O|FIX[M]E|X[X]X|HA[C]K|W[I]P)\b",
    "merge conflict": r"^(?:<{7}|>{7})\s",
}


def is_made(path: Path) -> bool:
    """Whether a tool made this file."""
    return any(part in MADE or part.endswith(".egg-info") for part in path.relative_to(ROOT).parts)


def project_files() -> list[Path]:
    """The files that are or would be committed; without git, those that no tool made."""
    files = list(ROOT.rglob("*"))
    if (ROOT / ".git").exists() and (git := shutil.which("git")):
        command = [git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listing = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
        if listing.returncode == 0:
            files = [ROOT / name for name in listing.stdout.decode().split("\0") if name]
    return sorted(path for path in files if path.is_file() and not path.is_symlink() and not is_made(path))


def text_of(path: Path) -> str | None:
    """The text of a file, or None for a binary one."""
    content = path.read_bytes()
    if b"\0" in content:
        return None
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return None


def texts() -> Iterator[tuple[str, str]]:
    """Name and text of every text file of the project, but for data and licences that others wrote."""
    for path in project_files():
        name = path.relative_to(ROOT).as_posix()
        text = None if name.startswith(DATA) and path.suffix not in OURS else text_of(path)
        if text is not None:
            yield name, text


def places(pattern: str, text: str) -> list[int]:
    """The lines of `text` in which the pattern is found."""
    return [text.count("\n", 0, match.start()) + 1 for match in re.finditer(pattern, text, re.MULTILINE)]


def unexplained(source: str) -> list[tuple[int, str]]:
    """Comments that switch a check off without a code, or without a reason."""
    found = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        comment = token.string
        if re.search(r"#\s*type:\s*ignore", comment) and not re.search(r"type: ignore\[[\w, -]+\]\s+# \w", comment):
            found.append((token.start[0], "say `type: ignore[code]  # reason`"))
        if re.search(r"#\s*noqa", comment) and not re.search(
            r"noqa: [A-Z]+\d+(?:, ?[A-Z]+\d+)*\s+[#-]*\s*[A-Za-z]", comment
        ):
            found.append((token.start[0], "say `noqa: CODE - reason`"))
        if re.search(r"pragma:\s*no\s+(?:cover|branch)\s*$", comment):
            found.append((token.start[0], "say `pragma: no cover - reason`"))
    return found


def long_functions(source: str, limit: int) -> list[tuple[int, str, int]]:
    """Functions of more than `limit` lines: line, name, length."""
    return [
        (node.lineno, node.name, length)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if (length := (node.end_lineno or node.lineno) - node.lineno + 1) > limit
    ]


@pytest.mark.parametrize("what", FORBIDDEN_TEXT)
def test_no_file_holds_forbidden_text(what: str) -> None:
    """Every text file, locks and documents included."""
    found = [f"{name}:{line}: {what}" for name, text in texts() for line in places(FORBIDDEN_TEXT[what], text)]
    assert not found, "\n" + "\n".join(found)


def test_locks_hold_names_versions_and_hashes_only() -> None:
    """No address, no path, no option: a lock says what, never from where."""
    locks = sorted((ROOT / "requirements").glob("*.txt"))
    assert locks
    found = [
        f"{lock.name}:{line}"
        for lock in locks
        for line in places(r"://|@ |^-|^\s+--(?!hash=sha256:)", lock.read_text())
    ]
    assert not found, f"\n{found}"
    for name in ("dev.txt", "run.txt"):
        pinned = [line for line in (ROOT / "requirements" / name).read_text().splitlines() if re.match(r"[a-z]", line)]
        assert pinned
        assert all(re.fullmatch(r"[a-z0-9-]+==[\w.]+ \\", line) for line in pinned)


def test_documents_cite_only_files_that_exist() -> None:
    """A Markdown file named anywhere stands in the project, beside the text that names it or under the root."""
    found = []
    for name, text in texts():
        for match in re.finditer(r"(?<![\w./*<-])(?:[\w-]+/)*[\w-]+\.md\b", text):
            cited = match.group()
            if not any((base / cited).is_file() for base in (ROOT, (ROOT / name).parent, ROOT / "docs")):
                found.append(f"{name}:{text.count(chr(10), 0, match.start()) + 1}: {cited}")
    assert not found, "\n" + "\n".join(found)


def test_switched_off_checks_have_a_code_and_a_reason() -> None:
    """Every comment that silences a tool."""
    found = [
        f"{name}:{line}: {message}"
        for name, text in texts()
        if name.endswith(".py")
        for line, message in unexplained(text)
    ]
    assert not found, "\n" + "\n".join(found)


def test_spec_files_are_small() -> None:
    """A rule is read top to bottom."""
    found = []
    for path in sorted(SPEC.rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        lines = path.read_text(encoding="utf-8").count("\n")
        if lines > LONGEST_SPEC_FILE and name not in LISTS:
            found.append(f"{name}: {lines} lines, more than {LONGEST_SPEC_FILE}")
    assert not found, "\n" + "\n".join(found)


def test_spec_lists_hold_no_function() -> None:
    """What may be long holds names only."""
    for name in LISTS:
        tree = ast.parse((ROOT / name).read_text(encoding="utf-8"))
        assert not [node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)], name


def test_spec_functions_are_small() -> None:
    """A function fits on a screen."""
    found = [
        f"{path.relative_to(ROOT).as_posix()}:{line}: {name} has {length} lines, more than {LONGEST_SPEC_FUNCTION}"
        for path in sorted(SPEC.rglob("*.py"))
        for line, name, length in long_functions(path.read_text(encoding="utf-8"), LONGEST_SPEC_FUNCTION)
    ]
    assert not found, "\n" + "\n".join(found)


# --- the check checks ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("registry host", "https://" + "pypi" + ".org/simple"),
        ("registry host", "https://files." + "python" + "hosted.org/packages"),
        ("file address", "file" + "://server/share"),
        ("path of one machine", "data = '/" + "home/someone'"),
        ("path of one machine", "read /" + "tmp/x"),
        ("mail address", "write to someone" + "@example.com"),
        ("leftover", "# TO" + "DO: later"),
        ("merge conflict", "a\n" + "<" * 7 + " ours"),
    ],
)
def test_forbidden_text_is_found(what: str, text: str) -> None:
    """Each pattern finds what it is for."""
    assert places(FORBIDDEN_TEXT[what], text)


@pytest.mark.parametrize(
    "text",
    ["#!/usr/bin/env bash", "> /dev/null", "../mnt/x", "https://example.org/home/page", "examples/opt/x", "@record"],
)
def test_other_text_is_not_forbidden(text: str) -> None:
    """What looks like it but is not."""
    assert not [what for what, pattern in FORBIDDEN_TEXT.items() if places(pattern, text)]


@pytest.mark.parametrize(
    "comment",
    ["type: " + "ignore", "type: " + "ignore[arg-type]", "no" + "qa", "no" + "qa: E501", "pragma: " + "no cover"],
)
def test_unexplained_comment_is_found(comment: str) -> None:
    """A bare ignore, and one with a code but no reason."""
    assert [line for line, _ in unexplained(f"x = 1\ny = 2  # {comment}\n")] == [2]


@pytest.mark.parametrize(
    "comment",
    [
        "type: " + "ignore[arg-type]  # the stub is wrong",
        "no" + "qa: E501 - a table",
        "no" + "qa: S603, S607  # a fixed command",
        "pragma: " + "no cover - not reached",
    ],
)
def test_explained_comment_is_accepted(comment: str) -> None:
    """A code and a reason."""
    assert unexplained(f"x = 1  # {comment}\n") == []


def test_long_function_is_found() -> None:
    """A function of one line more than the limit."""
    source = "def short():\n    pass\n\n\ndef long():\n" + "    x = 1\n" * LONGEST_SPEC_FUNCTION
    assert long_functions(source, LONGEST_SPEC_FUNCTION) == [(5, "long", LONGEST_SPEC_FUNCTION + 1)]
