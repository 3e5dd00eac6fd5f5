"""The test cases that mutants are tried on: made anew from the original rules, with what each of them runs."""

import ast
import os
import pickle
import sys
from collections.abc import Callable, Collection
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from types import FrameType
from typing import Any

from proofs.cache import Cache
from proofs.mutate import SPEC
from proofs.universe import pickled
from proofs.vectors import cases, targets
from spec.registry import transition_info


@dataclass(frozen=True)
class Example:
    """A case of the original, as bytes, and the lines at which the functions begin that it runs."""

    name: str
    content: bytes
    """Transition, state, operands and outcome."""
    reached: frozenset[tuple[str, int]]


def examples_of(name: str) -> list[Example]:
    """The cases of one transition, traced; made in another process, so that they are always the same."""
    suite, transition = next((s, t) for s, t in targets() if transition_info(t).name == name)
    found = []
    for case in cases(suite, transition):
        reached = traced(lambda case=case: transition(case.before, case.op))  # type: ignore[misc]  # the loop's value
        whole = (transition.__module__, transition.__name__, case.before, case.op, tuple(case.outcome))
        found.append(Example(case.name, pickled(whole), reached))
    return found


def traced(step: Callable[[], Any]) -> frozenset[tuple[str, int]]:
    """The functions of `spec/` that a step runs: file and first line."""
    reached: set[tuple[str, int]] = set()
    root = str(SPEC)

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(root):
            reached.add((os.path.relpath(frame.f_code.co_filename, SPEC.parent), frame.f_code.co_firstlineno))

    sys.setprofile(note)
    try:
        step()
    finally:
        sys.setprofile(None)
    return frozenset(reached)


def examples(files: Collection[str], jobs: int, cache: Cache | None) -> list[Example]:
    """The cases of every transition that can run these files, from the cache where it has them."""
    names = [transition_info(t).name for _, t in targets() if files_of(t.__module__) & set(files)]
    kept = {n: cache.load_bytes({"examples": n}) if cache is not None else None for n in names}
    found = {name: pickle.loads(content) for name, content in kept.items() if content is not None}  # noqa: S301 - our own cache
    missing = [name for name in names if name not in found]
    if missing:
        with ProcessPoolExecutor(jobs, max_tasks_per_child=1) as pool:
            for name, made in zip(missing, pool.map(examples_of, missing), strict=True):
                found[name] = made
                if cache is not None:
                    cache.store_bytes({"examples": name}, pickle.dumps(made))
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
        tree = ast.parse(path.read_text(encoding="utf-8"))
        pending += [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
    return found
