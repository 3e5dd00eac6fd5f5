"""The theorems by name: which claims make them up, what they rest on, and what comes back without each rule."""

import re
from dataclasses import dataclass

from proofs.breaches import Breach
from proofs.host_breaches import HOST_BREACHES
from proofs.list_breaches import LIST_BREACHES
from proofs.premises import OF_RULES
from proofs.vc_breaches import VC_BREACHES
from proofs.witnesses import Witness
from spec.everything import GUEST_INVARIANTS, HOST_INVARIANTS, LIST_INVARIANTS, MSR_INVARIANTS, VC_INVARIANTS
from spec.registry import invariant_info


@dataclass(frozen=True)
class Theorem:
    """A theorem: the conjunction of claims that are proved by induction."""

    name: str
    title: str
    words: str
    claims: tuple[str, ...]
    """Names of invariants."""
    given: tuple[str, ...]
    """What is assumed, beside rules and knobs, in words."""
    breaches: tuple[Breach, ...]
    witnesses: tuple[Witness, ...] = ()
    """Runs of the machine without a rule of the guest, for the claims that are proved there."""

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules that it needs, each shown necessary by a run without it."""
        of_pages = (rule for witness in self.witnesses for rule in rules_in(witness))
        return tuple(dict.fromkeys([*(breach.rule for breach in self.breaches), *sorted(of_pages)]))

    def without(self, rule: str) -> tuple[Breach | Witness, ...]:
        """What comes back without a rule."""
        own = (breach for breach in self.breaches if breach.rule.upper() == rule.upper())
        return (*own, *(witness for witness in self.witnesses if rule.upper() in rules_in(witness)))


def rules_in(witness: Witness) -> list[str]:
    """The rules that a run is without."""
    return re.findall(r"\bD\d+", witness.without)


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
    breaches=(*VC_BREACHES, *HOST_BREACHES),
)
MACHINE_CLAIMS = ("valid_pages_are_unique", "what_is_not_accepted_has_no_home", "remapped_addresses_fault")
"""What T5 rests on, with its own runs for the rules of pages."""
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
    breaches=LIST_BREACHES,
    witnesses=tuple(w for w in OF_RULES if w.statement.__name__ in MACHINE_CLAIMS),
)
THEOREMS = (T4, T5)


def named(name: str) -> Theorem | None:
    """The theorem of this name."""
    return next((theorem for theorem in THEOREMS if theorem.name == name.upper()), None)


def knobs_of(theorem: Theorem) -> tuple[str, ...]:
    """The knobs that its claims need at their defaults."""
    every = (*VC_INVARIANTS, *MSR_INVARIANTS, *HOST_INVARIANTS, *LIST_INVARIANTS, *GUEST_INVARIANTS)
    infos = (invariant_info(i) for i in every if i.__name__ in theorem.claims)
    return tuple(dict.fromkeys(knob for info in infos for knob in info.needs))
