"""Wrong claims of a small machine, each wrong in one way that the engine could overlook; every one must fail.

Each has a right neighbour where that is of use: what is proved shows that the claim fails for the reason given.
"""

from typing import Annotated

import pytest
import z3

from proofs import obligations
from proofs.equivalence import unlike, way_of
from proofs.explore import explore, unknown
from proofs.induction import hypothesis
from proofs.solving import FAILED, PROVED
from proofs.suite import Suite
from spec.logic import all_in_range, all_of, any_in_range, any_of, implies, ite, none_of
from spec.maps import Map
from spec.record import record, replace
from spec.registry import Outcome, invariant, transition
from spec.vocabulary import Actor, Bits, Evidence, Guarantor, Status

Key = Annotated[int, Bits(12)]
Small = Annotated[int, Bits(8)]
BLOCK = 4


@record
class Cell:
    """What stands at a key."""

    held: bool
    owner: Small


@record
class Machine:
    """Two tables, two numbers, a flag."""

    cells: Map[Key, Cell]
    spare: Map[Key, Cell]
    limit: Small
    used: Small
    locked: bool


@record
class Op:
    """Operands of every step here."""

    key: Key
    value: Small
    flag: bool
    again: bool
    table: Map[Key, Cell]


@record
class HeldBy:
    """A property that is counted."""

    owner: Small

    def __call__(self, cell: Cell) -> bool:
        return all_of(cell.held, cell.owner == self.owner)


@record
class HeldInBlock:
    """A part of a total: how many cells of a block are held by an owner."""

    owner: Small

    def __call__(self, cells: Map[Key, Cell], first: Key) -> int:
        return cells.count_in_range(first, BLOCK, HeldBy(self.owner))


def is_held(cell: Cell) -> bool:
    """A property that is counted."""
    return cell.held


def held(cells: Map[Key, Cell], first: Key) -> int:
    """A part of a total."""
    return cells.count_in_range(first, BLOCK, is_held)


def step(function):
    """A transition."""
    function.__annotations__ = {"system": Machine, "op": Op, "return": Outcome}
    return transition(actor=Actor.HARDWARE, manual="nowhere")(function)


def claim(function):
    """An invariant."""
    return invariant("TEST", guarantor=Guarantor.NOBODY, manual="nowhere")(function)


def done(system, **changes):
    """The step is taken."""
    return Outcome(Status.SUCCESS, "done", replace(system, **changes), Evidence.INFERRED)


def refused(system):
    """The step is not taken."""
    return Outcome(Status.INVALID_PARAM, "refused", system, Evidence.INFERRED)


def status(transition, *invariants, of=None, assumptions=()):
    """What becomes of the first invariant, or of another obligation, if all are assumed before."""
    states = tuple(i for i in invariants if "system" in i.__annotations__)
    suite = Suite("engine", Machine, (transition,), invariants, states, assumptions)
    wanted = of or invariants[0].__name__
    return next(v.status for v in obligations.prove_transition(suite, transition) if v.claim == wanted)


# --- tables ---


@step
def put(system, op):
    return done(system, cells=system.cells.set(op.key, Cell(True, op.value)))


@claim
def held_cells_have_owners(system: Machine, key: Key) -> bool:
    return implies(system.cells[key].held, system.cells[key].owner != 0)


def test_a_write_that_breaks_the_claim_at_its_own_key_only():
    assert status(put, held_cells_have_owners) == FAILED


@claim
def pairs_are_held_together(system: Machine, key: Key) -> bool:
    return implies(system.cells[key & ~1].held, system.cells[key | 1].held)


def test_a_write_that_breaks_the_claim_at_another_key_only():
    @step
    def clear_odd(system, op):
        return done(system, cells=system.cells.set(op.key | 1, Cell(False, 0)))

    @step
    def clear_even(system, op):
        return done(system, cells=system.cells.set(op.key & ~1 & 0xFFF, Cell(False, 0)))

    assert status(clear_odd, pairs_are_held_together) == FAILED
    assert status(clear_even, pairs_are_held_together) == PROVED


@claim
def owners_are_unique(system: Machine, key: Key, other: Key) -> bool:
    cells = system.cells
    alike = all_of(cells[key].held, cells[other].held, cells[key].owner == cells[other].owner)
    return implies(alike, key == other)


def test_a_write_that_breaks_a_claim_of_two_keys():
    assert status(put, owners_are_unique) == FAILED


