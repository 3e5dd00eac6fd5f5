"""Reading one function of `spec/` statement by statement: what it returns, under which comment, on which line.

Names are bound as the text goes along, so a returned expression can be followed to where its parts were made, in this
function or in the one that called it.
"""

import ast
from collections.abc import Iterator
from typing import Any, NamedTuple

from sevspec.source import NO_SENTENCE, Function, Sentence, resolved, rule_called

CHOOSERS = {"ite": slice(1, 3), "select": slice(1, 2)}
"""Functions that give one of their arguments."""
DEEPEST = 12
"""Calls within calls; deeper would be a circle."""


class Returned(NamedTuple):
    """One return statement."""

    value: ast.expr
    sentence: Sentence
    line: int
    """Of the `if` that leads to it, or its own."""


class Reader:
    """One function in the circumstances of one call. `bound`: names to expressions, and where these are understood."""

    def __init__(self, function: Function, depth: int = 0, sentence: Sentence = NO_SENTENCE) -> None:
        self.function = function
        self.depth = depth
        self.sentence = sentence
        self.bound: dict[str, tuple[ast.expr, Reader]] = {}

    def called(self, function: Function, call: ast.Call, sentence: Sentence) -> "Reader":
        """The reader of a function that this one calls."""
        if not sentence.text:
            sentence = Sentence(sentence.number, (ast.get_docstring(function.node) or "").partition("\n")[0])
        reader = Reader(function, self.depth + 1, sentence)
        if reader.depth > DEEPEST:
            raise RecursionError(function.place)
        positional = [a for a in call.args if not isinstance(a, ast.Starred)]
        reader.bound.update({n: (a, self) for n, a in zip(function.parameters, positional, strict=False)})
        reader.bound.update({k.arg: (k.value, self) for k in call.keywords if k.arg is not None})
        if (rest := function.node.args.vararg) is not None:
            others = ast.Tuple(call.args[len(function.node.args.args) :], ast.Load())
            reader.bound[rest.arg] = (ast.copy_location(others, call), self)
        return reader

    def returns(self) -> Iterator[Returned]:
        """Its return statements in the order of the text; take each before the next, for names are bound meanwhile."""
        yield from self.block(self.function.node.body, self.sentence, None)

    def block(self, body: list[ast.stmt], outer: Sentence, line: int | None) -> Iterator[Returned]:
        """The returns of a block. A statement without a comment of its own stands under the one before."""
        group, decided = outer, False
        for statement in body:
            own = self.function.text.above(statement.lineno)
            if own.text:
                group, decided = Sentence(own.number or outer.number, own.text), False
            self.bind(statement)
            if isinstance(statement, ast.If):
                truth = self.known(statement.test)
                if truth is not False:
                    yield from self.block(statement.body, group, statement.lineno)
                yield from self.block(statement.orelse, group, line)
                if truth is True:
                    return
                decided = True
            elif isinstance(statement, ast.For):
                yield from self.block(statement.body, group, line)
            elif isinstance(statement, ast.Return) and statement.value is not None:
                # What a transition does after its last check is not under that check's comment.
                after_all = decided and self.depth == 0
                yield Returned(statement.value, NO_SENTENCE if after_all else group, line or statement.lineno)

    def bind(self, statement: ast.stmt) -> None:
        """Remember what names stand for from here on."""
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            self.bound[statement.targets[0].id] = (statement.value, self)
        tested = statement.test if isinstance(statement, ast.If) else statement
        for node in ast.walk(tested):
            if isinstance(node, ast.NamedExpr):
                self.bound[node.target.id] = (node.value, self)

    def origin(self, node: ast.expr) -> tuple[ast.expr, "Reader"]:
        """The expression that a name stands for, and where it is understood."""
        reader: Reader = self
        while isinstance(node, ast.Name) and node.id in reader.bound:
            node, reader = reader.bound[node.id]
        return node, reader

    def rule(self, call: ast.Call) -> Function | None:
        """The function of `spec/` that is called."""
        return rule_called(call.func, self.function.names)

    def known(self, node: ast.expr) -> Any:
        """The value of an expression where the way that led here fixes it (a host acting for a guest); else None."""
        node, reader = self.origin(node)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "all_of":
            return False if any(reader.known(argument) is False for argument in node.args) else None
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.NotEq):
            left, right = reader.known(node.left), reader.known(node.comparators[0])
            if left is None or right is None:
                return None
            return (left == right) is isinstance(node.ops[0], ast.Eq)
        if isinstance(node, ast.Attribute):
            made, where = reader.origin(node.value)
            for keyword in made.keywords if isinstance(made, ast.Call) else []:
                if keyword.arg == node.attr:
                    return where.known(keyword.value)
            return getattr(where.known(made), node.attr, None)
        try:
            return resolved(node, reader.function.names)
        except LookupError:
            return None

    def values(self, node: ast.expr, cause: str) -> Iterator[Any]:
        """The values that an expression may have: a member of an enumeration, or a choice of several."""
        parts: list[ast.expr] = []
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CHOOSERS:
            parts = node.args[CHOOSERS[node.func.id]]
        elif isinstance(node, ast.Tuple):
            parts = node.elts
        elif isinstance(node, ast.IfExp):
            parts = [node.body, node.orelse]
        elif isinstance(node, ast.Name) and node.id in self.bound:
            expression, where = self.bound[node.id]
            yield from where.values(expression, cause)
        elif isinstance(node, ast.Subscript):
            yield resolved(node.value, self.function.names)[cause]
        else:
            yield resolved(node, self.function.names)
        for part in parts:
            yield from self.values(part, cause)
