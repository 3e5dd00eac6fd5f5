"""Printing: topics as Rich tables, documents as JSON, mistakes as one line."""

import json
import sys
from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from sevspec.topic import Table, Topic

WIDE = 150
"""Columns of a line where no terminal says otherwise."""

WHOLE = ("Nr", "Id", "Kind", "Check", "Verdict", "Source", "Operand", "Width", "State")
"""Columns whose cells are names: never broken."""


def console() -> Console:
    """Standard output."""
    return Console(width=None if sys.stdout.isatty() else WIDE, highlight=False, soft_wrap=False)


def print_json(data: Any) -> None:
    """One JSON document."""
    sys.stdout.write(json.dumps(data, indent=2, ensure_ascii=False) + "\n")


def mistake(message: str) -> None:
    """One line to standard error."""
    sys.stderr.write("error: " + " ".join(message.split()) + "\n")


def grid(table: Table) -> RichTable:
    """A table for the terminal."""
    drawn = RichTable(box=box.SIMPLE, title=table.title, title_justify="left", title_style="italic", pad_edge=False)
    for column in table.columns:
        drawn.add_column(column, overflow="fold", no_wrap=column in WHOLE)
    for row in table.rows:
        drawn.add_row(*(Text(cell) for cell in row))
    return drawn


def print_topics(topics: Sequence[Topic]) -> None:
    """Topics one after another."""
    out = console()
    for number, topic in enumerate(topics):
        if number:
            out.rule(style="dim")
        out.print(Text.assemble((topic.name, "bold"), f"  {topic.kind}"))
        if topic.title:
            out.print(Text(topic.title))
        for label, value in topic.facts:
            out.print(Text.assemble((f"  {label}: ", "dim"), value))
        for table in topic.tables:
            out.print(grid(table))
