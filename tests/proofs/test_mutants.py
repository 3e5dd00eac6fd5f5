"""Changes of the rules are made from their text, and noticed."""

import re

import pytest

from proofs.cache import Cache
from proofs.equivalence import EVERYWHERE, equivalent
from proofs.examples import examples_of, examples_of_functions, files_of
from proofs.mutants import BY_VECTORS, fates, known, noticed_by, reaching, selected
from proofs.universe import changed
from sevspec.mutation_report import TABLES, listed
from spec.rmp import psmash as psmash_module

PSMASH = "spec/rmp/psmash.py"
PAGE_STATE = "spec/rmp/page_state.py"
INSTRUCTIONS = (
    "rmpupdate",
    "rmpupdate_operand",
    "entry_check_order",
    "psmash",
    "pvalidate",
    "rmpadjust",
    "rmpquery",
    "rmpread",
    "virtualised",
    "ownership",
    "request_size",
    "translation",
    "cpu",
    "coverage",
)
"""The files of the RMP instructions and of the checks that they share."""


@pytest.fixture(scope="module")
def cases():
    """The cases of PSMASH."""
    return examples_of("psmash")


def first_mutant(kind, what, file=PSMASH):
    """The first mutant of a file of this kind."""
    return next(m for m in known() if m.file == file and m.kind == kind and m.what.startswith(what))


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
    mutant = first_mutant(kind, what)
    assert noticed_by(mutant, reaching(mutant, cases)).startswith("psmash-")


def test_equivalent_mutant_survives_is_proved_equivalent_and_is_listed(cases):
    mutant = first_mutant("swap-checks", "splittable")
    assert noticed_by(mutant, reaching(mutant, cases)) == ""
    assert equivalent(mutant, ["psmash"]) == EVERYWHERE
    assert mutant.name in listed()


@pytest.mark.parametrize(
    ("kind", "what"), [("drop-check", "page-size"), ("drop-effect", "page_size="), ("constant-1", "2097151")]
)
def test_mutant_that_differs_is_not_proved_equivalent(kind, what):
    assert equivalent(first_mutant(kind, what), ["psmash"]) == ""


def test_function_that_is_called_by_itself_has_cases_that_notice_a_dropped_operand():
    mutant = first_mutant("drop-operand", "entry.validated", PAGE_STATE)
    noticed = noticed_by(mutant, reaching(mutant, examples_of_functions(PAGE_STATE)))
    assert re.fullmatch(r"spec.rmp.page_state:is_hypervisor-\d+: another value", noticed)


@pytest.mark.slow
@pytest.mark.parametrize("name", INSTRUCTIONS)
def test_every_dropped_check_of_the_rmp_instructions_is_noticed_by_a_case(name):
    dropped = [m for m in selected([f"spec/rmp/{name}.py"]) if m.kind in ("drop-check", "drop-cause")]
    found = list(fates(dropped, jobs=1, cache=Cache(), proofs=False))
    assert len(found) == len(dropped)
    assert [fate for fate in found if fate.status != BY_VECTORS] == []


def test_mutant_that_no_case_notices_is_killed_by_proof():
    mutant = first_mutant("drop-check", "page-size")
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
    for mutant, reason in [entry for table in TABLES for entry in listed(table).items()]:
        assert mutant in names, f"no such mutant any more: {mutant}"
        assert len(reason.split()) >= 4, f"no reason: {mutant}"


def test_files_of_a_module_are_those_that_it_imports():
    found = files_of("spec.rmp.psmash")
    assert {PSMASH, "spec/rmp/authority.py", "spec/rmp/cpu.py"} <= found
    assert "spec/rmp/rmpupdate.py" not in found
