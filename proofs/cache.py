"""Answers kept on disk under a hash of everything that they depend on."""

import hashlib
import json
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import proofs
import spec
from proofs.solvers import SOLVERS, version_of

KEPT_TREES = 8
"""Answers of older source texts are thrown away."""


def default_folder() -> Path:
    """`$XDG_CACHE_HOME/sevspec`, or `~/.cache/sevspec`."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "sevspec"


def source_files() -> list[Path]:
    """Every source file that a verdict can depend on."""
    folders = [Path(package.__file__ or "").parent for package in (spec, proofs)]
    return sorted(path for folder in folders for path in folder.rglob("*.py"))


def tree_hash() -> str:
    """A hash of all texts of `spec/` and `proofs/`, and of the versions of Python and the solvers."""
    digest = hashlib.sha256()
    versions = [f"{solver} {version_of(solver)}" for solver in SOLVERS]
    digest.update("\n".join([platform.python_version(), *versions]).encode())
    for path in source_files():
        text = path.read_bytes()
        digest.update(f"\n{path.parent.name}/{path.name} {len(text)}\n".encode() + text)
    return digest.hexdigest()[:32]


class Cache:
    """A folder of answers for the source texts as they are now."""

    def __init__(self, folder: Path | None = None) -> None:
        self.root = folder or default_folder()
        self.folder = self.root / tree_hash()

    def _file(self, key: Mapping[str, Any], suffix: str) -> Path:
        name = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:32]
        return self.folder / f"{name}{suffix}"

    def load(self, key: Mapping[str, Any]) -> Any:
        """The data stored under a key, or None."""
        content = self.load_bytes(key)
        return None if content is None else json.loads(content)

    def store(self, key: Mapping[str, Any], data: Any) -> None:
        """Keep data under a key."""
        self.store_bytes(key, json.dumps(data).encode())

    def load_bytes(self, key: Mapping[str, Any]) -> bytes | None:
        """The bytes stored under a key, or None."""
        path = self._file(key, ".cached")
        return path.read_bytes() if path.is_file() else None

    def store_bytes(self, key: Mapping[str, Any], content: bytes) -> None:
        """Keep bytes under a key; a folder that cannot be written keeps nothing."""
        try:
            if not self.folder.is_dir():
                self.folder.mkdir(parents=True)
                self._forget_old_trees()
            path = self._file(key, ".cached")
            unfinished = path.with_suffix(f".{os.getpid()}")
            unfinished.write_bytes(content)
            unfinished.replace(path)
        except OSError:
            return

    def _forget_old_trees(self) -> None:
        trees = sorted((p for p in self.root.iterdir() if p.is_dir()), key=lambda p: p.stat().st_mtime)
        for tree in trees[:-KEPT_TREES]:
            for path in tree.iterdir():
                path.unlink()
            tree.rmdir()
