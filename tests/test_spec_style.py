"""The specification is written in the small part of Python that means the same on numbers and on solver terms.

A rule of `spec/` runs on plain values and, unchanged, on terms of a solver. Python decides `and`, `in` or `min` at
once, and a term cannot answer; a mutation would outlive the path it was made on. So these are not written in `spec/`.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
SPEC = ROOT / "spec"

# These files make the language of rules or describe it; their functions never meet a term, or know that they do.
LANGUAGE = ("knobs.py", "logic.py", "maps.py", "record.py", "registry.py", "vocabulary.py")

IMPURE = frozenset(
    "asyncio builtins ctypes datetime glob importlib inspect io json logging multiprocessing os pathlib pickle random "
    "secrets shutil socket sqlite3 struct subprocess sys tempfile threading time urllib warnings".split()
)
"""Standard modules that do I/O, read the clock, roll dice or handle bytes."""
PERSISTENT_MAP = "immutables"

DECIDES_AT_ONCE = {
    "all": "all_of",
    "any": "any_of",
    "bool": "the condition itself",
    "max": "ite",
    "min": "ite",
}
HASHES = frozenset({"dict", "frozenset", "hash", "set"})
MUTATES = frozenset({"append", "clear", "extend", "insert", "popitem", "setdefault"})


class Finding(NamedTuple):
    """One place that breaks one rule."""

    line: int
    rule: str
    message: str


def imports(tree: ast.AST) -> Iterator[Finding]:
    """`spec/` imports itself, harmless parts of the standard library, and the persistent map."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
        else:
            continue
        for name in names:
            top = name.partition(".")[0]
            known = top in ("spec", PERSISTENT_MAP) or top in sys.stdlib_module_names
            if not known or top in IMPURE:
                yield Finding(node.lineno, "import", f"no `{name}` in spec/: no solver, no I/O, no bytes, no chance")


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    """The outermost functions and methods; those inside them are part of them. `__repr__` and `__str__` only print."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef):
            if node.name not in ("__repr__", "__str__"):
                yield node
        else:
            yield from functions(node)


def is_declared_constant(node: ast.expr) -> bool:
    """Whether a loop bound is a literal or an UPPER_CASE name, or arithmetic on such."""
    if isinstance(node, ast.BinOp):
        return is_declared_constant(node.left) and is_declared_constant(node.right)
    return isinstance(node, ast.Constant) or (isinstance(node, ast.Name) and node.id.isupper())


def comparison(node: ast.Compare) -> Iterator[Finding]:
    """Comparisons that decide at once."""
    if len(node.ops) > 1:
        yield Finding(node.lineno, "chained-comparison", "write all_of(a < b, b < c)")
    for op, right in zip(node.ops, node.comparators, strict=True):
        if isinstance(op, ast.In | ast.NotIn):
            yield Finding(node.lineno, "membership", "write any_of(x == a, x == b), or any_in_range")
        if isinstance(op, ast.Is | ast.IsNot) and not (isinstance(right, ast.Constant) and right.value is None):
            yield Finding(node.lineno, "identity", "compare with ==; only `is None` and `is not None` are allowed")


def call(node: ast.Call) -> Iterator[Finding]:
    """Calls that decide at once, hash, mutate, or loop over a bound that may be a term."""
    if isinstance(node.func, ast.Name):
        name = node.func.id
        if name in DECIDES_AT_ONCE:
            yield Finding(node.lineno, "builtin", f"`{name}` decides at once; write {DECIDES_AT_ONCE[name]}")
        if name in HASHES:
            yield Finding(node.lineno, "hashing", f"`{name}` hashes, and a term has no hash; use a tuple or a Map")
        if name == "range" and not all(is_declared_constant(argument) for argument in node.args):
            yield Finding(node.lineno, "loop-bound", "loop to a literal or a CONSTANT; or use all_in_range, set_range")
    elif isinstance(node.func, ast.Attribute) and node.func.attr in MUTATES:
        yield Finding(node.lineno, "mutation", f"`.{node.func.attr}` changes a value in place; build a new one")


def assignment(node: ast.AugAssign | ast.Assign | ast.AnnAssign | ast.Delete | ast.For) -> Iterator[Finding]:
    """Stores into something that exists already. `names += (name,)` builds a local tuple and is allowed."""
    if isinstance(node, ast.AugAssign):
        local = isinstance(node.target, ast.Name)
        if not (local and isinstance(node.op, ast.Add) and isinstance(node.value, ast.Tuple)):
            yield Finding(node.lineno, "mutation", "no augmented assignment, but to a local tuple: `names += (name,)`")
        return
    if isinstance(node, ast.Delete):
        yield Finding(node.lineno, "mutation", "nothing is deleted; build a new value with replace")
        return
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    parts = [part for target in targets for part in ast.walk(target) if isinstance(part, ast.Attribute | ast.Subscript)]
    if any(isinstance(part.ctx, ast.Store) for part in parts):
        yield Finding(node.lineno, "mutation", "no assignment to an attribute or an item; build a new value")


def judge(node: ast.AST) -> Iterator[Finding]:
    """What one node of a function's body breaks."""
    match node:
        case ast.BoolOp():
            word = "all_of" if isinstance(node.op, ast.And) else "any_of"
            yield Finding(node.lineno, "and-or", f"`and` and `or` decide at once; write {word}(...)")
        case ast.Compare():
            yield from comparison(node)
        case ast.Call():
            yield from call(node)
        case ast.Match():
            yield Finding(node.lineno, "match", "write one `if` for each outcome")
        case ast.Try() | ast.TryStar():
            yield Finding(node.lineno, "try", "a rule raises nothing and catches nothing; it returns an outcome")
        case ast.While():
            yield Finding(node.lineno, "while", "a rule takes one step; keep a cursor in the state")
        case ast.Global() | ast.Nonlocal():
            yield Finding(node.lineno, "mutation", "a rule sees its arguments and nothing else")
        case ast.AugAssign() | ast.Assign() | ast.AnnAssign() | ast.Delete() | ast.For():
            yield from assignment(node)
        case ast.Set() | ast.Dict() | ast.SetComp() | ast.DictComp():
            yield Finding(node.lineno, "hashing", "sets and dictionaries hash, and a term has no hash; use a tuple")


