"""The generated documents: `python -m sevspec.docs` writes them, `--check` says which are out of date."""

import sys
from collections.abc import Callable
from pathlib import Path

from sevspec import manual_map, rules
from sevspec.source import ROOT

DOCUMENTS: dict[str, Callable[[], str]] = {"manual-map.md": manual_map.text, "rules.md": rules.text}


def out_of_date(folder: Path) -> list[str]:
    """The documents that differ from what would be generated now."""
    found = []
    for name, text in DOCUMENTS.items():
        path = folder / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text():
            found.append(name)
    return found


def main(arguments: list[str]) -> int:
    """Write or check; exit code 1 if a document is out of date, 2 for an unknown argument."""
    folder = ROOT / "docs"
    if arguments not in ([], ["--check"]):
        sys.stderr.write("error: python -m sevspec.docs takes nothing or --check\n")
        return 2
    stale = out_of_date(folder)
    if arguments:
        sys.stdout.writelines(f"docs/{name} is out of date: run `make docs`\n" for name in stale)
        return 1 if stale else 0
    for name in stale:
        (folder / name).write_text(DOCUMENTS[name](), encoding="utf-8")
        sys.stdout.write(f"docs/{name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
