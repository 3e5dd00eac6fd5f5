"""What classes of `spec/` say of themselves: docstrings, the strings under fields and members, operand widths."""

import ast
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, get_origin

from sevspec.source import text_of
from spec.maps import Map
from spec.record import fields_of, is_record, width_of


@dataclass(frozen=True)
class Operand:
    """One register, buffer field or environment value of a transition."""

    name: str
    width: str
    doc: str


def doc_line(node: ast.FunctionDef | ast.Module) -> str:
    """The first line of a docstring."""
    return (ast.get_docstring(node) or "").partition("\n")[0]


def class_line(cls: type) -> str:
    """The first line of a class's docstring."""
    return (cls.__doc__ or "").strip().partition("\n")[0]


@cache
def attribute_docs(cls: type) -> dict[str, str]:
    """The strings that stand under the fields or members of a class."""
    text = text_of(Path(inspect.getsourcefile(cls) or ""))
    for node in ast.walk(text.tree):
        if isinstance(node, ast.ClassDef) and node.name == cls.__name__:
            return dict(strings_under(node))
    return {}


def strings_under(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    """Pairs of a name and the string under it."""
    for statement, after in zip(node.body, node.body[1:], strict=False):
        name: ast.expr | None = None
        if isinstance(statement, ast.AnnAssign):
            name = statement.target
        elif isinstance(statement, ast.Assign):
            name = statement.targets[0]
        if isinstance(name, ast.Name) and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            yield name.id, " ".join(str(after.value.value).split())


def operands(cls: Any, prefix: str = "") -> Iterator[Operand]:
    """The fields of an operand record, nested records flattened."""
    for field in fields_of(cls):
        if is_record(field.type):
            yield from operands(field.type, f"{prefix}{field.name}.")
        else:
            yield Operand(prefix + field.name, width_text(field.type), attribute_docs(cls).get(field.name, ""))


def width_text(kind: Any) -> str:
    """A declared width in words."""
    if get_origin(kind) is Map:
        return "table"
    width = width_of(kind)
    return "1 bit" if width in (None, 1) else f"{width} bits"
