"""The running guest in the specification: its accesses, cached translations, page states."""

from collections.abc import Callable
from typing import Any

from proofs.lifting import in_scene
from sevspec.attacks.judge import Answer, End, Word
from sevspec.attacks.player import NOT_MAPPED, NPF, VC
from sevspec.attacks.setting import GHOST, Setting, Stage
from sevspec.attacks.side import MAIN, MONITOR, OTHER, STRANGER, Side
from sevspec.attacks.specification.scene import VMCBS, VMSAS, first_scene
from sevspec.blank import blank
from spec.guest.careful import PageStep, careful_accept, careful_rescind, careful_unvalidated
from spec.guest.careful_masks import MaskStep, careful_adjust
from spec.memory.caching import Flush, guest_flushes, processor_caches
from spec.memory.guest import Computation, GuestAccess, guest_computes, guest_reads, guest_writes, is_usable
from spec.memory.state import Scene
from spec.record import replace
from spec.registry import Outcome
from spec.rmp.access_kind import MemoryAccess
from spec.rmp.cpu import HOST_CPU
from spec.rmp.rmpupdate import RmpUpdate, rmpupdate
from spec.rmp.translation import Translation
from spec.vocabulary import (
    FULL_WITHOUT_SSS,
    PAGE_SHIFT,
    PAGES_PER_2M,
    AccessCode,
    AgentCode,
    Eax,
    Event,
    GuestAction,
    MappingSize,
    PageSize,
)

ES_ASID = 1
EVENTS = {Event.NPF: NPF, Event.VC: VC, Event.PF: "#PF", Event.IOMMU_FAULT: "IOMMU", Event.GP: "#GP"}


