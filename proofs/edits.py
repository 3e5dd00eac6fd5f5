"""The changes that make mutants: each finds its node by its number in `ast.walk` and changes the tree in place."""

import ast
from collections.abc import Callable
from typing import cast, get_type_hints

from spec.rmp.entry import RmpEntry

Edit = Callable[[list[ast.AST]], None]
"""Changes a tree, given its nodes in the order of `ast.walk`."""
MOVED = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}


def dropped_check(at: int) -> Edit:
    """An `if` that is never taken."""

    def edit(nodes: list[ast.AST]) -> None:
        node = cast(ast.If, nodes[at])
        node.test = ast.Constant(False)

    return edit


def negated_check(at: int) -> Edit:
    """An `if` that is taken when it should not be."""

    def edit(nodes: list[ast.AST]) -> None:
        node = cast(ast.If, nodes[at])
        node.test = ast.UnaryOp(ast.Not(), node.test)

    return edit


def moved_check(at: int, first: int, second: int) -> Edit:
    """The check at `first` of a body moved behind the one at `second`."""

    def edit(nodes: list[ast.AST]) -> None:
        body = cast(ast.FunctionDef, nodes[at]).body
        body.insert(second, body.pop(first))

    return edit


def moved_bound(at: int) -> Edit:
    """A strict comparison made inclusive, or the reverse."""

    def edit(nodes: list[ast.AST]) -> None:
        node = cast(ast.Compare, nodes[at])
        node.ops[0] = MOVED[type(node.ops[0])]()

    return edit


def changed_constant(at: int, change: int) -> Edit:
    """A number off by one."""

    def edit(nodes: list[ast.AST]) -> None:
        node = cast(ast.Constant, nodes[at])
        node.value = cast(int, node.value) + change

    return edit


def arguments(node: ast.AST) -> list[ast.expr]:
    """The arguments of a call, or the elements of a tuple."""
    return node.args if isinstance(node, ast.Call) else cast(ast.Tuple, node).elts


def without_argument(at: int, position: int) -> Edit:
    """One argument or element less."""

    def edit(nodes: list[ast.AST]) -> None:
        del arguments(nodes[at])[position]

    return edit


def swapped_arguments(at: int, position: int) -> Edit:
    """Two neighbouring arguments swapped."""

    def edit(nodes: list[ast.AST]) -> None:
        row = arguments(nodes[at])
        row[position], row[position + 1] = row[position + 1], row[position]

    return edit


def without_keyword(at: int, position: int) -> Edit:
    """One keyword argument less: in a `replace`, one field that is not changed."""

    def edit(nodes: list[ast.AST]) -> None:
        del cast(ast.Call, nodes[at]).keywords[position]

    return edit


def false_keyword(at: int, position: int) -> Edit:
    """A cause that is passed by name and is never the case."""

    def edit(nodes: list[ast.AST]) -> None:
        cast(ast.Call, nodes[at]).keywords[position].value = ast.Constant(False)

    return edit


def zeroed_keyword(at: int, position: int) -> Edit:
    """A field of a new RMP entry that stays 0 or false."""

    def edit(nodes: list[ast.AST]) -> None:
        keyword = cast(ast.Call, nodes[at]).keywords[position]
        kind = get_type_hints(RmpEntry).get(keyword.arg or "")
        value = "NO_MASKS" if keyword.arg == "masks" else repr(kind() if kind is bool else 0)
        keyword.value = ast.parse(value, mode="eval").body

    return edit


def becomes(node: ast.AST, other: ast.expr) -> None:
    """Make a call the expression `other`, in place: `(other,)[0]` would read worse, and is what this avoids."""
    node.__class__ = other.__class__
    node.__dict__.clear()
    node.__dict__.update(other.__dict__)


def replaced_by_argument(at: int, position: int) -> Edit:
    """A choice of data that is always the same."""

    def edit(nodes: list[ast.AST]) -> None:
        becomes(nodes[at], arguments(nodes[at])[position])

    return edit


def without_call(at: int) -> Edit:
    """A table that is not updated."""

    def edit(nodes: list[ast.AST]) -> None:
        becomes(nodes[at], cast(ast.Attribute, cast(ast.Call, nodes[at]).func).value)

    return edit
