"""Virtual processors on the machine: VMRUN, exits, and what the hypervisor does to saved registers."""

from impl.completion import Completion
from impl.hypervisor.vmsa_layout import FIELDS, pack
from impl.machine import HOST, Registers, Running
from impl.memory.agents import host_read, host_write
from impl.memory.cached_access import load
from impl.memory.engine import PAGE_BYTES
from impl.memory.paging import map_nested
from impl.rmp import vmcb
from impl.rmp.vmcb import SAVE_AREA
from impl.rmp.vmrun import EFER_SVME, vmexit, vmrun
from sevspec.attacks.entry import Column
from sevspec.attacks.judge import Answer, End, Word
from sevspec.attacks.machine.guest_memory import GuestMemory, shown
from sevspec.attacks.machine.launching import Launching
from sevspec.attacks.machine.places import (
    CONTEXTS,
    CORE,
    NESTED,
    NESTED_OF_ATTACKER,
    TABLE_FRAMES,
    VMCBS,
    VMSA_FRAMES,
    VMSAS,
    from_page,
)
from sevspec.attacks.setting import POINTER_MASK, PRESENT
from sevspec.attacks.side import ABSENT, MAIN
from spec.vocabulary import PAGE_SHIFT, Event, SevFeatures

INTERCEPT = 0x60
"""The exit code of a physical interrupt: an exit at a moment of the hypervisor's choosing."""
NESTED_ENABLE, SEV_ENABLE = 1 << 0, 1 << 1
WORD, HALF = 8, 64
EXCEPTION, TYPE_SHIFT, EVENT_VALID = 3, 8, 1 << 31
ATTACKER_ASID = 2
ATTACKER_ROOT = 0x5000
"""The guest-physical address at which the attacker's root table lies."""
BLOCK_OF_RAX = FIELDS["rax"].offset & ~0xF


