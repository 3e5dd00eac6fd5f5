"""Wrong versions of the rules, made from their text: checks dropped, negated, swapped, bounds moved, effects lost."""

import ast
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import spec
from proofs.check_names import cause_name, check_name
from proofs.edits import (
    MOVED,
    Edit,
    changed_constant,
    dropped_check,
    false_keyword,
    moved_bound,
    moved_check,
    negated_check,
    replaced_by_argument,
    swapped_arguments,
    without_argument,
    without_call,
    without_keyword,
    zeroed_keyword,
)

SPEC = Path(spec.__file__ or "").parent
NO_RULES = ("everything.py", "ideal.py", "knobs.py", "logic.py", "maps.py", "record.py", "registry.py", "vocabulary.py")
"""The language of rules and the nouns; their mutants would be mutants of Python."""
CONNECTIVES = ("any_of", "all_of", "none_of")
LONGEST = 70


@dataclass(frozen=True)
class Mutant:
    """One change to one function of one file."""

    name: str
    file: str
    """Relative to the folder that holds `spec/`."""
    first: int
    last: int
    """The lines of the function that is changed."""
    edit: Edit

    @property
    def module(self) -> str:
        """The module that is changed."""
        return self.file.removesuffix(".py").replace("/", ".")

    @property
    def kind(self) -> str:
        """What was done: `drop-check`, `move-bound`, …"""
        return self.name.split(":", 3)[2]

    @property
    def what(self) -> str:
        """What it was done to: a check's name, or a piece of text."""
        return self.name.split(":", 3)[3].partition("#")[0]


def changed_tree(file: str, edits: Sequence[Edit]) -> ast.Module:
    """The text of a file after these edits; later ones first, so that places in rows of arguments stay valid."""
    tree = ast.parse((SPEC.parent / file).read_text(encoding="utf-8"))
    nodes = list(ast.walk(tree))
    for edit in reversed(edits):
        edit(nodes)
    return ast.fix_missing_locations(tree)


def rule_files() -> list[Path]:
    """The files with rules; claims (`invariants.py`) are what rules are judged by."""
    named = (path for path in sorted(SPEC.rglob("*.py")) if path.name not in ("__init__.py", "invariants.py"))
    return [path for path in named if path.parent != SPEC or path.name not in NO_RULES]


def mutants() -> list[Mutant]:
    """Every mutant of every rule, in the order of the text."""
    found: list[Mutant] = []
    names: Counter[str] = Counter()
    for path in rule_files():
        file = path.relative_to(SPEC.parent).as_posix()
        tree = ast.parse(path.read_text(encoding="utf-8"))
        order = {id(node): number for number, node in enumerate(ast.walk(tree))}
        for function in functions(tree):
            for kind, what, edit in edits(function, order):
                name = f"{function.name}:{file}:{kind}:{' '.join(what.split())[:LONGEST]}"
                names[name] += 1
                again = f"#{names[name]}" if names[name] > 1 else ""
                last = function.end_lineno or function.lineno
                first = min([function.lineno, *(d.lineno for d in function.decorator_list)])
                found.append(Mutant(name + again, file, first, last, edit))
    return found


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    """The outermost functions and methods, but for invariants and what only prints."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef):
            if not is_claim(node) and node.name not in ("__repr__", "__str__"):
                yield node
        else:
            yield from functions(node)


def is_claim(function: ast.FunctionDef) -> bool:
    """Whether a function is an invariant."""
    return any("invariant" in ast.unparse(decorator) for decorator in function.decorator_list)


def edits(function: ast.FunctionDef, order: dict[int, int]) -> Iterator[tuple[str, str, Edit]]:
    """All changes of one function: kind, what is changed, and how."""
    for statement in function.body:
        for node in ast.walk(statement):
            at = order[id(node)]
            if isinstance(node, ast.If):
                yield from keyword_causes(node, order)
                yield "drop-check", check_name(node), dropped_check(at)
                yield "negate-check", check_name(node), negated_check(at)
            elif isinstance(node, ast.Compare) and type(node.ops[0]) in MOVED:
                yield "move-bound", ast.unparse(node), moved_bound(at)
            elif isinstance(node, ast.Constant) and type(node.value) is int:
                for change in (1, -1) if node.value else (1,):
                    yield (
                        f"constant{change:+}",
                        f"{node.value} in line {node.lineno - function.lineno}",
                        changed_constant(at, change),
                    )
            elif isinstance(node, ast.Call):
                yield from call_edits(node, at)
            if isinstance(node, ast.Call | ast.Tuple):
                yield from cause_edits(node, at)
    yield from swaps(function, order)


def call_edits(node: ast.Call, at: int) -> Iterator[tuple[str, str, Edit]]:
    """Operands and effects dropped."""
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    if name in CONNECTIVES and len(node.args) > 1:
        for i, operand in enumerate(node.args):
            yield "drop-operand", ast.unparse(operand), without_argument(at, i)
    elif name == "replace":
        for i, keyword in enumerate(node.keywords):
            yield "drop-effect", f"{keyword.arg}={ast.unparse(keyword.value)}", without_keyword(at, i)
    elif name == "ite" and len(node.args) == 3:
        yield "fix-choice", f"then {ast.unparse(node)}", replaced_by_argument(at, 1)
        yield "fix-choice", f"else {ast.unparse(node)}", replaced_by_argument(at, 2)
    elif isinstance(node.func, ast.Attribute) and node.func.attr in ("set", "set_range"):
        yield "drop-effect", ast.unparse(node), without_call(at)
    elif name == "RmpEntry":
        for i, keyword in enumerate(node.keywords):
            if not isinstance(keyword.value, ast.Constant):
                yield "drop-effect", f"{keyword.arg}={ast.unparse(keyword.value)}", zeroed_keyword(at, i)


def cause_edits(node: ast.Call | ast.Tuple, at: int) -> Iterator[tuple[str, str, Edit]]:
    """Named causes in a row: each dropped, each two swapped."""
    parts = node.args if isinstance(node, ast.Call) else node.elts
    for i, part in enumerate(parts):
        if (name := cause_name(part)) is not None:
            yield "drop-cause", name, without_argument(at, i)
            after = cause_name(parts[i + 1]) if i + 1 < len(parts) else None
            if after is not None:
                yield "swap-causes", f"{name}, {after}", swapped_arguments(at, i)


def keyword_causes(node: ast.If, order: dict[int, int]) -> Iterator[tuple[str, str, Edit]]:
    """Causes that an `if` passes by keyword, each never the case."""
    for call in ast.walk(node.test):
        if (
            isinstance(call, ast.Call)
            and isinstance(call.func, ast.Name)
            and call.func.id not in ("replace", "Outcome")
        ):
            for i, keyword in enumerate(call.keywords):
                if isinstance(keyword.value, ast.Call) and keyword.arg is not None:
                    yield "drop-cause", keyword.arg.replace("_", "-"), false_keyword(order[id(call)], i)


def swaps(function: ast.FunctionDef, order: dict[int, int]) -> Iterator[tuple[str, str, Edit]]:
    """Each two checks in a row swapped; what is computed between them is computed first."""
    for node in ast.walk(function):
        body = getattr(node, "body", None)
        if not isinstance(body, list):
            continue
        checks = [i for i, statement in enumerate(body) if isinstance(statement, ast.If)]
        for a, b in pairwise(checks):
            if all(isinstance(statement, ast.Assign) for statement in body[a + 1 : b]):
                yield "swap-checks", f"{check_name(body[a])}, {check_name(body[b])}", moved_check(order[id(node)], a, b)
