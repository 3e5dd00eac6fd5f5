"""What an explanation consists of: a heading, facts, tables; and how it is printed or given to machines."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

SCHEMA = "sevspec.explain/1"


@dataclass
class Table:
    """Rows under column names."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]] = ()

    def data(self) -> dict[str, Any]:
        """For machines: each row by column name."""
        keys = [column.lower().replace(" ", "_") for column in self.columns]
        return {"title": self.title, "rows": [dict(zip(keys, row, strict=True)) for row in self.rows]}


@dataclass
class Topic:
    """One thing explained."""

    kind: str
    name: str
    title: str
    facts: list[tuple[str, str]] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)

    def fact(self, label: str, value: str | Iterable[str]) -> None:
        """Add a fact; nothing is said of what is empty."""
        text = value if isinstance(value, str) else ", ".join(value)
        if text:
            self.facts.append((label, text))

    def data(self) -> dict[str, Any]:
        """For machines."""
        return {
            "kind": self.kind,
            "name": self.name,
            "title": self.title,
            "facts": dict(self.facts),
            "tables": [table.data() for table in self.tables],
        }


def document(topics: Sequence[Topic]) -> dict[str, Any]:
    """The JSON of several topics."""
    return {"schema": SCHEMA, "topics": [topic.data() for topic in topics]}
