"""The mutants of the files of `spec/` that a change touches: each is noticed by a case, or is a listed survivor."""

import os
import subprocess

import pytest

from proofs.cache import Cache
from proofs.mutants import BY_VECTORS, fates, known, selected
from proofs.mutate import SPEC
from sevspec.mutation_report import TABLES, listed

SAMPLE = ("spec/rmp/rmpread.py", "spec/rmp/coverage.py", "spec/rmp/request_size.py", "spec/firmware/decommission.py")
"""Always tried: small files of four kinds."""


def changed_files():
    """The files with rules that differ from the last commit, or from the one that SEVSPEC_BASE names."""
    base = os.environ.get("SEVSPEC_BASE", "HEAD")
    command = ["git", "-C", str(SPEC.parent), "diff", "--name-only", base, "--", "spec"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    with_mutants = {mutant.file for mutant in known()}
    return sorted(with_mutants & set(found.stdout.split()))


@pytest.mark.parametrize("file", sorted({*SAMPLE, *changed_files()}))
def test_mutants_of_changed_file_are_noticed_or_listed(file):
    found = list(fates(selected([file]), jobs=1, cache=Cache(), proofs=False))
    assert found
    for table, status in TABLES.items():
        assert {fate.mutant for fate in found if fate.status == status} <= set(listed(table))
    assert {fate.status for fate in found} <= {BY_VECTORS, *TABLES.values()}
