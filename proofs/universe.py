"""A second set of the modules of `spec/` and `proofs/`, in which some have a changed text.

The modules are executed anew from their source, so that everything that imports a changed one sees the change; the
usual ones are put back afterwards. Only plain data and pickles go in and out.
"""

import io
import pickle
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from types import FrameType, ModuleType
from typing import Any

from proofs.edits import Edit
from proofs.mutate import SPEC, Mutant, changed_tree
from spec.maps import Map
from spec.record import is_record

REMADE = ("spec", "proofs")


class Changed(MetaPathFinder, Loader):
    """Finds the changed modules, with their changed texts."""

    def __init__(self, mutants: Sequence[Mutant]) -> None:
        self.edits: dict[str, list[Edit]] = {}
        self.files: dict[str, str] = {}
        for mutant in mutants:
            self.edits.setdefault(mutant.module, []).append(mutant.edit)
            self.files[mutant.module] = mutant.file

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """A changed module, and no other."""
        _ = path, target
        return spec_from_loader(fullname, self, origin=self.files[fullname]) if fullname in self.files else None

    def exec_module(self, module: ModuleType) -> None:
        """Run the changed text."""
        name = module.__name__
        module.__file__ = str(SPEC.parent / self.files[name])
        tree = changed_tree(self.files[name], self.edits[name])
        exec(compile(tree, module.__file__, "exec"), module.__dict__)  # noqa: S102 - our own text


@contextmanager
def changed(*mutants: Mutant) -> Iterator[None]:
    """Inside, importing `spec` or `proofs` gives the changed modules."""
    usual = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in REMADE}
    finder = Changed(mutants)
    for name in usual:
        del sys.modules[name]
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if name.partition(".")[0] in REMADE]:
            del sys.modules[name]
        sys.modules.update(usual)


class Pickler(pickle.Pickler):
    """Pickles records by their fields and tables by their entries, so that they are checked anew where they arrive."""

    def reducer_override(self, value: Any) -> Any:
        """How to make a record or a table again."""
        if is_record(type(value)):
            return type(value), tuple(value)
        if isinstance(value, Map):
            return _table, (value._default, tuple(value.changed()))
        return NotImplemented


def _table(default: Any, items: tuple[tuple[Any, Any], ...]) -> Any:
    from spec.maps import Map as Table

    table: Any = Table(default)
    for key, value in items:
        table = table.set(key, value)
    return table


def pickled(value: Any) -> bytes:
    """A value as bytes that another set of modules can read."""
    buffer = io.BytesIO()
    Pickler(buffer).dump(value)
    return buffer.getvalue()


@contextmanager
def at_most(seconds: int) -> Iterator[None]:
    """TimeoutError for what does not end; a changed rule may not.

    A call of z3 that is interrupted raises another error, which says nothing of the rule.
    """
    fired = False

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal fired
        fired = True
        raise TimeoutError(f"more than {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    except Exception as error:
        if fired:
            raise TimeoutError(f"more than {seconds} s") from error
        raise
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