def test_a_write_through_an_alias():
    @step
    def swap(system, op):
        """Wrong where both keys are one."""
        one, other = system.cells[op.key], system.cells[op.value]
        return done(system, cells=system.cells.set(op.key, Cell(False, 0)).set(op.value, one), used=other.owner)

    @claim
    def the_first_cell_is_free(after: Machine, op: Op) -> bool:
        return none_of(after.cells[op.key].held)

    @claim
    def the_first_cell_is_free_if_another(after: Machine, op: Op) -> bool:
        return implies(op.key != op.value, none_of(after.cells[op.key].held))

    assert status(swap, the_first_cell_is_free) == FAILED
    assert status(swap, the_first_cell_is_free_if_another) == PROVED


def test_a_part_of_a_value_that_an_update_keeps_from_another_key():
    @step
    def copy(system, op):
        return done(system, cells=system.cells.set(op.key, replace(system.cells[op.key], owner=op.value)))

    @claim
    def others_keep_their_owner(before: Machine, after: Machine, op: Op, key: Key) -> bool:
        return before.cells[key].owner == after.cells[key].owner

    @claim
    def all_stay_held(before: Machine, after: Machine, key: Key) -> bool:
        return none_of(before.cells[key].held) == none_of(after.cells[key].held)

    assert status(copy, others_keep_their_owner) == FAILED
    assert status(copy, all_stay_held) == PROVED


# --- frames ---


@claim
def used_cells_are_within_the_limit(system: Machine) -> bool:
    return system.used <= system.limit


def test_a_step_that_writes_only_a_number_that_the_claim_compares_with():
    @step
    def lower(system, op):
        return done(system, limit=op.value)

    assert status(lower, used_cells_are_within_the_limit) == FAILED


@claim
def all_are_held_if_locked(system: Machine, key: Key) -> bool:
    return implies(system.locked, all_in_range(key, BLOCK, lambda k: implies(k < 4000, system.cells[k].held)))


def test_a_step_that_writes_only_what_a_range_reads():
    @step
    def clear(system, op):
        return done(system, cells=system.cells.set(op.key, Cell(False, 0)))

    assert status(clear, all_are_held_if_locked) == FAILED


@claim
def a_total_is_within_the_limit(system: Machine) -> bool:
    return system.cells.total_over_blocks(BLOCK, HeldInBlock(system.used)) <= system.limit


def test_a_step_that_writes_only_the_field_of_a_total():
    @step
    def another(system, op):
        return done(system, used=op.value)

    assert status(another, a_total_is_within_the_limit) == FAILED


def test_a_step_that_writes_only_one_cell_of_a_total():
    assert status(put, a_total_is_within_the_limit) == FAILED


def test_a_claim_of_a_step_fails_where_the_step_changes_nothing():
    @step
    def nothing(system, op):
        return refused(system)

    @claim
    def the_flag_was_not_given(before: Machine, op: Op, after: Machine) -> bool:
        return any_of(none_of(op.flag), none_of(after.locked == before.locked))

    assert status(nothing, the_flag_was_not_given) == FAILED


def test_hypotheses_that_contradict_each_other_prove_no_step():
    @claim
    def is_locked(system: Machine) -> bool:
        return system.locked

    @claim
    def is_not_locked(system: Machine) -> bool:
        return none_of(system.locked)

    assert status(put, is_locked, is_not_locked, of=f"reachable:{obligations.ANY_CHANGE}") == FAILED


def test_a_step_without_a_path_is_not_proved(monkeypatch):
    monkeypatch.setattr(obligations, "feasibilities", lambda _: iter(()))
    assert status(put, of="can-be-taken") == FAILED


# --- several paths to one state ---


def test_a_number_that_fits_on_one_of_two_joined_paths_only():
    @step
    def count_careful_first(system, op):
        if op.flag:
            if system.used == 255:
                return refused(system)
        return done(system, used=system.used + 1)

    @step
    def count_careful_last(system, op):
        if op.flag:
            return done(system, used=system.used + 1)
        if system.used == 255:
            return refused(system)
        return done(system, used=system.used + 1)

    assert status(count_careful_first, of="numbers-fit") == FAILED
    assert status(count_careful_last, of="numbers-fit") == FAILED


def test_a_claim_that_holds_on_one_of_two_joined_paths_only():
    @step
    def set_if(system, op):
        if op.flag:
            if system.limit < op.value:
                return refused(system)
        return done(system, used=op.value)

    assert status(set_if, used_cells_are_within_the_limit) == FAILED


