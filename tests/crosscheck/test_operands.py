import re
from pathlib import Path

from impl.firmware.guest_context import Activation
from sevspec.crosscheck.check_names import SAME, UNORDERED, is_same_check
from sevspec.crosscheck.operands import NOT_RUN, RUNNERS
from spec.everything import TRANSITIONS
from spec.registry import transition_info

ROOT = Path(__file__).parents[2]


def names_in(folder: str) -> set[str]:
    """Every string in the sources of one folder that looks like the name of a check."""
    sources = (path.read_text() for path in (ROOT / folder).rglob("*.py"))
    return {name for source in sources for name in re.findall(r'"([a-z0-9]+(?:-[a-z0-9]+)*)"', source)}


def test_every_registered_transition_is_run_or_named_with_a_reason():
    registered = {transition_info(transition).name for transition in TRANSITIONS}
    assert set(RUNNERS) | {name for name, _ in NOT_RUN} == registered
    assert not set(RUNNERS) & {name for name, _ in NOT_RUN}
    assert all(reason for _, reason in NOT_RUN)


def test_names_of_checks_are_those_of_the_sources():
    specified = names_in("spec")
    assert not {name for name in SAME if name not in specified}
    assert not {name for group in UNORDERED for name in group.split() if name not in specified}
    machine = names_in("impl") | {state.name.lower() for state in Activation}
    assert not {name for names in SAME.values() for name in names.split() if name not in machine}


def test_different_rules_are_told_apart():
    assert is_same_check("unassigned-operand", "unassigned-is-plain")
    assert is_same_check("owner-asid", "mutable")
    assert not is_same_check("immutable", "overlap")
    assert not is_same_check("permission-subset", "target-vmpl")
