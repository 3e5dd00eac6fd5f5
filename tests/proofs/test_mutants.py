"""Changes of the rules are made from their text, and noticed."""

import pytest

from proofs.examples import examples_of, files_of
from proofs.mutants import BY_VECTORS, SURVIVES, fate_of, known, reaching
from proofs.universe import changed
from sevspec.mutation_report import listed
from spec.rmp import psmash as psmash_module

PSMASH = "spec/rmp/psmash.py"


@pytest.fixture(scope="module")
def cases():
    """The cases of PSMASH."""
    return examples_of("psmash")


def fate(kind, what, cases):
    """What becomes of the first mutant of PSMASH of this kind."""
    mutant = next(m for m in known() if m.file == PSMASH and m.kind == kind and m.what.startswith(what))
    contents = [(case.name, case.content) for case in reaching(mutant, cases)]
    return fate_of(mutant, contents, frozenset())


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        ("drop-check", "page-size"),
        ("drop-check", "in-use"),
        ("negate-check", "in-use"),
        ("drop-cause", "covered"),
        ("swap-causes", "spa-alignment"),
        ("swap-checks", "host_instruction_refused"),
        ("drop-operand", "op.contended"),
        ("drop-effect", "system.rmp.set_range"),
        ("drop-effect", "page_size="),
        ("constant-1", "2097151"),
    ],
)
def test_mutant_is_killed_by_vectors(kind, what, cases):
    found = fate(kind, what, cases)
    assert found.status == BY_VECTORS, found


def test_equivalent_mutant_survives_and_is_listed(cases):
    found = fate("swap-checks", "splittable", cases)
    assert found.status == SURVIVES
    assert found.mutant in listed()


def test_mutant_that_no_case_notices_is_killed_by_proof():
    mutant = next(m for m in known() if m.file == PSMASH and m.kind == "drop-check" and m.what == "page-size")
    with changed(mutant):
        from proofs.killing import worse

        assert worse(["psmash"], frozenset()).startswith("psmash ")


def test_usual_modules_are_back_after_a_mutant():
    mutant = next(m for m in known() if m.file == PSMASH)
    with changed(mutant):
        from spec.rmp import psmash as other

        assert other is not psmash_module
    from spec.rmp import psmash as again

    assert again is psmash_module


def test_mutant_names_are_unique():
    names = [mutant.name for mutant in known()]
    assert len(names) == len(set(names))
    assert len(names) > 1000


def test_survivors_exist_and_have_reasons():
    names = {mutant.name for mutant in known()}
    for mutant, reason in listed().items():
        assert mutant in names, f"no such mutant any more: {mutant}"
        assert len(reason.split()) >= 4, f"no reason: {mutant}"


def test_files_of_a_module_are_those_that_it_imports():
    found = files_of("spec.rmp.psmash")
    assert {PSMASH, "spec/rmp/authority.py", "spec/rmp/cpu.py"} <= found
    assert "spec/rmp/rmpupdate.py" not in found