def test_a_result_that_is_wrong_on_one_of_two_joined_paths():
    @step
    def tells(system, op):
        done_so = done(system, used=op.value)
        if op.flag:
            return Outcome(Status.SUCCESS, "done", done_so.system, Evidence.INFERRED, output=system.limit)
        return Outcome(Status.SUCCESS, "done", done_so.system, Evidence.INFERRED, output=system.used)

    @claim
    def the_limit_is_told(before: Machine, outcome: Outcome) -> bool:
        return outcome.output == before.limit

    assert status(tells, the_limit_is_told) == FAILED


# --- counts and totals ---


@claim
def no_block_is_full(system: Machine, key: Key) -> bool:
    return system.cells.count_in_range(key & 0xFFC, BLOCK, is_held) <= 3


def test_a_write_that_breaks_a_claim_through_a_count_only():
    assert status(put, no_block_is_full) == FAILED


def test_counts_of_one_property_over_different_lengths_are_different():
    @claim
    def halves_are_as_full(system: Machine, key: Key) -> bool:
        whole = system.cells.count_in_range(key & 0xFFC, BLOCK, is_held)
        return system.cells.count_in_range(key & 0xFFC, BLOCK // 2, is_held) == whole

    @step
    def replaced(system, op):
        return done(system, cells=op.table)

    assert status(replaced, halves_are_as_full) == FAILED


def test_totals_of_one_part_over_different_blocks_are_different():
    def first_is_held(cells, first):
        return ite(cells[first].held, 1, 0)

    @claim
    def blocks_are_as_full(system: Machine) -> bool:
        return system.cells.total_over_blocks(1, first_is_held) == system.cells.total_over_blocks(2, first_is_held)

    @step
    def replaced(system, op):
        return done(system, cells=op.table)

    assert status(replaced, blocks_are_as_full) == FAILED


def test_properties_of_one_name_are_not_taken_for_one():
    def property_of(flag):
        def is_so(cell):
            return cell.held if flag else none_of(cell.held)

        return is_so

    @claim
    def as_many_held_as_free(system: Machine, key: Key) -> bool:
        one, other = (system.cells.count_in_range(key & 0xFFC, BLOCK, property_of(flag)) for flag in (True, False))
        return one == other

    @step
    def replaced(system, op):
        return done(system, cells=op.table)

    with pytest.raises(TypeError, match="is_so"):
        status(replaced, as_many_held_as_free)


def test_a_range_write_that_is_uniform_at_its_first_keys_only():
    @step
    def write(system, op):
        return done(system, cells=system.cells.set_range(0, 4, lambda key: Cell(key < 2, 0)))

    @claim
    def the_first_block_is_full(after: Machine) -> bool:
        return after.cells.count_in_range(0, BLOCK, is_held) == BLOCK

    assert status(write, the_first_block_is_full, of="numbers-fit") == FAILED


def test_a_range_write_over_a_part_of_what_was_counted():
    """That what it replaces is uniform must not follow from what would follow of it: that two were held."""

    @claim
    def one_of_a_block_is_held(system: Machine, key: Key) -> bool:
        return system.cells.count_in_range(key & 0xFFC, BLOCK, is_held) <= 1

    @claim
    def the_first_of_a_block_is_held_first(system: Machine, key: Key) -> bool:
        return implies(system.cells[key].held, system.cells[key & 0xFFC].held)

    @step
    def clear_two(system, op):
        return done(system, cells=system.cells.set_range(op.key & 0xFFC, 2, lambda _: Cell(False, 0)))

    @claim
    def two_are_lost(before: Machine, after: Machine, op: Op) -> bool:
        first = op.key & 0xFFC
        counts = [state.cells.count_in_range(first, BLOCK, is_held) for state in (before, after)]
        return implies(before.cells[first].held, counts[0] == counts[1] + 2)

    known = (one_of_a_block_is_held, the_first_of_a_block_is_held_first)
    assert status(clear_two, two_are_lost, *known, of="numbers-fit") == FAILED


def test_a_choice_between_two_tables_is_refused():
    @step
    def one_of_two(system, op):
        return done(system, cells=ite(op.flag, op.table, system.cells))

    @claim
    def the_total_is_that_of_the_new(after: Machine, op: Op) -> bool:
        return after.cells.total_over_blocks(BLOCK, held) == op.table.total_over_blocks(BLOCK, held)

    with pytest.raises(TypeError, match="op.table"):
        status(one_of_two, the_total_is_that_of_the_new)


def test_a_total_whose_part_looks_beyond_its_block():
    def of_the_next(cells, first):
        return ite(cells[(first + BLOCK) & 0xFFF].held, 1, 0)

    @claim
    def the_total_stays(before: Machine, after: Machine) -> bool:
        totals = [state.cells.total_over_blocks(BLOCK, of_the_next) for state in (before, after)]
        return totals[0] == totals[1]

    with pytest.raises(TypeError, match="of_the_next"):
        status(put, the_total_stays)


# --- ranges ---


def test_a_range_write_that_breaks_the_claim_beyond_the_key_named():
    @step
    def clear_four(system, op):
        return done(system, cells=system.cells.set_range(op.key & 0xFFC, 4, lambda k: Cell(k & 3 == 3, 0)))

    assert status(clear_four, held_cells_have_owners) == FAILED


def test_a_range_that_goes_on_past_the_width_of_its_start():
    @step
    def all_of_four(system, op):
        if all_in_range(op.key & 3, 4, lambda k: system.cells[k].held):
            return done(system, locked=True)
        return refused(system)

    assert status(all_of_four, of="numbers-fit") == FAILED


def test_a_range_inside_a_range_has_a_truth_of_its_own():
    @claim
    def each_cell_is_in_a_free_block(system: Machine, key: Key) -> bool:
        def has_a_free_cell(n):
            return any_in_range(n & 0xFF0, 16, lambda k: none_of(system.cells[k].held))

        return implies(system.locked, all_in_range(key & 0xF00, 256, has_a_free_cell))

    machine = unknown(Machine, "s")
    for said in hypothesis(each_cell_is_in_a_free_block, machine, None).ranges:
        held_everywhere = (machine.cells.value_at(key).held.z for _, key in said.noted.keys)
        solver = z3.Solver()
        solver.add(said.fact, *held_everywhere)
        assert solver.check() == z3.sat  # the machine is not locked


def test_a_number_that_fits_inside_a_range_only():
    @step
    def write(system, op):
        return done(system, cells=system.cells.set_range(op.key, 1 + op.value, lambda _: Cell(True, op.value + 1)))

    @claim
    def is_owned(after: Machine, op: Op, key: Key) -> bool:
        guarded = all_in_range(key & 7, (op.value ^ 1) & 1, lambda k: implies(k == key, after.cells[key].held))
        return any_of(after.cells[key].owner != 0, none_of(guarded), op.flag, none_of(op.flag))

    assert status(write, is_owned, of="numbers-fit") == FAILED


# --- two versions of a step ---


def tell_apart(one, other):
    """Whether some state and operands do."""
    machine = unknown(Machine, "s")
    (left,), (right,) = ([way_of(path) for path in explore(version, machine)] for version in (one, other))
    solver = z3.Solver()
    solver.add(unlike(left, right))
    return solver.check() == z3.sat


def test_versions_that_leave_different_tables_differ():
    @step
    def keeps(system, op):
        return done(system, used=0)

    @step
    def replaces(system, op):
        return done(system, used=0, cells=op.table)

    assert tell_apart(keeps, replaces)
    assert not tell_apart(keeps, keeps)


def test_a_version_whose_numbers_do_not_fit_differs():
    @step
    def compares(system, op):
        return done(system, locked=all_of(op.value <= system.used, system.used < op.value + 5))

    @step
    def subtracts(system, op):
        return done(system, locked=system.used - op.value < 5)

    @step
    def compares_more(system, op):
        return done(system, locked=all_of(op.value <= system.used, system.used < op.value + 5, system.used < 256))

    assert tell_apart(compares, subtracts)
    assert not tell_apart(compares, compares_more)


# --- every value at once ---


def test_a_change_of_every_value_reaches_every_key():
    @step
    def free_all(system, op):
        return done(system, cells=system.cells.each(lambda cell: replace(cell, held=all_of(cell.held, op.flag))))

    @claim
    def nothing_is_held_but_by_the_flag(after: Machine, op: Op, key: Key) -> bool:
        return implies(after.cells[key].held, op.flag)

    @claim
    def what_was_held_is_held(before: Machine, after: Machine, key: Key) -> bool:
        return implies(before.cells[key].held, after.cells[key].held)

    assert status(free_all, nothing_is_held_but_by_the_flag) == PROVED
    assert status(free_all, what_was_held_is_held) == FAILED


def test_a_change_of_every_value_is_no_frame():
    @step
    def hold_all(system, op):
        return done(system, cells=system.cells.each(lambda cell: replace(cell, held=True)))

    assert status(hold_all, held_cells_have_owners) == FAILED
