"""The ordered checks of a transition, read from its text: each `Outcome` that it can return, and why.

Calls to shared refusals are followed, and so are causes that stand in helpers. What is read here is compared with the
transition's symbolic exploration in tests/sevspec/test_checks.py: the same results at the same checks.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sevspec.reader import CHOOSERS, Reader
from sevspec.source import NO_SENTENCE, Function, Sentence, resolved
from spec.vocabulary import Evidence, Result


@dataclass(frozen=True)
class Check:
    """One way for a transition to end."""

    name: str
    results: tuple[Result, ...]
    evidence: Evidence | None
    sentence: Sentence
    file: str
    line: int

    @property
    def place(self) -> str:
        """`file:line` of the condition that decides."""
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Cause:
    """A name that a check may have, where it stands, and the comment above it."""

    name: str
    file: str
    line: int
    sentence: Sentence = NO_SENTENCE


def checks_of(function: Function) -> tuple[Check, ...]:
    """The checks of a transition, in order; the same check met on two ways stands once."""
    found: dict[Any, Check] = {}
    for check in checks_in(Reader(function)):
        found.setdefault((check.name, check.results, check.place), check)
    return tuple(found.values())


def checks_in(reader: Reader) -> Iterator[Check]:
    """The checks of a function, those of the functions that it returns included."""
    for value, sentence, line in reader.returns():
        yield from returned(reader, value, sentence, line)


def returned(reader: Reader, value: ast.expr, sentence: Sentence, line: int) -> Iterator[Check]:
    """The checks of a returned expression."""
    if isinstance(value, ast.Name):
        node, where = reader.origin(value)
        if not isinstance(node, ast.Name):
            yield from returned(where, node, sentence, line)
    elif isinstance(value, ast.IfExp):
        yield from returned(reader, value.body, sentence, line)
        yield from returned(reader, value.orelse, sentence, line)
    elif isinstance(value, ast.Call):
        if isinstance(value.func, ast.Name) and value.func.id == "Outcome":
            yield from outcome(reader, value, sentence, line)
        elif isinstance(value.func, ast.Attribute) and value.func.attr == "_replace":
            yield from returned(reader, value.func.value, sentence, line)
        elif (function := reader.rule(value)) is not None:
            yield from checks_in(reader.called(function, value, sentence))


def outcome(reader: Reader, call: ast.Call, sentence: Sentence, line: int) -> Iterator[Check]:
    """The checks of one `Outcome(result, check, system, evidence)`: one for each cause."""
    parts = dict(zip(("result", "check", "system", "evidence"), call.args, strict=False))
    for cause in causes(reader, parts["check"], line):
        results = tuple(dict.fromkeys(reader.values(parts["result"], cause.name)))
        evidence = next(iter(reader.values(parts["evidence"], cause.name)), None)
        text = cause.sentence.text or sentence.text or "The effect."
        yield Check(cause.name, results, evidence, Sentence(sentence.number, text), cause.file, cause.line)


def causes(reader: Reader, node: ast.expr, line: int) -> Iterator[Cause]:
    """The names that an expression may give: a literal, `first_of`, or a helper that returns either."""
    file = reader.function.text.file
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield Cause(node.value, file, line)
    elif isinstance(node, ast.Name) and node.id in reader.bound:
        expression, where = reader.bound[node.id]
        yield from causes(where, expression, line if where is reader else expression.lineno)
    elif isinstance(node, ast.Starred):
        yield from causes(reader, node.value, line)
    elif isinstance(node, ast.GeneratorExp):
        yield from causes(reader, node.generators[0].iter, line)
    elif isinstance(node, ast.IfExp):
        yield from causes(reader, node.body, line)
        yield from causes(reader, node.orelse, line)
    elif isinstance(node, ast.Attribute):
        yield from causes_of_part(reader, node)
    elif isinstance(node, ast.Call):
        yield from causes_of_call(reader, node, line)
    elif isinstance(node, ast.Tuple):
        first = node.elts[0] if node.elts else None
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            yield Cause(first.value, file, node.lineno, reader.function.text.above(node.lineno))
        else:
            for element in node.elts:
                yield from causes(reader, element, line)


def causes_of_call(reader: Reader, call: ast.Call, line: int) -> Iterator[Cause]:
    """Causes among the arguments of a call, and those that the called function returns."""
    name = call.func.id if isinstance(call.func, ast.Name) else ""
    for argument in call.args[CHOOSERS.get(name, slice(None))]:
        if not isinstance(argument, ast.Name | ast.Attribute):
            yield from causes(reader, argument, line)
    function = None if name in ("first_of", *CHOOSERS) else reader.rule(call)
    if function is not None:
        helper = reader.called(function, call, NO_SENTENCE)
        for value, _, at in helper.returns():
            yield from causes(helper, value, at)


def causes_of_part(reader: Reader, node: ast.Attribute) -> Iterator[Cause]:
    """`refusal.check`, where a helper made the refusal: the field of that name in what it returns."""
    made, where = reader.origin(node.value)
    function = where.rule(made) if isinstance(made, ast.Call) else None
    if function is None or not isinstance(made, ast.Call):
        return
    helper = where.called(function, made, NO_SENTENCE)
    for value, sentence, at in helper.returns():
        value, maker = helper.origin(value)
        if isinstance(value, ast.Call) and maker.rule(value) is not None:
            inner = ast.copy_location(ast.Attribute(value, node.attr, ast.Load()), value)
            yield from causes_of_part(maker, inner)
        elif isinstance(value, ast.Call):
            fields = getattr(resolved(value.func, maker.function.names), "_fields", ())
            if node.attr in fields:
                for cause in causes(maker, value.args[fields.index(node.attr)], at):
                    yield Cause(cause.name, cause.file, cause.line, cause.sentence if cause.sentence.text else sentence)
