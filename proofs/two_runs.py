"""Theorem T2 as a product: two runs of one step, from scenes that differ in hidden values only.

The second scene has the same tables with other values where something is hidden. So a condition that does not depend
on hidden values is, word by word, the same in both runs; the paths go in pairs. What is claimed of a pair: results,
outputs and everything public are the same after the step, and the hidden parts still look alike.
"""

from collections.abc import Callable, Iterator
from typing import Any

import z3

from proofs.context import Context
from proofs.explore import Path, explore, run, unknown
from proofs.induction import changes, free_parameters, hypothesis, tables_of
from proofs.initial import assembled
from proofs.instances import Instances
from proofs.kept import are_held
from proofs.obligations import Verdict
from proofs.questions import Asked
from proofs.schemas import Schema, schema_of
from proofs.solving import FAILED, PROVED
from proofs.suite import Suite, Transition
from proofs.symbolic import SymBits, SymBool, bool_term, leaves, symbolic
from proofs.tables import Base, SymMap
from proofs.z3_terms import equal
from spec.guest.copies import context as context_of_guest
from spec.guest.copies import is_running
from spec.logic import all_of, any_of, iff, implies, ite, none_of
from spec.memory.asking import is_private
from spec.memory.block import WORD_BITS, Block
from spec.memory.guest import Computation, GuestAccess
from spec.memory.integrity_invariants import INTEGRITY
from spec.memory.observers import VIEWS, blocks_look_alike, is_secret
from spec.memory.run_effects import saved_in
from spec.memory.state import Scene
from spec.memory.told import is_own_asid, is_protected
from spec.record import is_record, replace
from spec.registry import InvariantInfo, operands_of, transition_info
from spec.rmp.access_kind import is_write
from spec.rmp.vmrun import Vmrun, is_snp
from spec.vocabulary import AgentCode, Guarantor

MEMORY = "s.memory."
HIDDEN = frozenset(
    [f"{MEMORY}{table}.value" for table in ("contents", "behind", "notes", "checks")]
    + [f"{MEMORY}lines.block.value", f"{MEMORY}sealed", f"{MEMORY}registers", "s.written.last"]
)
"""The leaves in which two scenes may differ; everything else is one term for both."""
CONTEXTS = frozenset({"s.world.system.firmware.contexts"})
"""Here stand the guest's keys, by which values are hidden."""
OTHER = ".other"
"""Marks the second run's hidden values."""


class Twin(Base):
    """A table of the second scene: the first one's, but for what is hidden."""

    def value_at(self, key: Any) -> Any:
        arguments = leaves(key)

        def leaf(name: str, sort: z3.SortRef) -> Any:
            marked = name + OTHER if name in HIDDEN else name
            return z3.Function(marked, *self._sorts, sort)(*arguments)

        return symbolic(self.value_type, leaf, self.name)


def twin(value: Any) -> Any:
    """The second scene."""
    if isinstance(value, Base):
        return Twin(value.name, value.key_type, value.value_type) if is_hidden(value.name) else value
    if is_record(type(value)):
        return tuple.__new__(type(value), tuple(twin(part) for part in value))
    return value


def other_operands(op: Any) -> Any:
    """The same operands, but for what the guest computes and does not mind to show."""
    if not isinstance(op, Computation):
        return op
    secret: Any = SymBits(z3.BitVec("op.value" + OTHER, WORD_BITS), WORD_BITS)
    return assembled(Computation, op.vcpu, ite(op.public, op.value, secret), op.public)


# --- what is assumed of both runs ---


def is_guests_own(scene: Scene, op: GuestAccess) -> Any:
    """The access is the guest's: under its ASID, by an SNP guest."""
    access = op.access
    return all_of(access.agent == AgentCode.SNP_GUEST, is_own_asid(scene, access.asid))


def processors_run_one_guest(scene: Scene, op: Any) -> Any:
    """A virtual processor accesses memory under the ASID that it was entered with."""
    if not isinstance(op, GuestAccess | Computation):
        return True
    entered = is_secret(scene, scene.memory.runs[op.vcpu])
    return True if isinstance(op, Computation) else iff(entered, is_guests_own(scene, op))


def the_guest_shows_public_values_only(scene: Scene, op: Any) -> Any:
    """What the guest stores in shared pages, or where it keeps public values, it takes for public."""
    if not isinstance(op, GuestAccess):
        return True
    shown = any_of(none_of(is_private(op.access)), scene.written.public[op.access.translation.gfn])
    storing = all_of(is_guests_own(scene, op), is_write(op.access), shown)
    return implies(storing, scene.written.clean[op.vcpu])


def other_guests_compute_the_same(scene: Scene, op: Any) -> Any:
    """Only the guest has secrets: what other guests compute is the same in both runs."""
    if not isinstance(op, Computation):
        return True
    return implies(none_of(is_secret(scene, scene.memory.runs[op.vcpu])), op.public)