def bodies(tree: ast.AST) -> Iterator[Finding]:
    """What the bodies of functions break. Decorators, annotations and defaults run once, on plain values."""
    for function in functions(tree):
        for statement in function.body:
            for node in ast.walk(statement):
                yield from judge(node)


def findings(source: str, *, language: bool = False) -> list[Finding]:
    """All findings in one file, in order."""
    tree = ast.parse(source)
    found = [*imports(tree), *([] if language else bodies(tree))]
    return sorted(found)


def spec_files() -> list[Path]:
    """Every file of the specification."""
    return sorted(SPEC.rglob("*.py"))


def test_spec_has_files() -> None:
    """Nothing below passes because there was nothing to read."""
    assert spec_files()
    assert all((SPEC / name).is_file() for name in LANGUAGE)


@pytest.mark.parametrize("path", spec_files(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_spec_file_keeps_to_the_language(path: Path) -> None:
    """One file; each finding is `file:line: rule: what to write instead`."""
    name = path.relative_to(ROOT).as_posix()
    found = findings(path.read_text(encoding="utf-8"), language=path.parent == SPEC and path.name in LANGUAGE)
    assert not found, "\n" + "\n".join(f"{name}:{line}: {rule}: {message}" for line, rule, message in found)


# --- the check checks ------------------------------------------------------------------------------------------------

FORBIDDEN = [
    ("and-or", "return a and b"),
    ("and-or", "if not a or b: return 1"),
    ("and-or", "return (lambda x: x or a)(b)"),
    ("chained-comparison", "return 0 <= a < b"),
    ("membership", "return a in (1, 2)"),
    ("membership", "return a not in b"),
    ("identity", "return a is b"),
    ("identity", "return a is True"),
    ("identity", "return a is not b"),
    ("builtin", "return min(a, b)"),
    ("builtin", "return max(a, b)"),
    ("builtin", "return any([a, b])"),
    ("builtin", "return all(x == 1 for x in (a, b))"),
    ("builtin", "return bool(a)"),
    ("match", "match a:\n        case 1: return b"),
    ("try", "try:\n        return a\n    except KeyError:\n        return b"),
    ("while", "while a: a = b"),
    ("mutation", "a.field = b"),
    ("mutation", "a[0] = b"),
    ("mutation", "a[0], c = b"),
    ("mutation", "a.field: int = b"),
    ("mutation", "for a.field in (1, 2): pass"),
    ("mutation", "a += 1"),
    ("mutation", "a.field += 1"),
    ("mutation", "a += b"),
    ("mutation", "a.append(b)"),
    ("mutation", "del a"),
    ("mutation", "global a"),
    ("hashing", "return {a, b}"),
    ("hashing", "return {a: b}"),
    ("hashing", "return {x for x in (a, b)}"),
    ("hashing", "return {x: 1 for x in (a, b)}"),
    ("hashing", "return hash(a)"),
    ("hashing", "return set(b)"),
    ("loop-bound", "for x in range(a): pass"),
    ("loop-bound", "return tuple(x for x in range(0, a + 1))"),
]

ALLOWED = [
    "return a",
    "if not a: return b",
    "return a is None",
    "if (refused := b(a)) is not None: return refused",
    "return all_of(a == 1, any_of(b < 2, none_of(a > b)))",
    "c = a.field\n    return c + b",
    "c, d = a\n    return d",
    "c: int = a\n    return c",
    "names = ()\n    for x in (1, 2): names += (x,)\n    return names",
    "return a[0]",
    "return a.set(1, b)",
    "for x in VMPLS: c = x\n    return c",
    "return tuple(x for x in range(4))",
    "return tuple(x for x in range(1, PAGES_PER_2M - 1))",
    "return ite(a, 1, 2)",
]


def in_a_function(body: str) -> str:
    """A rule with this body."""
    return f"def rule(a, b):\n    {body}\n"


@pytest.mark.parametrize(("rule", "body"), FORBIDDEN)
def test_forbidden_form_is_found_under_its_own_rule(rule: str, body: str) -> None:
    """Each form breaks exactly the rule it is listed under."""
    assert {finding.rule for finding in findings(in_a_function(body))} == {rule}


@pytest.mark.parametrize("body", ALLOWED)
def test_allowed_form_is_not_found(body: str) -> None:
    """What rules are made of."""
    assert findings(in_a_function(body)) == []


@pytest.mark.parametrize("rule", sorted({rule for rule, _ in FORBIDDEN}))
def test_method_and_inner_function_are_read_too(rule: str) -> None:
    """A rule holds in methods and in functions inside functions, and is reported once."""
    body = next(body for name, body in FORBIDDEN if name == rule)
    body = body.replace("\n", "\n" + 8 * " ")
    inner = f"class Entry:\n    def of(self, a, b):\n        def inner():\n            {body}\n"
    assert [finding.rule for finding in findings(inner)] == [rule]


@pytest.mark.parametrize(
    "line",
    [
        "import z3",
        "import os.path",
        "from sys import argv",
        "import io",
        "from pathlib import Path",
        "import json",
        "import random",
        "from z3 import And",
        "from impl.machine import Machine",
        "import hypothesis",
    ],
)
def test_import_is_refused_even_in_the_language_files(line: str) -> None:
    """No file of spec/ may import these, and no function of it."""
    assert [finding.rule for finding in findings(line, language=True)] == ["import"]
    assert [finding.rule for finding in findings(in_a_function(line))] == ["import"]


@pytest.mark.parametrize(
    "line",
    [
        "from spec.logic import ite",
        "from typing import Annotated",
        "from immutables import Map",
        "from enum import IntEnum",
    ],
)
def test_import_is_accepted(line: str) -> None:
    """The specification itself, harmless standard modules, the persistent map."""
    assert findings(line) == []


def test_decorators_and_module_level_tables_are_not_rules() -> None:
    """They run once, on plain values."""
    source = "ORDERS = {1: 2}\n@transition(domains={1: 2})\ndef rule(a: int = max(1, 2)) -> int:\n    return a\n"
    assert findings(source) == []


def test_language_file_is_read_for_its_imports_only() -> None:
    """spec/logic.py has to decide."""
    assert findings(in_a_function("return a and b"), language=True) == []


def test_finding_names_the_line() -> None:
    """Two findings of one file come in order, with their lines."""
    source = "def rule(a, b):\n    c = a in b\n    return c and b\n"
    assert [(finding.line, finding.rule) for finding in findings(source)] == [(2, "membership"), (3, "and-or")]
