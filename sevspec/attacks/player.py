"""What is remembered while a trace is played: the guest's tables, what the hypervisor keeps, where the guest stands."""

from dataclasses import dataclass, field

from sevspec.attacks.entry import Attack, Column
from sevspec.attacks.judge import Answer, End, Judge, Word
from sevspec.attacks.setting import Setting, Stage, word
from sevspec.attacks.side import MAIN, MONITOR, OTHER, STRANGER, Side
from sevspec.attacks.trace import Step

DONE = Answer(End.DONE, "done")
IGNORED = Answer(End.IGNORED, "nothing happens: the assumption is not lifted")
NPF, VC = "#NPF", "#VC"
NOT_MAPPED = "#NPF, not mapped"
"""A nested page fault that no rule of the RMP raised."""


@dataclass
class Player:
    """One trace on one side."""

    attack: Attack
    setting: Setting
    stage: Stage
    side: Side
    judge: Judge
    kept: dict[str, object] = field(default_factory=dict)
    """What the hypervisor has read, and digests, by name."""
    shared: set[int] = field(default_factory=set)
    """Frames that the guest's own tables map with C=0."""
    stands_at: int | None = None
    """The frame of the access that faulted; the guest's next step repeats it, if it is led elsewhere."""
    ended: bool = False
    running: str = MAIN
    saved: Word = 0
    """What the guest's register held when it was stopped."""
    injected: bool = False
    """An event is in the VMCB that VMRUN has not met yet."""
    stack: int | None = None
    """The frame that RSP points to, where that was moved."""
    of_monitor: set[Word] = field(default_factory=set)
    """Values that no level but VMPL0 may see."""

    def begin(self) -> None:
        """The guest is launched; everybody knows the published tweaks."""
        self.shared = {self.stage.frame(name) for name in self.attack.pages.shared}
        self.side.begin()
        pages = self.stage.pages
        self.judge.differences = frozenset(self.side.difference(a, b) for a in pages for b in pages) - {0}

    @property
    def is_stopped(self) -> bool:
        """The guest takes no step."""
        return self.ended or self.stands_at is not None

    def who(self, step: Step) -> str:
        """The one who accesses memory."""
        return {"monitor": MONITOR, "other": STRANGER}.get(step.actor, self.running)

    def has_monitor(self) -> bool:
        """There is a VMPL0 besides the guest's system."""
        return self.setting.column is Column.PV

    def value(self, name: str, step: Step) -> Word:
        """A value by its name; whoever names it first owns it."""
        number = word(name)
        self.judge.introduced(number, by_adversary=step.actor in ("hv", "user", "device"))
        return number

    def stopped(self, frame: int, answer: Answer, *, private: bool) -> Answer:
        """A guest's access ended in a fault."""
        if answer.event == NOT_MAPPED:
            self.judge.access_seen()
            self.stands_at = frame
        elif not private:
            answer = Answer(End.DOS, answer.said)
            self.judge.stopped(answer)
            self.stands_at = frame
        elif answer.event == VC:
            return self.unvalidated(frame, answer)
        else:
            self.judge.stopped(answer)
            self.stands_at = frame
        return answer

    def unvalidated(self, frame: int, answer: Answer) -> Answer:
        """The handler of #VC 404h: it ends the guest (S22), or validates and lets the access be repeated."""
        handled = self.side.handle_unvalidated(frame)
        return self.refused(Answer(handled.end, f"{answer.said}; the handler: {handled.said}"))

    def refused(self, answer: Answer) -> Answer:
        """Note what did not go through; software that stops ends the guest."""
        if answer.end not in (End.DONE, End.ABSENT):
            self.judge.stopped(answer)
        if answer.end is End.DETECT:
            self.ended = True
        return answer


__all__ = ["DONE", "IGNORED", "NOT_MAPPED", "NPF", "OTHER", "VC", "Player"]
