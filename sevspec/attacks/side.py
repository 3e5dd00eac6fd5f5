"""What a trace asks of whoever plays it: the specification and the machine answer the same questions."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from sevspec.attacks.judge import Answer, End, Word
from sevspec.attacks.setting import Setting, Stage

ABSENT = Answer(End.ABSENT, "the generation has no such thing")
MAIN, OTHER, MONITOR, STRANGER = "main", "other", "monitor", "stranger"
"""Who accesses memory: the guest's two virtual processors, its VMPL0, another guest."""
VIRTUAL_PAGE = 0x7000
"""The one virtual page number that two processes map differently."""


class NotStated(Exception):
    """This side has no words for the step."""


class Side(ABC):
    """One interpreter. Pages and guest addresses are frame numbers, values are the 16 bytes at their beginning."""

    def __init__(self, setting: Setting, stage: Stage) -> None:
        """A platform of the column's generation; the guest is launched by `begin`."""
        self.setting = setting
        self.stage = stage
        self.virtual: dict[tuple[str, int], int] = {}
        """Where the guest's own tables lead a virtual page that two processes use, by virtual processor."""

    @abstractmethod
    def begin(self) -> None:
        """Launch the guest, with the pages that the attack names."""

    def switches_process(self, who: str, virtual: int, frame: int) -> bool:
        """Whether this virtual processor mapped the virtual page elsewhere before: then the guest flushes (S17)."""
        before = self.virtual.get((who, virtual), frame)
        self.virtual[who, virtual] = frame
        return before != frame and self.setting.keeps("S17")

    # --- the guest ---

    @abstractmethod
    def load(self, who: str, frame: int, *, shared: bool, fetch: bool = False, virtual: int | None = None) -> Answer:
        """Read or execute at a guest address, or at a virtual page that leads there."""

    @abstractmethod
    def store(self, who: str, frame: int, value: Word, *, shared: bool) -> Answer:
        """Write."""

    @abstractmethod
    def accept(self, frame: int) -> Answer:
        """Make a page private, by the guest's rules; at VMPL0 where there is a monitor, which grants it."""

    @abstractmethod
    def handle_unvalidated(self, frame: int) -> Answer:
        """The handler of #VC 404h: it ends the guest (S22), or validates the page on demand."""

    @abstractmethod
    def rescind(self, frame: int) -> Answer:
        """Take the acceptance back, by the guest's rules."""

    @abstractmethod
    def change_to_private(self, frame: int) -> Answer:
        """Set the C-bit in the guest's own tables, and flush if the guest does."""

    # --- registers ---

    @abstractmethod
    def compute(self, value: Word) -> Answer:
        """Put a value into a register."""

    @abstractmethod
    def leave(self) -> Answer:
        """An exit: the registers are saved."""

    @abstractmethod
    def enter(self, who: str) -> Answer:
        """VMRUN, without a flush; the value is what the register holds then."""

    @abstractmethod
    def inject(self, vector: int, *, exception: bool) -> Answer:
        """EVENTINJ of the first virtual processor's VMCB, for the next VMRUN."""

    @abstractmethod
    def delivered(self) -> int | None:
        """The vector that the last VMRUN delivered."""

    @abstractmethod
    def saved_register(self) -> Answer:
        """What the VMCB shows."""

    @abstractmethod
    def change_saved(self, value: Word) -> Answer:
        """Change the register where VMRUN will look for it, or in a copy that the VMCB then names."""

    @abstractmethod
    def observe_vmsa(self) -> Answer:
        """Read the page of the encrypted registers."""

    @abstractmethod
    def borrow_asid(self, page: int) -> Answer:
        """Run another virtual machine under the guest's ASID, with its root table in the page; what the fault tells."""

    # --- the hypervisor ---

    @abstractmethod
    def observe(self, page: int) -> Answer:
        """Read a page without a key."""

    @abstractmethod
    def overwrite(self, page: int, content: object) -> Answer:
        """Write a page without a key: what `observe` kept, or a value."""

    @abstractmethod
    def flipped(self, kept: object) -> object:
        """Ciphertext with one bit changed."""

    @abstractmethod
    def alike(self, one: object, two: object) -> bool:
        """Whether two ciphertexts look the same, if the adversary may compare them."""

    @abstractmethod
    def difference(self, one: int, two: int) -> Word:
        """What moving a block between two pages adds to its plaintext; 0 if nobody can tell."""

    @abstractmethod
    def map(self, frame: int, page: int | None, *, flush: bool = True) -> Answer:
        """The nested tables lead a guest address there, or nowhere; TLB_CONTROL flushes, if the hypervisor wants it."""

    @abstractmethod
    def assign(self, page: int, frame: int | None, *, to_firmware: bool = False) -> Answer:
        """RMPUPDATE: to the guest at an address, to the hypervisor, or to firmware."""

    @abstractmethod
    def split(self, page: int) -> Answer:
        """PSMASH."""

    @abstractmethod
    def open_rmp(self, *, before: bool) -> Answer:
        """Write the RMP's entry of its own pages while SNP_INIT builds it, or before it and past the firmware."""

    @abstractmethod
    def write_entry(self, page: int, frame: int | None) -> Answer:
        """Store to the memory that holds a page's entry: the hypervisor's, or the guest's at an address and valid."""

    @abstractmethod
    def write_back(self, page: int) -> Answer:
        """Modified lines go to memory."""

    @abstractmethod
    def drop(self, page: int) -> Answer:
        """INVD."""

    @abstractmethod
    def evict(self, page: int) -> Answer:
        """The host's line of the page leaves the cache."""

    @abstractmethod
    def dma(self, page: int, value: Word) -> Answer:
        """The IOMMU writes."""

    # --- firmware ---

    @abstractmethod
    def launch(self, blocks: Sequence[tuple[int, Word]]) -> int:
        """The digest of a guest with these values at these guest addresses, loaded in this order."""

    @abstractmethod
    def move(self, source: int, target: int) -> Answer:
        """SNP_PAGE_MOVE of a guest's page, with the RMPUPDATEs before it; the nested tables follow."""

    @abstractmethod
    def debug_decrypt(self, source: int, target: int) -> Answer:
        """SNP_DBG_DECRYPT."""

    @abstractmethod
    def end_guest(self) -> Answer:
        """The ASID is taken from the guest."""

    @abstractmethod
    def activate_other(self) -> Answer:
        """Another guest gets the ASID."""

    @abstractmethod
    def request(self, page: int) -> Answer:
        """SNP_GUEST_REQUEST with a malformed message in the page."""
