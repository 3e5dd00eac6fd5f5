"""The plain form of a rule answers what the rule answers, and is no other text."""

import sys
from types import FunctionType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proofs.vectors import targets
from sevspec.bench.rates import GUEST, acceptance, with_pages
from sevspec.plain_rules import is_rule, namespace, plain
from spec import logic
from spec.registry import operands_of, transition_info
from spec.rmp.ownership import is_held
from spec.rmp.pvalidate import on_page, pvalidate
from spec.vocabulary import Eax
from tests.proofs.plain_values import plain_values

TARGETS = {transition_info(transition).name: (suite, transition) for suite, transition in targets()}
EXAMPLES = 12 if settings.default.max_examples <= 100 else 400
"""For each transition; there are many."""


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_plain_form_answers_what_the_rule_answers(name, data):
    suite, transition = TARGETS[name]
    before = data.draw(plain_values(suite.state_type, 10), "state")
    operands = data.draw(plain_values(operands_of(transition), 8), "operands")
    assert plain(transition)(before, operands) == transition(before, operands)


def test_plain_form_keeps_name_lines_and_metadata():
    quick = plain(pvalidate)
    assert quick is not pvalidate
    assert (quick.__name__, quick.__code__.co_filename) == (pvalidate.__name__, pvalidate.__code__.co_filename)
    assert quick.__code__.co_firstlineno == pvalidate.__code__.co_firstlineno
    assert transition_info(quick) == transition_info(pvalidate)


def test_plain_form_calls_plain_forms_and_no_word_of_two_terms():
    names = plain(on_page).__globals__
    assert names["first_of"] is logic.first_of
    assert names["is_one_size"] is plain(names["is_one_size"])
    assert not {"all_of", "none_of", "ite"} & set(plain(on_page).__code__.co_names)
    assert "any_of" not in plain(is_held).__code__.co_names


@pytest.mark.parametrize("module", sorted({transition.__module__ for _, transition in TARGETS.values()}))
def test_every_function_of_a_module_has_a_plain_form(module):
    rules = {n for n, v in vars(sys.modules[module]).items() if is_rule(v) and v.__module__ == module}
    assert rules
    for name in rules:
        made = namespace(module)[name]
        assert isinstance(made, FunctionType)
        assert made is not getattr(sys.modules[module], name)


def test_plain_form_accepts_a_page():
    outcome = plain(pvalidate)(with_pages(validated=False), acceptance(3))
    assert (outcome.result, outcome.check) == (Eax.SUCCESS, "validated-set")
    assert GUEST.vmpl == 0
