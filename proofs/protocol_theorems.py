"""Theorems T4 and T5, about exits and about page states under a hypervisor that lies."""

import re

from proofs.breaches import Breach
from proofs.host_breaches import HOST_BREACHES
from proofs.list_breaches import LIST_BREACHES
from proofs.premises import OF_RULES
from proofs.theorem import Run, Theorem
from proofs.vc_breaches import VC_BREACHES
from proofs.witnesses import Witness
from spec.everything import HOST_INVARIANTS, LIST_INVARIANTS, MSR_INVARIANTS, VC_INVARIANTS


def rules_in(witness: Witness) -> list[str]:
    """The rules that a run is without."""
    return re.findall(r"\bD\d+", witness.without)


def runs_of(*breaches: Breach) -> tuple[Run, ...]:
    """Runs of the protocol without a rule."""
    return tuple(Run((breach.rule,), breach.identifier, breach.text) for breach in breaches)


def rules_of(runs: tuple[Run, ...]) -> tuple[str, ...]:
    """The rules that they are without."""
    return tuple(dict.fromkeys(rule for run in runs for rule in run.rules))


OF_T4 = runs_of(*VC_BREACHES, *HOST_BREACHES)
T4 = Theorem(
    name="T4",
    title="exits",
    words=(
        "In SEV-ES and later nothing leaves the guest at an exit but what the instruction at RIP shows, and the #VC "
        "handler takes effect for that instruction alone, or terminates: whatever the exit code, the reply and the "
        "timing of each access; and a host serves what it has checked, in bounds, whatever the guest writes meanwhile."
    ),
    claims=tuple(i.__name__ for i in (*VC_INVARIANTS, *MSR_INVARIANTS, *HOST_INVARIANTS)),
    given=(
        "registers, page tables, the CPUID page and ordinary memory of the guest are its own (T1, T2)",
        "the decoded instruction is what the fetched bytes mean",
        "the GHCB page is mapped shared and used for nothing else",
        "nothing is promised about availability: the hypervisor may never come back (GHCB-I34)",
    ),
    rules=rules_of(OF_T4),
    runs=OF_T4,
)
MACHINE_CLAIMS = ("valid_pages_are_unique", "what_is_not_accepted_has_no_home", "remapped_addresses_fault")
"""What T5 rests on, with its own runs for the rules of pages."""
OF_MACHINE = tuple(w for w in OF_RULES if w.statement.__name__ in MACHINE_CLAIMS)
OF_T5 = (*runs_of(*LIST_BREACHES), *(Run(tuple(rules_in(w)), w.identifier, w.text) for w in OF_MACHINE))
T5 = Theorem(
    name="T5",
    title="page-state consistency",
    words=(
        "A hypervisor that lies about a page-state change is found out before the guest uses the page: what is used "
        "as private is validated and accessed at its one valid copy, and at what is used as shared no page is valid."
    ),
    claims=(
        *(i.__name__ for i in LIST_INVARIANTS),
        *MACHINE_CLAIMS,
        "entered_guests_are_launched",
    ),
    given=(
        "the guest's processors change page states one at a time (rule D9)",
        "what runs at VMPL0 takes careful steps only",
    ),
    rules=rules_of(OF_T5),
    runs=OF_T5,
)
