"""The test cases that mutants are tried on: made anew from the original rules, with what each of them runs."""

import ast
import os
import pickle
import sys
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

from proofs.cache import Cache
from proofs.functions import CANNOT, as_step, called, parameters, step_named
from proofs.mutate import SPEC, is_claim
from proofs.universe import pickled
from proofs.vectors import cases, targets
from spec.registry import parameters_of, transition_info


@dataclass(frozen=True)
class Example:
    """A case of the original, as bytes, and the lines at which the functions begin that it runs."""

    name: str
    content: bytes
    """Module, function, arguments by name, what it gives, and whether that is an outcome."""
    reached: frozenset[tuple[str, int]]


def examples_of(name: str) -> list[Example]:
    """The cases of one transition, traced; made in another process, so that they are always the same."""
    suite, transition = step_named(name)
    found = []
    for case in cases(suite, transition):
        arguments = dict(zip(parameters_of(transition), (case.before, case.op), strict=True))
        whole = (transition.__module__, transition.__name__, arguments, tuple(case.outcome), True)
        found.append(Example(case.name, pickled(whole), traced(transition, arguments)))
    return found


def examples_of_functions(file: str) -> list[Example]:
    """The cases of the functions of one file, each called by itself; none of those that cannot be explored."""
    module = file.removesuffix(".py").replace("/", ".")
    found: list[Example] = []
    for name in names_in(file):
        try:
            step = as_step(module, name)
            made = list(cases(*step)) if step is not None else []
        except CANNOT:
            continue
        for case in made:
            arguments = dict(zip(parameters(module, name) or (), case.op, strict=True))
            whole = (module, name, arguments, (case.outcome.output,), False)
            ran = traced(called(module, name), arguments)
            found.append(Example(f"{module}:{name}-{case.number:03}", pickled(whole), ran))
    return found


def names_in(file: str) -> list[str]:
    """The functions of a file but for claims, and what calling an instance of a class does."""
    tree = ast.parse((SPEC.parent / file).read_text(encoding="utf-8"))
    inner = [(node, part) for node in tree.body if isinstance(node, ast.ClassDef) for part in node.body]
    calls = [f"{c.name}.__call__" for c, part in inner if isinstance(part, ast.FunctionDef) and part.name == "__call__"]
    return calls + [node.name for node in tree.body if isinstance(node, ast.FunctionDef) and not is_claim(node)]


def traced(function: Callable[..., Any], arguments: dict[str, Any]) -> frozenset[tuple[str, int]]:
    """The functions of `spec/` that a call runs: file and first line."""
    reached: set[tuple[str, int]] = set()
    root = str(SPEC)

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(root):
            reached.add((os.path.relpath(frame.f_code.co_filename, SPEC.parent), frame.f_code.co_firstlineno))

    sys.setprofile(note)
    try:
        function(**arguments)
    finally:
        sys.setprofile(None)
    return frozenset(reached)


def running(files: Collection[str]) -> list[str]:
    """The transitions whose text can run these files, those with the shortest text first."""
    texts = {transition_info(t).name: files_of(t.__module__) for _, t in targets()}
    return sorted((name for name in texts if texts[name] & set(files)), key=lambda name: len(texts[name]))


def examples(
    names: Sequence[str], jobs: int, cache: Cache | None, make: Callable[[str], list[Example]] = examples_of
) -> list[Example]:
    """The cases of these transitions, or files, from the cache where it has them."""
    keys = {name: {make.__name__: name} for name in names}
    kept = {name: cache.load_bytes(key) if cache is not None else None for name, key in keys.items()}
    found = {name: pickle.loads(content) for name, content in kept.items() if content is not None}  # noqa: S301 - our own cache
    missing = [name for name in names if name not in found]
    if missing:
        with ProcessPoolExecutor(jobs, max_tasks_per_child=1) as pool:
            for name, made in zip(missing, pool.map(make, missing), strict=True):
                found[name] = made
                if cache is not None:
                    cache.store_bytes(keys[name], pickle.dumps(made))
    return [example for name in names for example in found[name]]


def files_of(module: str) -> set[str]:
    """The files of a module of `spec/` and of all modules that it imports."""
    found: set[str] = set()
    pending = [module]
    while pending:
        name = pending.pop()
        path = SPEC.parent / f"{name.replace('.', '/')}.py"
        file = path.relative_to(SPEC.parent).as_posix()
        if file in found or not path.is_file():
            continue
        found.add(file)
        pending += imported_by(path)
    return found


@cache
def imported_by(path: Path) -> list[str]:
    """The modules that a file imports names from."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
