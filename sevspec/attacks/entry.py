"""What the catalogue holds: attacks, the rules that stop them, the assumptions that they may lift.

The entries stand in `sevspec/attacks/data/*.toml`.
"""

from dataclasses import dataclass
from enum import Enum, unique

from sevspec.attacks.trace import Step
from spec.vocabulary import Evidence


@unique
class Column(Enum):
    """The generations, as far as an attack tells them apart."""

    SEV = "SEV"
    """Encrypted memory; the first EPYC, whose tweak is linear and known."""
    ES = "ES"
    """And encrypted registers; the tweak is still linear."""
    SNP = "SNP"
    """And the RMP; secret tweaks, and VmsaRegProt. Ciphertext hiding has to be asked for: `--with R23`."""
    RI = "RI"
    """SNP with restricted injection."""
    PV = "PV"
    """SNP with the guest's system at VMPL2 and a monitor at VMPL0."""

    @property
    def has_rmp(self) -> bool:
        """SNP and what builds on it."""
        return self not in (Column.SEV, Column.ES)


@unique
class Keeper(Enum):
    """Who keeps a rule."""

    HARDWARE = "hardware"
    FIRMWARE = "firmware"
    GUEST = "guest"
    PARAVISOR = "paravisor"
    HOST = "host"
    VERIFIER = "verifier"


@dataclass(frozen=True)
class Rule:
    """A rule R… or S…, in our words."""

    id: str
    words: str
    keeper: Keeper
    since: str
    manual: str
    evidence: Evidence
    claims: tuple[str, ...] = ()
    """Invariants and theorems that forbid what the rule forbids."""
    spec: str = ""
    """The field of `Discipline` that is the same rule, if there is one."""


@dataclass(frozen=True)
class Relaxation:
    """An assumption X-…, off by default."""

    id: str
    words: str
    lifts: str
    """The rule that does not hold then."""
    seen: str
    """Where it was seen to be false."""


@dataclass(frozen=True)
class Form:
    """The attack where rules are left out, added, or assumptions lifted, and what is expected by column."""

    expected: dict[Column, str]
    without: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    """Rules that a column's generation does not have and that are there all the same."""
    relax: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """As the options of the command line say it."""
        parts = [f"without {name}" for name in self.without]
        parts += [f"with {name}" for name in self.added] + [f"relaxing {name}" for name in self.relax]
        return ", ".join(parts)


@dataclass(frozen=True)
class Pages:
    """The guest's pages when the trace begins. A page `g` lies at `G`; other capitals are the hypervisor's pages."""

    private: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    free: tuple[str, ...] = ()
    """Addresses that the guest uses and nothing lies at yet."""
    monitor: tuple[str, ...] = ()
    """Private pages of VMPL0, where there is a monitor."""
    large: tuple[str, ...] = ()
    """Private pages of 2 MiB; `g.1` is the second 4 KiB of `g`."""


@dataclass(frozen=True)
class Attack:
    """One entry."""

    id: str
    name: str
    title: str
    breaks: str
    published: str
    rules: tuple[str, ...]
    out: str = ""
    """Why it is not in the model."""
    waits_for: str = ""
    """What it cannot be run without, and nobody has built yet."""
    assumes: tuple[str, ...] = ()
    """Relaxations without which there is no such attack; they are on in all its forms."""
    pages: Pages = Pages()
    ghost: str = ""
    """The page whose memory a relaxed GHOST shares."""
    trace: tuple[Step, ...] = ()
    forms: tuple[Form, ...] = ()
    """The first one is the attack as it is: every rule that the generation has is kept."""

    @property
    def in_model(self) -> bool:
        """Everything is, unless there is a reason."""
        return not self.out

    @property
    def runs(self) -> bool:
        """There is a trace."""
        return bool(self.trace)

    @property
    def status(self) -> str:
        """In the model or not, and why; runnable or not, and what it waits for."""
        if self.out:
            return f"no: {self.out}"
        return f"yes; not run yet, waits for {self.waits_for}" if self.waits_for else "yes"
