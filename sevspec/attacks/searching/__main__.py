"""`python -m sevspec.attacks.searching`: search anew, and write what was found to sevspec/attacks/data/found.json."""

import json
import sys

from sevspec.attacks.catalogue import attacks
from sevspec.attacks.entry import Attack, Column, Form
from sevspec.attacks.ladder import is_safe
from sevspec.attacks.searching.found import FILE, Found
from sevspec.attacks.searching.search import TooMany, search
from sevspec.attacks.side import NotStated
from sevspec.source import ROOT

TARGET = ROOT / "sevspec" / "attacks" / "data" / FILE
LONGEST = 10
"""Attacks of longer traces are not searched: they need more states than are kept."""
UNSEARCHED = ("compare", "launch", "rmp_write", "shift_stack", "psmash", "move", "attacker_walk")
"""Words that are about more than one state, or about pages that the search does not tell apart."""


def targets() -> list[tuple[Attack, Form, Column]]:
    """Unsafe cells, one column with an RMP standing for all."""
    found = []
    for attack in attacks():
        searched = attack.runs and len(attack.trace) <= LONGEST
        if not searched or any(step.action in UNSEARCHED for step in attack.trace):
            continue
        for form in attack.forms:
            unsafe = [column for column, outcome in form.expected.items() if not is_safe(outcome)]
            alike = {Column.RI, Column.PV} if Column.SNP in unsafe else set()
            found += [(attack, form, column) for column in unsafe if column not in alike]
    return found


def data(one: Found) -> dict[str, object]:
    """For the file."""
    return {
        "attack": one.attack,
        "column": one.column.value,
        "without": list(one.without),
        "with": list(one.added),
        "relax": list(one.relax),
        "outcome": one.outcome,
        "trace": [f"{step.actor}: {step.call}" for step in one.trace],
        "states": one.states,
    }


def main() -> int:
    """Search every target; exit code 1 if there is one that the words do not lead to."""
    found: list[dict[str, object]] = []
    missing = []
    for attack, form, column in targets():
        name = f"{attack.id} {column.value} {form.words}".strip()
        try:
            one = search(attack, form, column)
        except (TooMany, NotStated) as reason:
            sys.stdout.write(f"{name}: {reason}\n")
            continue
        if one is None:
            missing.append(name)
        else:
            found.append(data(one))
            sys.stdout.write(f"{name}: {len(one.trace)} steps, {one.states} states\n")
        sys.stdout.flush()
    TARGET.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    sys.stdout.writelines(f"not found: {name}\n" for name in missing)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