def no_legacy_guest_starts_from_the_guests_registers(scene: Scene, op: Any) -> Any:
    """SEV-ES compares saved registers: of the guest's own that would tell equal ciphertexts (X-cteq)."""
    if not isinstance(op, Vmrun):
        return True
    known = scene.memory.checks[saved_in(op.pages)]
    return implies(none_of(is_snp(op)), none_of(is_secret(scene, known.key)))


ASSUMPTIONS = (
    processors_run_one_guest,
    the_guest_shows_public_values_only,
    other_guests_compute_the_same,
    no_legacy_guest_starts_from_the_guests_registers,
)
PREMISES = (*INTEGRITY, "R1")
"""The rules that T2 rests on, beside the equality of ciphertexts (R23, X-cteq), which is fixed by the shape."""


class Product:
    """One transition, twice."""

    def __init__(self, suite: Suite, transition: Transition) -> None:
        self.suite, self.transition = suite, transition
        self.name = transition_info(transition).name
        shape = suite.state()
        rules = replace(shape.rules, ciphertexts_unlike=True, registers_encrypted=True)
        self.one = assembled(Scene, shape.world, shape.memory, shape.written, rules, shape.habits)
        self.other = twin(self.one)
        self.op = unknown(operands_of(transition), "op")
        self.other_op = other_operands(self.op)

    def paths(self) -> Iterator[tuple[Path, Path]]:
        """Pairs of paths that can be taken together, as far as their words say."""
        first, second = explore(self.transition, self.one, self.op), explore(self.transition, self.other, self.other_op)
        for one in first:
            for other in second:
                if not contradict(one.context, other.context):
                    yield one, other

    def verdicts(self) -> Iterator[Verdict]:
        """One for each part of the view, and one for results and public state."""
        found: dict[str, Verdict] = {}
        for one, other in self.paths():
            for claim, status in self.pair(one, other):
                old = found.get(claim)
                if old is None or old.status == PROVED:
                    found[claim] = Verdict(self.name, claim, status, 0.0, one.outcome.check)
        yield from found.values()

    def pair(self, one: Path, other: Path) -> Iterator[tuple[str, str]]:
        """The claims of one pair."""
        told_apart = (one.outcome.result, one.outcome.check) != (other.outcome.result, other.outcome.check)
        open_claims: list[tuple[str, Any]] = []
        context = joint(one.context, other.context)
        values: dict[str, Any] = {}

        def build() -> None:
            if told_apart:
                open_claims.append(("results_are_the_same", False))
                return
            open_claims.append(("outputs_are_the_same", self.same_outputs(one, other)))
            open_claims.extend(("public_state_is_the_same", part) for part in public_parts(one, other))
            written = set(changes(self.one, one.outcome.system)) | set(changes(self.other, other.outcome.system))
            if not any(written & (schema_for(view, self.one, self.other)[1] - CONTEXTS) for view in VIEWS):
                open_claims.append(("keys_stay_secret", self.keys_stay_secret(one.outcome.system)))
                return
            for view in VIEWS:
                reads = schema_for(view, self.one, self.other)[1]
                if written & reads:
                    free = {n: unknown(k, f"any {n} of {view.__name__}") for n, k in free_of(view).items()}
                    values.update({f"{view.__name__}.{n}": (free_of(view)[n], v) for n, v in free.items()})
                    after = view(one.outcome.system, other.outcome.system, *free.values())
                    open_claims.append((view.__name__, implies(is_running(one.outcome.system.world), after)))

        run(context, build)
        asked = [(name, z3.simplify(bool_term(holds))) for name, holds in open_claims]
        for name, holds in asked:
            if z3.is_true(holds):
                yield name, PROVED
        left = [(name, holds) for name, holds in asked if not z3.is_true(holds)]
        if left:
            question = self.question(context, values)
            statuses = question.impossible([z3.Not(holds) for _, holds in left])
            yield from zip((name for name, _ in left), statuses, strict=True)

    def keys_stay_secret(self, after: Scene) -> Any:
        """Where a step writes nothing else that a view reads, two scenes look alike after it if no key is given up."""
        old, new = context_of_guest(self.one.world), context_of_guest(after.world)
        kept = (any_of(mine == 0, mine == theirs) for mine, theirs in ((old.vek, new.vek), (old.oek, new.oek)))
        return implies(is_running(after.world), all_of(*kept))

    def question(self, context: Context, values: dict[str, Any]) -> Asked:
        """Everything that may be assumed of both runs."""
        schemas = [hypothesis(h, self.one, self.op) for h in self.suite.hypotheses]
        # What speaks of nothing hidden says the same of the other scene.
        of_hidden = (h for h, s in zip(self.suite.hypotheses, schemas, strict=True) if speaks_of_hidden(s))
        schemas += [hypothesis(h, self.other, self.op) for h in of_hidden]
        relation = [schema_for(view, self.one, self.other)[0] for view in VIEWS]
        key_kinds = {t.name: t.key_type for t in (*tables_of(self.one), *tables_of(self.op))}

        def assumed() -> list[Any]:
            made = [a(self.one, self.op) for a in (*self.suite.assumptions, *ASSUMPTIONS)]
            kept = [are_held(PREMISES, self.one), is_protected(self.one)]
            return [bool_term(one) for one in (*made, *kept)]

        facts = run(context, assumed)
        instances = Instances([*schemas, *relation], key_kinds)
        for kind, value in values.values():
            instances.learn(kind, value)
        instances.take_over(context)
        return Asked([*context.conditions, *context.axioms, *facts], instances)

    def same_outputs(self, one: Path, other: Path) -> Any:
        """What the host reads looks alike; what a guest reads is in its register."""
        mine, theirs = one.outcome.output, other.outcome.output
        if isinstance(mine, Block):
            return blocks_look_alike(self.one, mine, theirs)
        if isinstance(self.op, GuestAccess) and one.outcome.system is not self.one:
            return True
        return all_of(*same_leaves(mine, theirs))


