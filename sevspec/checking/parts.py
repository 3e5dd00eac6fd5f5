"""The parts that are not proofs: the cross-check, and what is still to be built."""

from collections.abc import Sequence

from proofs.solving import PROVED
from proofs.theorems import THEOREMS as PROVED_BY_NAME
from sevspec.attacks.ladder import cells, runnable
from sevspec.checking.part import Finding, Part, timed
from sevspec.crosscheck.walk import crosscheck
from sevspec.proving import Row, invariants, totals

CROSSCHECK_STEPS = 2_000
CROSSCHECK_SEED = 1

PLANNED = (
    ("conformance by trace", "replay", "recorded traces of kernels and hypervisors"),
)
"""Name, the verb that it comes with, what it will be."""

THEOREMS = {
    "T1": "integrity",
    "T2": "confidentiality",
    "T3": "VMPL isolation",
    "T4": "exits",
    "T5": "page-state consistency",
    "T6": "#HV",
    "T7": "measured launch",
    "T8": "paravisor",
    "T9": "host liveness",
}
"""The theorems that the project is for. One that is stated has an invariant RMP-T3, say."""


def proofs_part(rows: Sequence[Row], seconds: float) -> Part:
    """All obligations in one line."""
    numbers = totals(rows, seconds)
    good = bool(rows) and all(row.verdict.status == PROVED for row in rows)
    detail = "{proved} of {obligations} obligations proved, {failed} failed, {unknown} unknown".format(**numbers)
    return Part("proofs, for memory without bounds", Finding.HOLDS if good else Finding.FAILS, detail, seconds)


def crosscheck_part() -> Part:
    """Random steps, hostile ones included, on both sides."""

    def judge() -> tuple[Finding, str]:
        try:
            compared = crosscheck(CROSSCHECK_STEPS, CROSSCHECK_SEED)
        except AssertionError as difference:
            return Finding.FAILS, " ".join(str(difference).split())
        return Finding.HOLDS, f"{compared} random steps, hostile ones included; results and states equal after each"

    return timed("cross-check of specification and machine", judge)


def ladder_part() -> Part:
    """Every attack that runs, in every generation, as it is and without the rules that stop it, on both sides."""

    def judge() -> tuple[Finding, str]:
        found = list(cells(runnable(), all_forms=True))
        differ = [f"{one.attack.id} in {one.column.value} {one.form.words}".strip() for one in found if not one.agrees]
        if differ:
            return Finding.FAILS, f"expected, specification and machine differ: {', '.join(differ)}"
        silent = sum(one.model is None for one in found)
        detail = f"{len(runnable())} attacks, {len(found)} cells; specification, machine and catalogue agree"
        return Finding.HOLDS, f"{detail}; in {silent} the specification has no words for a step"

    return timed("the attack ladder", judge)


def planned_parts(verbs: Sequence[str]) -> list[Part]:
    """What is still to be built, named as such."""
    stated = {info.identifier.rpartition("-")[2] for info in invariants().values()} | {t.name for t in PROVED_BY_NAME}
    missing = {name: words for name, words in THEOREMS.items() if name not in stated}
    named = [(name, what) for name, verb, what in PLANNED if verb not in verbs]
    if missing:
        named.insert(0, (f"theorems {', '.join(missing)}", ", ".join(missing.values())))
    return [Part(name, Finding.NOT_BUILT, what) for name, what in named]
