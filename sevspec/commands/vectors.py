"""`sevspec vectors`: path-complete test cases for other implementations."""

import json as json_text
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import track

from proofs.vectors import cases, targets
from sevspec.proving import unknown_name
from sevspec.refused import Refused
from sevspec.terminal import console, print_json
from sevspec.vector_files import SCHEMA, document
from spec.registry import transition_info

HELP = """Write test cases: every path of every transition, and every part of every condition deciding alone.

Each file is of the schema docs/schemas/vectors.json.

Example: sevspec vectors out rmpupdate pvalidate
"""


def vectors(
    folder: Annotated[Path, typer.Argument(help="Where to write one file for each transition; made if missing.")],
    names: Annotated[list[str] | None, typer.Argument(help="Transitions; default: all.")] = None,
    jobs: Annotated[int, typer.Option(min=0, help="Processes; 0: one for each processor.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    every = [transition_info(transition).name for _, transition in targets()]
    wanted = [name.lower() for name in names or every]
    for name in wanted:
        if name not in every:
            raise Refused(unknown_name(name, every))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        written: dict[str, int] = {}
        with ProcessPoolExecutor(jobs or os.cpu_count(), max_tasks_per_child=1) as pool:
            made = zip(wanted, pool.map(file_of, wanted), strict=True)
            hidden = not sys.stderr.isatty()
            for name, (number, text) in track(made, "vectors", len(wanted), transient=True, disable=hidden):
                (folder / f"{name}.json").write_text(text, encoding="utf-8")
                written[name] = number
    except OSError as error:
        raise Refused(f"cannot write to {folder}: {error.strerror}") from error
    if json:
        print_json(
            {"schema": SCHEMA, "cases": sum(written.values()), "files": {f"{n}.json": c for n, c in written.items()}}
        )
    else:
        for name, number in written.items():
            console().print(f"{number:5} cases  {folder / name}.json", markup=False)
    return 0


vectors.__doc__ = HELP


def file_of(name: str) -> tuple[int, str]:
    """The number of cases of a transition, and its file's text."""
    suite, transition = next((s, t) for s, t in targets() if transition_info(t).name == name)
    data = document(transition, cases(suite, transition))
    return len(data["cases"]), json_text.dumps(data, separators=(",", ":")) + "\n"