class GuestMemory(Side):
    """Memory as the guest uses it."""

    def __init__(self, setting: Setting, stage: Stage) -> None:
        """Nothing is launched."""
        super().__init__(setting, stage)
        ghost = stage.attack.ghost
        alias = (stage.page(GHOST), stage.page(ghost)) if ghost else None
        self.scene: Scene = first_scene(setting, alias)
        platform = self.scene.world.system.platform
        self.asid = ES_ASID if setting.encrypts_registers else platform.min_sev_asid
        self.at: dict[int, int] = {}
        """Where the nested tables lead: guest frame to page."""
        self.large: set[int] = set()
        """Guest frames that the nested tables map as part of 2 MiB."""
        self.slots = 0
        self.has_stranger = False

    def take(self, transition: Callable[[Any, Any], Outcome], op: Any) -> Outcome:
        """A step of the registry, whichever state it speaks of."""
        parameter = next(iter(transition.__annotations__))
        step = transition if parameter == "scene" else in_scene(transition)
        outcome = step(self.scene, op)
        self.scene = outcome.system
        return outcome

    def vcpu(self, who: str) -> int:
        """A virtual processor, by the page that its registers are saved in."""
        name = OTHER if who == OTHER else MAIN
        return (VMSAS if self.setting.encrypts_registers else VMCBS)[name]

    # --- accesses ---

    def access(self, who: str, gva: int, frame: int, kind: AccessCode, *, private: bool) -> MemoryAccess:
        """An access that the nested tables translate as they are now."""
        snp = self.setting.column.has_rmp and who != STRANGER
        size = MappingSize.MAP_2M if frame in self.large else MappingSize.MAP_4K
        spa = self.at.get(frame, 0) << PAGE_SHIFT
        return MemoryAccess(
            agent=AgentCode.SNP_GUEST if snp else AgentCode.NON_SNP_GUEST,
            kind=kind,
            asid=self.asid,
            vmpl=0 if who in (MONITOR, STRANGER) else self.setting.vmpl,
            cpl=0,
            vmpl_sss=False,
            reflect_vc=False,
            translation=Translation(gva << PAGE_SHIFT, frame, spa, size, private),
        )

    def cached(self, who: str, gva: int, frame: int, kind: AccessCode, *, private: bool) -> GuestAccess | None:
        """By a translation that the processor has; its C-bit is that of the time when it was cached."""
        for slot in range(self.slots):
            entry = self.scene.memory.tlb[slot]
            fetch = kind == AccessCode.FETCH
            access = self.access(who, gva, frame, kind, private=private if fetch else entry.private)
            op = GuestAccess(self.vcpu(who), access, True, slot)
            if is_usable(self.scene, op, entry):
                return op
        return None

    def perform(self, who: str, gva: int, frame: int, kind: AccessCode, *, private: bool) -> Outcome | Answer:
        """One access, cached if it can be, else walked and cached."""
        take = guest_writes if kind == AccessCode.WRITE else guest_reads
        known = self.cached(who, gva, frame, kind, private=private)
        if known is not None:
            return self.take(take, known)
        if frame not in self.at:
            return Answer(End.FAULT, "not mapped by the nested tables", event=NOT_MAPPED)
        op = GuestAccess(self.vcpu(who), self.access(who, gva, frame, kind, private=private), False, self.slots)
        outcome = self.take(take, op)
        if outcome.result is Event.COMPLETES:
            self.take(processor_caches, op)
            self.slots += 1
        return outcome

    def load(self, who: str, frame: int, *, shared: bool, fetch: bool = False, virtual: int | None = None) -> Answer:
        """Read or execute."""
        if who == STRANGER and not self.has_stranger:
            return Answer(End.REJECT, "no other guest has the ASID")
        if virtual is not None and self.switches_process(who, virtual, frame):
            self.take(guest_flushes, Flush(self.asid))
        kind = AccessCode.FETCH if fetch else AccessCode.READ
        outcome = self.perform(who, frame if virtual is None else virtual, frame, kind, private=not shared)
        if isinstance(outcome, Answer):
            return outcome
        if outcome.result is not Event.COMPLETES:
            return answered(outcome)
        return Answer(End.DONE, f"gets {shown(outcome.output)} ({outcome.check})", outcome.output)

    def store(self, who: str, frame: int, value: Word, *, shared: bool) -> Answer:
        """Compute the value, then write it."""
        self.take(guest_computes, Computation(self.vcpu(who), value, public=False))
        outcome = self.perform(who, frame, frame, AccessCode.WRITE, private=not shared)
        if isinstance(outcome, Answer):
            return outcome
        if outcome.result is not Event.COMPLETES:
            return answered(outcome)
        return Answer(End.DONE, f"writes {shown(value)} ({outcome.check})")

    # --- page states ---

    def update(self, page: int, frame: int | None, *, immutable: bool = False, large: bool = False) -> Outcome:
        """RMPUPDATE by the host: to the guest at an address, else to firmware if immutable, else to nobody."""
        op = replace(
            blank(RmpUpdate),
            cpu=HOST_CPU,
            spa=page << PAGE_SHIFT,
            assigned=frame is not None or immutable,
            page_size=PageSize.SIZE_2M if large else PageSize.SIZE_4K,
            immutable=immutable,
            asid=0 if frame is None else self.asid,
            gpa=(frame or 0) << PAGE_SHIFT,
        )
        return self.take(rmpupdate, op)

    def owned(self, page: int, frame: int, *, large: bool = False, granted: bool = True) -> None:
        """A page of the guest's before the trace begins."""
        for offset in range(PAGES_PER_2M if large else 1):
            self.at[frame + offset] = page + offset
            self.large |= {frame + offset} if large else set()
        if self.setting.column.has_rmp:
            self.update(page, frame, large=large)
            answer = self.accepting(frame, large=large, granted=granted)
            assert answer.end is End.DONE, answer.said

    def step_on(self, frame: int, *, large: bool = False) -> PageStep:
        """What the guest acts on."""
        size = MappingSize.MAP_2M if large else MappingSize.MAP_4K
        spa = self.at.get(frame, 0) << PAGE_SHIFT
        there = Translation(frame << PAGE_SHIFT, frame, spa, size, True)
        return PageStep(there, PageSize.SIZE_2M if large else PageSize.SIZE_4K)

    def accept(self, frame: int) -> Answer:
        """By the guest's rules."""
        if not self.setting.column.has_rmp:
            return Answer(End.DONE, "nothing to validate: there is no RMP")
        return self.accepting(frame, large=False, granted=True)

    def accepting(self, frame: int, *, large: bool, granted: bool) -> Answer:
        """Accept, and where there is a monitor zero and grant."""
        step = self.step_on(frame, large=large)
        answer = guest_answer(self.take(careful_accept, step))
        if answer.end is not End.DONE or not self.setting.vmpl or not granted:
            return answer
        return self._granted(step, frame)

    def _granted(self, step: PageStep, frame: int) -> Answer:
        zeroes = self.scene.habits.zeroes_before_granting
        if zeroes:
            for offset in range(PAGES_PER_2M if step.page_size else 1):
                self.store(MONITOR, frame + offset, 0, shared=False)
        mask = MaskStep(step, self.setting.vmpl, int(FULL_WITHOUT_SSS), False)
        answer = guest_answer(self.take(careful_adjust, mask))
        return Answer(answer.end, answer.said, 0 if zeroes else None)

    def handle_unvalidated(self, frame: int) -> Answer:
        """The careful guest's handler."""
        step = self.step_on(frame)
        answer = guest_answer(self.take(careful_unvalidated, step))
        if answer.end is End.DONE and self.setting.vmpl:
            return self._granted(step, frame)
        return answer

    def rescind(self, frame: int) -> Answer:
        """By the guest's rules."""
        if not self.setting.column.has_rmp:
            return Answer(End.DONE, "nothing to rescind: there is no RMP")
        return guest_answer(self.take(careful_rescind, self.step_on(frame)))

    def change_to_private(self, frame: int) -> Answer:  # noqa: ARG002 - guest tables are no state here
        """The guest's own tables are its own; a flush is a step."""
        if not self.scene.habits.flushes_own_tables:
            return Answer(End.DONE, "the C-bit is set; nothing is flushed")
        self.take(guest_flushes, Flush(self.asid))
        return Answer(End.DONE, "the C-bit is set, and translations are flushed")


def said_of(outcome: Outcome) -> str:
    """Result and check."""
    result = outcome.result
    return f"{result.name if isinstance(result.value, int) else result.value} ({outcome.check})"


def answered(outcome: Outcome) -> Answer:
    """A step of hardware or firmware that did not do what it was asked, or did."""
    result = outcome.result
    if result in (Event.COMPLETES, Eax.SUCCESS) or result.name == "SUCCESS":
        return Answer(End.DONE, said_of(outcome))
    if isinstance(result, Event) and result in EVENTS:
        return Answer(End.FAULT, said_of(outcome), event=EVENTS[result])
    return Answer(End.REJECT, said_of(outcome))


def guest_answer(outcome: Outcome) -> Answer:
    """A step of the careful guest. To be asked for what was done already is an attack that it sees."""
    if outcome.result is GuestAction.CONTINUES and outcome.check not in ("not-validated", "not-rescinded"):
        return Answer(End.DONE, said_of(outcome))
    detects = outcome.result is GuestAction.TERMINATES or outcome.check == "accepted-already"
    return Answer(End.DETECT if detects else End.REJECT, said_of(outcome))


def shown(value: Word) -> str:
    """A value, short."""
    return f"{value & 0xFFFF_FFFF:08x}…"
