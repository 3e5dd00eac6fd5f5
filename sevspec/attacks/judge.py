"""What came of a trace, derived from what was observed and from nothing else.

The adversary's knowledge and the guest's own view are kept beside the run: who put a value into the world first, what
the guest last wrote where, what the adversary saw in the clear. Where tweaks are linear and published, everybody knows
by how much a moved block changes (docs/open-questions.md, Q-63).
"""

from dataclasses import dataclass, field
from enum import Enum, unique

Word = int
"""16 bytes."""


@unique
class End(Enum):
    """How one action ended."""

    DONE = "done"
    FAULT = "FAULT"
    """Hardware stopped it."""
    REJECT = "REJECT"
    """A command or VMRUN was refused."""
    IGNORED = "IGNORED"
    """The hardware takes no notice."""
    DETECT = "DETECT"
    """Software saw it and ended."""
    DOS = "DOS"
    """The guest cannot go on, and nothing else is lost."""
    ABSENT = "n/a"
    """The generation has no such thing."""


@dataclass(frozen=True)
class Answer:
    """What one side says of one action."""

    end: End
    said: str
    """Its own words: a result and the check that decided."""
    value: Word | None = None
    """What the one who acts got in the clear."""
    kept: object = None
    """Ciphertext that was read, to be written or compared again."""
    event: str = ""
    """Which fault."""

    @property
    def label(self) -> str:
        """The stop as a cell names it."""
        return f"FAULT({self.event})" if self.end is End.FAULT else self.end.value


SEVERITY = ("LEAK", "HIJACK", "CORRUPT", "FORGED", "LEAK(eq)", "LEAK(pattern)")
UNHARMED, CIPHERTEXT = "unharmed", "ct only"
SAFE = {*(end.value for end in End), UNHARMED, CIPHERTEXT}
"""Outcomes that take nothing from the guest but its time."""


@dataclass
class Judge:
    """The evidence of one run."""

    differences: frozenset[Word] = frozenset()
    """What moving a block between two pages of the trace adds to its plaintext, where that is public."""
    secrets: set[Word] = field(default_factory=set)
    public: set[Word] = field(default_factory=set)
    handed_out: set[Word] = field(default_factory=set)
    """What the guest itself told everybody."""
    written: dict[int, list[Word]] = field(default_factory=dict)
    """By guest frame, everything that its owner wrote there, the last one last."""
    found: dict[str, str] = field(default_factory=dict)
    """Harm by its name, with its form."""
    false_reads: list[tuple[Word, str]] = field(default_factory=list)
    """What the guest got that it had not written there, and how that came about."""
    stops: list[Answer] = field(default_factory=list)
    good_reads: int = 0
    saw_ciphertext: bool = False

    # --- who knows what ---

    def introduced(self, word: Word, *, by_adversary: bool) -> None:
        """Somebody makes a value up. The first one owns it."""
        if word not in self.secrets | self.public | self.handed_out:
            (self.public if by_adversary else self.secrets).add(word)

    def seen(self, word: Word) -> None:
        """The adversary saw a word in memory or in a register."""
        if any(word ^ difference in self.secrets for difference in (0, *self.differences)):
            self.found["LEAK"] = ""
            # A false read that served to get it out is no harm of its own.
            self.false_reads = [(got, form) for got, form in self.false_reads if got != word]

    def published(self, word: Word) -> None:
        """The guest itself hands out what it means to hand out."""
        self.secrets.discard(word)
        self.handed_out.add(word)

    def likenesses(self, alike: bool, unlike: bool) -> None:
        """It compared: two equal values looked alike, and two different ones did not."""
        if alike and unlike:
            self.found["LEAK(eq)"] = ""

    def access_seen(self) -> None:
        """A fault that no rule stops told it which page the guest uses."""
        self.found["LEAK(pattern)"] = ""

    # --- what the guest gets ---

    def wrote(self, frame: int, word: Word) -> None:
        """The owner of a guest address wrote there."""
        self.written.setdefault(frame, []).append(word)

    def loaded(self, frame: int, word: Word) -> None:
        """A private read completed. It must give what was last written there."""
        known = self.written.get(frame)
        if known is None:
            return
        if word == known[-1]:
            self.good_reads += 1
        else:
            self.false_reads.append((word, self._form(word, known)))

    def executed(self, frame: int, word: Word) -> None:
        """The guest ran what it found at its address."""
        if word in self.public:
            self.found["HIJACK"] = ""
        else:
            self.loaded(frame, word)

    def stranger_loaded(self) -> None:
        """A guest got something at a page that it neither wrote nor accepted."""
        self.false_reads.append((0, "garbled"))

    def resumed(self, word: Word, saved: Word) -> None:
        """A guest goes on with these registers; it had saved those."""
        if word != saved:
            self.found["HIJACK"] = ""

    def forged(self) -> None:
        """Two launches with one digest put different things into memory."""
        self.found["FORGED"] = ""

    def stopped(self, answer: Answer) -> None:
        """Something did not go through."""
        self.stops.append(answer)

    def outcome(self) -> str:
        """The cell."""
        if harms := self.harms():
            return "+".join(harms)
        if any(stop.end is End.DETECT for stop in self.stops):
            return End.DETECT.value
        if self.stops:
            return self.stops[0].label
        if self.saw_ciphertext and not self.good_reads:
            return CIPHERTEXT
        return UNHARMED

    def harms(self) -> list[str]:
        """What the guest lost, the worst first. A whole secret counts for all that is told of it."""
        found = dict(self.found)
        if self.false_reads:
            found["CORRUPT"] = self.false_reads[0][1]
        names = [name for name in SEVERITY if name in found]
        if "LEAK" in names:
            names = [name for name in names if not name.startswith("LEAK(")]
        return [f"{name}({found[name]})" if found[name] else name for name in names]

    def is_last_written(self, frame: int, word: Word) -> bool:
        """The guest got what it had written."""
        known = self.written.get(frame)
        return known is not None and word == known[-1]

    def _form(self, word: Word, known: list[Word]) -> str:
        if word in known:
            return "replayed"
        moved = {word ^ difference for difference in (0, *self.differences)}
        return "controlled" if moved & (self.secrets | self.public) else "garbled"
