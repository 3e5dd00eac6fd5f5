"""Where a trace plays: the column, the rules that are kept, the pages by name, and values by name."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import count

from sevspec.attacks.entry import Attack, Column, Form
from sevspec.attacks.judge import Word
from spec.vocabulary import PAGES_PER_2M

FIRST_FRAME, FIRST_LARGE_FRAME = 0x800, 0x1000
FIRST_PAGE, FIRST_LARGE_PAGE = 0x40001, 0x41000
WORD_BYTES = 16
NOTHING, HYPERVISOR, FIRMWARE = "nothing", "hypervisor", "firmware"
GHOST = "GHOST"
POINTER_MASK = 0x0000_00FF_FFFF_F000
PRESENT = 1

ABSENT_BEFORE_SNP = frozenset((*(f"R{n}" for n in (*range(4, 15), *range(16, 20))), "S1", "S2", "S3", "S22"))
"""Rules that come with SNP. Of R15 the hashes of what is loaded later are older."""
ABSENT_IN_SEV = frozenset(("R1", "R2", "R3"))
LINEAR_TWEAKS = frozenset(("R22",))
"""What the first EPYCs do not have."""
OPTIONAL = frozenset(("R23",))
"""What has to be asked for: ciphertext hiding, which Genoa and Turin have."""
LIFTED = {"X-ucode": "R5", "X-init": "R14", "X-route": "R14", "X-iolog": "R19"}
"""Relaxations that are nothing but a rule left out."""


RULE_OF = {"X-alias": "R21", "X-drop": "R20", "X-stale": "R20"}
"""Rules that nothing but a relaxation can break."""


@dataclass(frozen=True)
class Setting:
    """One column, with or without some rules."""

    column: Column
    without: frozenset[str] = frozenset()
    added: frozenset[str] = frozenset()
    relax: frozenset[str] = frozenset()

    def lacks(self, rule: str) -> bool:
        """Whether the rule was left out, or lifted."""
        return rule in self.without or rule in {LIFTED.get(name) for name in self.relax}

    def keeps(self, rule: str) -> bool:
        """Whether the rule holds here."""
        if self.lacks(rule):
            return False
        if rule in self.added or (self.column.has_rmp and rule not in OPTIONAL):
            return True
        absent = ABSENT_BEFORE_SNP | LINEAR_TWEAKS | OPTIONAL
        return rule not in absent and not (self.column is Column.SEV and rule in ABSENT_IN_SEV)

    def lifts(self, relaxation: str) -> bool:
        """Whether the assumption is lifted, by its name or by that of the rule that it stands for."""
        return relaxation in self.relax or RULE_OF.get(relaxation) in self.without

    @property
    def encrypts_registers(self) -> bool:
        """SEV-ES and what builds on it."""
        return self.column is not Column.SEV

    @property
    def vmpl(self) -> int:
        """The level of the guest's system."""
        return 2 if self.column is Column.PV else 0


def setting_of(attack: Attack, form: Form, column: Column) -> Setting:
    """A form of an attack in one column."""
    relax = frozenset((*attack.assumes, *form.relax))
    return Setting(column, frozenset(form.without), frozenset(form.added), relax)


class Stage:
    """Names to numbers. A page `g` of the guest lies at `G`; other capitals are pages of the hypervisor's."""

    def __init__(self, attack: Attack) -> None:
        """Numbers in the order in which names appear."""
        pages = attack.pages
        self.attack = attack
        self._frames: dict[str, int] = {}
        self._pages: dict[str, int] = {}
        small, large = count(FIRST_FRAME), count(0)
        place = count(FIRST_PAGE)
        for name in pages.large:
            index = next(large)
            self._frames[name] = FIRST_LARGE_FRAME + index * PAGES_PER_2M
            self._pages[name.upper()] = FIRST_LARGE_PAGE + index * PAGES_PER_2M
        for name in (*pages.private, *pages.shared, *pages.free, *pages.monitor):
            self._frames[name] = next(small)
        for name in (*pages.private, *pages.shared, *pages.monitor):
            self._pages[name.upper()] = next(place)
        for name in (*spa_names(attack), *([GHOST] if attack.ghost else [])):
            if name not in self._pages:
                self._pages[name] = next(place)

    def frame(self, name: str) -> int:
        """A guest frame number."""
        base, _, part = name.partition(".")
        return self._frames[base] + int(part or 0)

    def page(self, name: str) -> int:
        """A page frame number."""
        base, _, part = name.partition(".")
        return self._pages[base] + int(part or 0)

    @property
    def pages(self) -> list[int]:
        """All pages of 4 KiB that the trace names."""
        return list(self._pages.values())

    @property
    def frames(self) -> list[int]:
        """All guest addresses that the attack names."""
        return list(self._frames.values())

    def frame_name(self, number: int) -> str:
        """The name of a guest frame."""
        return next((name for name, frame in self._frames.items() if frame == number), hex(number))


def spa_names(attack: Attack) -> Iterator[str]:
    """Capitals in the trace."""
    for step in attack.trace:
        for operand in step.operands:
            base = operand.partition(".")[0]
            if base.isupper() and base != "VMSA" and len(base) > 0 and "@" not in base:
                yield base


def word(name: str) -> Word:
    """The value of a name: 16 bytes that occur nowhere else. One that begins with `pte` is a page-table entry."""
    drawn = int.from_bytes(sha256(name.encode()).digest()[:WORD_BYTES], "little")
    return drawn & POINTER_MASK | PRESENT if name.startswith("pte") else drawn
