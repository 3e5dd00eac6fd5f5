"""`plain`: a rule for known values only, its words written out as Python's own operators. Same text, half the time.

In `spec/` truth and choice are words, `all_of` or `ite`, so that one text runs on numbers and on a solver's terms. A
caller that takes many steps on numbers asks for the rule's plain form: each word becomes the operator that it means
for numbers, each record is made without asking its class, each enumeration member is looked up once. Lines stay those
of the rule, for debuggers and tracebacks. Proofs never see this form; a test compares it with the rule, for all rules.
"""

import ast
import sys
from collections.abc import Callable
from enum import Enum
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any, TypeVar, cast

from spec import logic

F = TypeVar("F", bound=Callable[..., Any])

LANGUAGE = ("spec.ideal", "spec.logic", "spec.maps", "spec.record", "spec.registry", "spec.vocabulary")
"""Modules whose functions are no rules, and stay as they are."""


def plain(rule: F) -> F:
    """The rule, or any function of a module of rules, in its plain form."""
    return cast(F, namespace(rule.__module__)[rule.__name__])


@cache
def namespace(module: str) -> dict[str, Any]:
    """The names of a module of rules, every function among them in its plain form."""
    names = dict(vars(sys.modules[module]))
    for name, value in list(names.items()):
        if is_rule(value) and value.__module__ != module:
            names[name] = plain(value)
    source = Path(names["__file__"])
    tree = ast.parse(source.read_text(encoding="utf-8"))
    tree.body = [statement for statement in tree.body if isinstance(statement, ast.FunctionDef)]
    tree = ast.fix_missing_locations(WrittenOut(names).visit(tree))
    exec(compile(tree, str(source), "exec"), names)  # noqa: S102 - the text of spec/
    return names


def is_rule(value: Any) -> bool:
    """Whether a name of a module stands for a function of `spec/` that is no word of its language."""
    return isinstance(value, FunctionType) and value.__module__.startswith("spec.") and value.__module__ not in LANGUAGE


class WrittenOut(ast.NodeTransformer):
    """Words to operators. `names` are the module's, and take the names that are made here."""

    def __init__(self, names: dict[str, Any]) -> None:
        self.names = names

    def known(self, node: ast.expr) -> Any:
        """What a plain name stands for."""
        return self.names.get(node.id) if isinstance(node, ast.Name) else None

    def named(self, node: ast.expr, name: str, value: Any) -> ast.expr:
        """A name of its own for a value."""
        self.names[name] = value
        return ast.copy_location(ast.Name(name, ast.Load()), node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        """`PageSize.SIZE_2M` becomes a name."""
        self.generic_visit(node)
        owner = self.known(node.value)
        if isinstance(owner, type) and issubclass(owner, Enum) and node.attr in owner.__members__:
            return self.named(node, f"{owner.__name__}_{node.attr}", owner[node.attr])
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """A word becomes an operator, the call of a record's class the call of its constructor."""
        self.generic_visit(node)
        called = self.known(node.func)
        if isinstance(called, type) and issubclass(called, tuple):
            constructor = self.named(node, f"new_{called.__name__}", called.__new__)
            return ast.copy_location(ast.Call(constructor, [node.func, *node.args], node.keywords), node)
        if node.keywords or any(isinstance(argument, ast.Starred) for argument in node.args):
            return node
        written = written_out(called, node.args)
        return node if written is None else ast.copy_location(written, node)


def written_out(word: Any, terms: list[ast.expr]) -> ast.expr | None:
    """What a word of spec/logic.py means for known values, or None for one that stays a call."""
    if word is logic.all_of:
        return ast.BoolOp(ast.And(), terms) if len(terms) > 1 else terms[0]
    if word is logic.any_of:
        return ast.BoolOp(ast.Or(), terms) if len(terms) > 1 else terms[0]
    if word is logic.none_of:
        return ast.UnaryOp(ast.Not(), ast.BoolOp(ast.Or(), terms) if len(terms) > 1 else terms[0])
    if word is logic.ite:
        return ast.IfExp(*terms)
    if word is logic.as_bit:
        return ast.IfExp(terms[0], ast.Constant(1), ast.Constant(0))
    if word is logic.first_of and all(isinstance(term, ast.Tuple) for term in terms):
        name: ast.expr = ast.Constant(None)
        for term in reversed(cast("list[ast.Tuple]", terms)):
            name = ast.IfExp(term.elts[1], term.elts[0], name)
        return name
    return None