def is_hidden(table: str) -> bool:
    """Some part of a table is hidden."""
    return any(name == table or name.startswith(f"{table}.") for name in HIDDEN)


def speaks_of_hidden(schema: Schema) -> bool:
    """A hypothesis reads what is hidden."""
    return any(is_hidden(table) for table, _ in schema.noted.keys)


def contradict(one: Context, other: Context) -> bool:
    """Two paths go different ways at a condition that is the same in both runs."""
    taken = {c.get_id() for c in one.conditions}
    return any((c.arg(0) if z3.is_not(c) else z3.Not(c)).get_id() in taken for c in other.conditions)


def joint(one: Context, other: Context) -> Context:
    """What both runs noted."""
    context = Context(forks=False, scope=" of both runs")
    context.conditions = [*one.conditions, *other.conditions]
    context.axioms = [*one.axioms, *other.axioms]
    context.range_facts = [*one.range_facts, *other.range_facts]
    context.measures = [*one.measures, *other.measures]
    context.totals = {**one.totals, **other.totals}
    for each in (one, other):
        for table, keys in each.keys.items():
            context.keys.setdefault(table, {}).update(keys)
    return context


def free_of(view: Callable[..., Any]) -> dict[str, Any]:
    """The arbitrary values of a part of the view."""
    return {name: kind for name, kind in free_parameters(view).items() if name not in ("one", "other")}


_VIEWS: dict[tuple[Any, int], tuple[Any, set[str]]] = {}


def schema_for(view: Callable[..., Any], one: Any, other: Any) -> tuple[Any, set[str]]:
    """A part of the relation before the step, and the tables that it reads."""
    key = (view, id(one))
    if key not in _VIEWS:
        schema = schema_of(view.__name__, tuple(free_of(view).values()), lambda *values: view(one, other, *values))
        _VIEWS[key] = schema, {table for table, _ in schema.noted.keys}
    return _VIEWS[key]


def public_parts(one: Path, other: Path) -> Iterator[Any]:
    """Every table and number of the state that a step wrote and that is not hidden: the same in both runs."""
    yield from same_parts(one.outcome.system, other.outcome.system)


def same_parts(one: Any, other: Any) -> Iterator[Any]:
    """Equality, leaf by leaf, of what is no hidden table."""
    if one is other:
        return
    if isinstance(one, SymMap):
        if is_hidden(one.base.name):
            return
        key = unknown(one.base.key_type, f"any key of {one.base.name}")
        yield from same_parts(one[key], other[key])
    elif is_record(type(one)):
        for mine, theirs in zip(one, other, strict=True):
            yield from same_parts(mine, theirs)
    else:
        yield from same_leaves(one, other)


def same_leaves(one: Any, other: Any) -> Iterator[Any]:
    """Equality, term by term; what is missing is missing in both runs."""
    if isinstance(one, tuple):
        for mine, theirs in zip(one, other, strict=True):
            yield from same_leaves(mine, theirs)
    elif one is not other:
        yield SymBool(equal(leaves(one)[0], leaves(other)[0]))


T2 = InvariantInfo(
    name="observers_learn_nothing",
    identifier="RMP-T2",
    guarantor=Guarantor.CRYPTOGRAPHY,
    manual="APM Vol. 2, 15.34 to 15.36",
    premises=(*PREMISES, "R23"),
)


def prove_two_runs(suite: Suite, transition: Transition) -> list[Verdict]:
    """Theorem T2 for one transition: one verdict, and which part of it fails."""
    found = list(Product(suite, transition).verdicts())
    bad = next((verdict for verdict in found if verdict.status != PROVED), None)
    name = transition_info(transition).name
    if not found:
        return [Verdict(name, T2.name, FAILED, 0.0, "no pair of paths")]
    if bad is None:
        return [Verdict(name, T2.name, PROVED, 0.0)]
    return [Verdict(name, T2.name, bad.status, 0.0, f"{bad.claim} at {bad.path}")]