class Processors(GuestMemory):
    """Virtual processors of the guest and of an attacker."""

    def features(self) -> SevFeatures:
        """SEV_FEATURES of the guest's VMSAs."""
        features = SevFeatures.SNP_ACTIVE if self.setting.column.has_rmp else SevFeatures(0)
        if self.setting.column is Column.RI and self.setting.keeps("R10"):
            features |= SevFeatures.RESTRICTED_INJECTION
        if self.setting.column is Column.PV and self.setting.keeps("R11"):
            features |= SevFeatures.ALTERNATE_INJECTION
        if self.setting.column.has_rmp and self.setting.keeps("R22"):
            features |= SevFeatures.VMSA_REG_PROT
        return features

    def make_vmsas(self) -> None:
        """A VMSA for each virtual processor, launched; their first content is kept, as any host would."""
        for who in ("main", "other") if self.setting.encrypts_registers else ():
            fields = {
                "efer": EFER_SVME,
                "sev_features": int(self.features()),
                "cr3": TABLE_FRAMES[who] << PAGE_SHIFT,
                "vmpl": self.setting.vmpl,
            }
            self.launching.load(VMSAS[who] >> PAGE_SHIFT, VMSA_FRAMES[who], pack(fields), vmsa=True)
        self.first_vmsa = self.machine.memory.read_raw(VMSAS["main"], PAGE_BYTES)

    def make_vmcb(self, who: str, asid: int, nested: int, vmsa: int | None, cr3: int) -> None:
        """A VMCB in the hypervisor's memory."""
        words = {
            vmcb.ASID: asid,
            vmcb.NESTED_CONTROL: NESTED_ENABLE | SEV_ENABLE | (vmcb.SEV_ES_ENABLE if vmsa is not None else 0),
            vmcb.NESTED_CR3: nested,
            vmcb.VMSA_POINTER: vmsa or 0,
            SAVE_AREA + FIELDS["cr3"].offset: cr3,
        }
        for offset, value in words.items():
            self.platform.host_stores(VMCBS[who] + offset, value.to_bytes(WORD, "little"))

    def run_first(self) -> None:
        """The guest runs on its first virtual processor."""
        for who in ("main", "other"):
            vmsa = VMSAS[who] if self.setting.encrypts_registers else None
            self.make_vmcb(who, self.asid, NESTED, vmsa, TABLE_FRAMES[who] << PAGE_SHIFT)
        self.running: Running | None = None
        self.enter(MAIN)

    # --- the trace ---

    def compute(self, value: Word) -> Answer:
        """RAX and RSP stand for the guest's registers."""
        assert self.running is not None, "the guest runs"
        self.running.registers.update(rax=value & (1 << HALF) - 1, rsp=value >> HALF)
        return Answer(End.DONE, f"holds {shown(value)}")

    def leave(self) -> Answer:
        """An exit."""
        assert self.running is not None, "the guest runs"
        vmexit(self.machine, self.running, INTERCEPT)
        self.platform.host_stores(self.running.vmcb + vmcb.EVENTINJ, bytes(WORD))
        self.running = None
        return Answer(End.DONE, "exits")

    def enter(self, who: str) -> Answer:
        """VMRUN on the one core, with TLB_CONTROL 0; whatever ran there leaves first."""
        if self.running is not None:
            self.leave()
        entered = vmrun(self.machine, HOST, VMCBS[who], CORE)
        if isinstance(entered, Completion):
            return Answer(End.REJECT, f"{getattr(entered.result, 'value', entered.result)} ({entered.check})")
        self.running = entered
        said = "runs" if entered.event is None else f"runs; vector {entered.event:#x} is delivered"
        return Answer(End.DONE, said, as_word(entered.registers))

    def inject(self, vector: int, *, exception: bool) -> Answer:
        """Type 3 is an exception, 0 an external interrupt. After the next exit the host clears the field."""
        event = vector | (EXCEPTION << TYPE_SHIFT if exception else 0) | EVENT_VALID
        self.platform.host_stores(VMCBS["main"] + vmcb.EVENTINJ, event.to_bytes(WORD, "little"))
        return Answer(End.DONE, f"EVENTINJ {event:#x}")

    def delivered(self) -> int | None:
        """What VMRUN took."""
        return None if self.running is None else self.running.event

    def saved_register(self) -> Answer:
        """RAX and RSP in the VMCB."""
        save = host_read(self.machine, VMCBS["main"] + SAVE_AREA, PAGE_BYTES - SAVE_AREA)
        found = {name: save[FIELDS[name].offset :][:WORD] for name in ("rax", "rsp")}
        value = as_word({name: int.from_bytes(raw, "little") for name, raw in found.items()})
        return Answer(End.DONE, f"finds {shown(value)}" if value else "finds nothing in the VMCB", value, value)

    def change_saved(self, value: Word) -> Answer:
        """In the VMCB; or the first content of the VMSA again, once the page is the hypervisor's."""
        if not self.setting.encrypts_registers:
            for name, half in (("rax", value & (1 << HALF) - 1), ("rsp", value >> HALF)):
                place = VMCBS["main"] + SAVE_AREA + FIELDS[name].offset
                self.platform.host_stores(place, half.to_bytes(WORD, "little"))
            return Answer(End.DONE, f"stores {shown(value)} in the VMCB")
        if self.setting.column.has_rmp:
            self.platform.updated(VMSAS["main"] >> PAGE_SHIFT, 0, 0)
        done = host_write(self.machine, VMSAS["main"], self.first_vmsa)
        assert done.result is Event.COMPLETES, "without an owner the page is the hypervisor's to write"
        return Answer(End.DONE, "puts an older encrypted page there")

    def observe_vmsa(self) -> Answer:
        """The block that RAX is saved in."""
        if not self.setting.encrypts_registers:
            return ABSENT
        raw = host_read(self.machine, VMSAS["main"] + BLOCK_OF_RAX, 16)
        return Answer(End.DONE, f"reads {raw[:4].hex()}…", None, raw)

    def borrow_asid(self, page: int) -> Answer:
        """The attacker's machine: of SEV where the guest is of SEV or SEV-ES, else an SNP guest with a VMSA."""
        snp, free = self.setting.column.has_rmp, from_page(NESTED_OF_ATTACKER + PAGE_BYTES)
        memory = self.machine.memory
        map_nested(memory, NESTED_OF_ATTACKER, ATTACKER_ROOT, page << PAGE_SHIFT, free)
        if snp:
            self._launch_attacker()
        vmsa = VMSAS["attacker"] if snp else None
        self.make_vmcb("attacker", self.asid, NESTED_OF_ATTACKER, vmsa, ATTACKER_ROOT)
        entered = vmrun(self.machine, HOST, VMCBS["attacker"], CORE)
        if isinstance(entered, Completion):
            return Answer(End.REJECT, f"{getattr(entered.result, 'value', entered.result)} ({entered.check})")
        fault = load(self.machine, CORE, entered.cpu, 0, WORD)
        vmexit(self.machine, entered, INTERCEPT)
        assert isinstance(fault, Completion), "the attacker's tables lead nowhere"
        value = (fault.address or 0) & POINTER_MASK | PRESENT
        return Answer(End.DONE, f"{fault.check} at {fault.address or 0:#x}", value)

    def _launch_attacker(self) -> None:
        """A second SNP guest, with its own ASID and VMSA."""
        attacker = Launching(self.platform, CONTEXTS["attacker"], ATTACKER_ASID)
        attacker.start()
        fields = {"efer": EFER_SVME, "sev_features": int(SevFeatures.SNP_ACTIVE), "cr3": ATTACKER_ROOT}
        attacker.load(VMSAS["attacker"] >> PAGE_SHIFT, VMSA_FRAMES["attacker"], pack(fields), vmsa=True)
        attacker.finish()


def as_word(registers: Registers) -> Word:
    """Both registers as one value."""
    return registers["rsp"] << HALF | registers["rax"]
