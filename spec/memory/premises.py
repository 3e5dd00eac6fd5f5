"""The premises of what is proved of memory, by name: rules of the guest (D*, S*), rules of hardware and firmware (R*).

The guest's rules have two families of names, D* in the argument about page states and S* in the catalogue of attacks;
each rule stands here once, under both.
"""

from dataclasses import dataclass

from spec.guest.invariants import UNIQUE
from spec.memory.rules import RULES


@dataclass(frozen=True)
class Premise:
    """A switch of a scene: its name, other names, which record has it under which field, and what it says."""

    name: str
    others: tuple[str, ...]
    holder: str
    """`discipline`, `habits` or `rules`."""
    field: str
    words: str

    @property
    def names(self) -> tuple[str, ...]:
        """All its names."""
        return (self.name, *self.others)


OF_PAGES = (
    Premise("D1", ("S1",), "discipline", "tracks_acceptance", "validate a page only if it is not accepted already"),
    Premise("D2", ("S2",), "discipline", "checks_carry_on_rescind", "stop if a rescinded page was not validated"),
    Premise("D3", (), "discipline", "launched_without_repeats", "the accepted launch loads no page twice"),
    Premise("D4", ("S22",), "discipline", "stops_on_unvalidated", "stop if an accepted page is not validated"),
    Premise("D8", (), "discipline", "rescinds_before_sharing", "rescind a page before it is shared"),
    Premise("D9", (), "discipline", "takes_turns", "look a page up and validate it while no other processor does"),
)
"""What keeps valid copies unique (RMP-I34)."""
OF_MASKS = (
    Premise("D6", (), "discipline", "closes_on_accepting", "set the masks of an accepted page before relying on them"),
    Premise("D6-LAUNCH", (), "discipline", "launched_closed", "the accepted launch lets no VMPL but 0 write"),
    Premise("D6-VMSA", (), "discipline", "closes_vmsas", "make a page a VMSA only if no VMPL but 0 may write it"),
)
"""What keeps permissions known."""
OF_MEMORY = (
    Premise("D7", ("S17",), "habits", "flushes_after_rescinding", "flush translations once a page is rescinded"),
    Premise("D5", ("S17",), "habits", "flushes_after_reducing", "flush translations once a permission is taken away"),
    Premise("S17-TABLES", ("S17",), "habits", "flushes_own_tables", "flush after a change of the guest's page tables"),
    Premise("S3", ("D6",), "habits", "zeroes_before_granting", "write a page before another VMPL is given it"),
    Premise("S18", (), "habits", "evicts_on_accepting", "evict cache lines when a page is accepted"),
)
OF_HARDWARE = tuple(Premise(rule.name, rule.others, "rules", rule.field, rule.words) for rule in RULES)
OF_FIRMWARE = (
    Premise("R15", (), "none", "", "the launch digest chains address, type, permissions and content of each page"),
)
"""No switch: the legacy launch is without it."""
PREMISES = (*OF_PAGES, *OF_MASKS, *OF_MEMORY, *OF_HARDWARE, *OF_FIRMWARE)

MASKS = (*UNIQUE, *(premise.name for premise in OF_MASKS))
