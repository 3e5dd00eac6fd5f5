"""The text of `spec/`: functions as syntax trees, and the comment that stands above a line."""

import ast
import inspect
import re
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
NUMBERED = re.compile(r"(\d+[a-z]?)\.\s+(.*)", re.DOTALL)


@dataclass(frozen=True)
class Sentence:
    """A comment directly above a statement: its number, if it has one, and its text."""

    number: str
    text: str


NO_SENTENCE = Sentence("", "")


@dataclass(frozen=True)
class Text:
    """One source file."""

    file: str
    """Relative to the folder that holds `spec/`."""
    tree: ast.Module
    comments: dict[int, str]
    """Comments that have a line to themselves, by line."""

    def above(self, line: int) -> Sentence:
        """The comment directly above a line."""
        first = line
        while first - 1 in self.comments:
            first -= 1
        whole = " ".join(self.comments[number] for number in range(first, line))
        match = NUMBERED.match(whole)
        return Sentence(match[1], match[2]) if match else Sentence("", whole)


@dataclass(frozen=True, eq=False)
class Function:
    """A function of `spec/`, with its text."""

    call: Callable[..., Any]
    text: Text
    node: ast.FunctionDef

    @property
    def place(self) -> str:
        """`file:line` of its definition."""
        return f"{self.text.file}:{self.node.lineno}"

    @property
    def names(self) -> dict[str, Any]:
        """What the names of its module stand for."""
        return self.call.__globals__

    @property
    def parameters(self) -> list[str]:
        """Its parameters, in order."""
        arguments = self.node.args
        return [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]


@cache
def text_of(path: Path) -> Text:
    """A source file, parsed."""
    with tokenize.open(path) as file:
        source = file.read()
    with path.open("rb") as raw:
        comments = {
            token.start[0]: token.string.lstrip("# ").rstrip()
            for token in tokenize.tokenize(raw.readline)
            if token.type == tokenize.COMMENT and token.line.lstrip().startswith("#")
        }
    return Text(path.relative_to(ROOT).as_posix(), ast.parse(source), comments)


def is_rule(value: Any) -> bool:
    """Whether a value is a function written in `spec/`."""
    return inspect.isfunction(value) and value.__module__.partition(".")[0] == "spec"


@cache
def function_of(call: Callable[..., Any]) -> Function:
    """The text of a function of `spec/`."""
    text = text_of(Path(inspect.getsourcefile(call) or ""))
    for node in ast.walk(text.tree):
        if isinstance(node, ast.FunctionDef) and node.name == call.__name__:
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            if first <= call.__code__.co_firstlineno <= node.body[0].lineno:
                return Function(call, text, node)
    raise LookupError(f"{call.__module__}.{call.__name__} has no text")


def resolved(node: ast.expr, names: dict[str, Any]) -> Any:
    """What a name, attribute, item or constant of a module stands for; LookupError if that is not plain."""
    try:
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name):
            return names[node.id]
        if isinstance(node, ast.Attribute):
            return getattr(resolved(node.value, names), node.attr)
        if isinstance(node, ast.Subscript):
            return resolved(node.value, names)[resolved(node.slice, names)]
    except (AttributeError, TypeError, KeyError) as error:
        raise LookupError(ast.unparse(node)) from error
    raise LookupError(ast.unparse(node))


def rule_called(node: ast.expr, names: dict[str, Any]) -> Function | None:
    """The function of `spec/` that an expression names."""
    try:
        value = resolved(node, names)
    except LookupError:
        return None
    return function_of(value) if is_rule(value) else None


@cache
def reached(function: Function) -> tuple[Function, ...]:
    """A function and every function of `spec/` that it names, directly or not."""
    found: dict[Callable[..., Any], Function] = {function.call: function}
    pending = [function]
    while pending:
        for other in mentioned(pending.pop()):
            if other.call not in found:
                found[other.call] = other
                pending.append(other)
    return tuple(found.values())


def mentioned(function: Function) -> Iterator[Function]:
    """The functions of `spec/` that a function's text names."""
    for node in ast.walk(function.node):
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
            other = rule_called(node, function.names)
            if other is not None and other.call is not function.call:
                yield other
