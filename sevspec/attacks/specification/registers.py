"""Virtual processors in the specification: VMRUN, exits, and what the hypervisor does to saved registers."""

from sevspec.attacks.entry import Column
from sevspec.attacks.judge import Answer, End, Word
from sevspec.attacks.side import ABSENT, MAIN, OTHER, NotStated
from sevspec.attacks.specification.guest_memory import GuestMemory, answered, said_of, shown
from sevspec.attacks.specification.scene import VMCBS, VMSA_FRAMES, VMSAS
from sevspec.blank import blank
from spec.memory.block import Block
from spec.memory.guest import Computation, GuestAccess, guest_computes, guest_reads
from spec.memory.host import HostRead, HostWrite, host_reads, host_writes
from spec.memory.legacy import LegacyLaunch, legacy_launch
from spec.record import replace
from spec.rmp.cpu import HOST_CPU, Cpu
from spec.rmp.pvalidate import Pvalidate, pvalidate
from spec.rmp.rmpadjust import RmpAdjust, rmpadjust
from spec.rmp.rmpupdate import RmpUpdate, rmpupdate
from spec.rmp.run_pages import RunPages, Vmexit, vmexit
from spec.rmp.translation import Translation
from spec.rmp.vmrun import Vmrun, vmrun
from spec.vmpl.sev_features import InjectionRequest
from spec.vocabulary import PAGE_SHIFT, AccessCode, Eax, Event, MappingSize, SevFeatures

ATTACKER_ASID = 2
FIRST_VMSA = 0
"""The note that keeps the first content of the VMSA page."""


NO_EVENT = InjectionRequest(valid=False, vector=0, kind=0, error_code_valid=False)
EXCEPTION = 3


class Processors(GuestMemory):
    """Virtual processors of the guest and of an attacker."""

    notes = FIRST_VMSA + 1
    """How many places the hypervisor has used to keep what it read."""
    running: str | None = None
    pending: InjectionRequest = NO_EVENT
    """EVENTINJ of the first virtual processor's VMCB."""

    def features(self) -> SevFeatures:
        """SEV_FEATURES of the guest's VMSAs."""
        features = SevFeatures.SNP_ACTIVE if self.setting.column.has_rmp else SevFeatures(0)
        if self.setting.column is Column.RI and self.setting.keeps("R10"):
            features |= SevFeatures.RESTRICTED_INJECTION
        if self.setting.column is Column.PV and self.setting.keeps("R11"):
            features |= SevFeatures.ALTERNATE_INJECTION
        return features

    def make_vmsas(self) -> None:
        """Encrypted pages for the registers, by the launch of the generation, or by VMPL0 of an SNP guest."""
        for who in (MAIN, OTHER) if self.setting.encrypts_registers else ():
            page = VMSAS[who]
            if self.setting.column.has_rmp:
                self.make_snp_vmsa(page, VMSA_FRAMES[who], self.asid)
            else:
                self.take(legacy_launch, LegacyLaunch(self.asid, page))
        self.take(host_reads, HostRead(VMSAS[MAIN] << PAGE_SHIFT, 0, FIRST_VMSA))

    def make_snp_vmsa(self, page: int, frame: int, asid: int) -> None:
        """RMPUPDATE, PVALIDATE and RMPADJUST of a page of an SNP guest; its registers are zero."""
        gpa, cpu = frame << PAGE_SHIFT, Cpu(asid=asid, vmpl=0, cpl=0, snp_active=True)
        there = Translation(gpa, frame, page << PAGE_SHIFT, MappingSize.MAP_4K, True)
        given = replace(blank(RmpUpdate), cpu=HOST_CPU, spa=page << PAGE_SHIFT, assigned=True, asid=asid, gpa=gpa)
        steps = (
            self.take(rmpupdate, given),
            self.take(pvalidate, Pvalidate(cpu, there, 0, True)),
            self.take(rmpadjust, RmpAdjust(cpu, there, 0, 1, 0, True, reserved=False)),
        )
        assert all(step.result is Eax.SUCCESS for step in steps), "a VMSA page can be made"
        key = self.scene.world.system.firmware.asid_keys[asid]
        contents = self.scene.memory.contents.set(page, Block(key, page, 0))
        self.scene = replace(self.scene, memory=replace(self.scene.memory, contents=contents))

    def pages_of(self, who: str) -> RunPages:
        """What a VMCB names."""
        es = self.setting.encrypts_registers
        return RunPages(VMCBS[who] << PAGE_SHIFT, es, (VMSAS[who] << PAGE_SHIFT) if es else 0, False, 0)

    def run(self, pages: RunPages, frame: int, features: SevFeatures) -> Answer:
        """VMRUN."""
        op = replace(
            blank(Vmrun),
            cpu=HOST_CPU,
            host_save_area=True,
            pages=pages,
            asid=self.asid,
            sev_features=int(features),
            svme=True,
            vmsa_gfn=frame,
            host=replace(blank(Vmrun).host, injection=self.pending),
        )
        outcome = self.take(vmrun, op)
        if outcome.result is not Event.COMPLETES:
            return Answer(End.REJECT, said_of(outcome))
        return Answer(End.DONE, said_of(outcome))

    # --- the trace ---

    def compute(self, value: Word) -> Answer:
        """The register."""
        self.take(guest_computes, Computation(self.vcpu(MAIN), value, public=False))
        return Answer(End.DONE, f"holds {shown(value)}")

    def leave(self) -> Answer:
        """An exit."""
        assert self.running is not None, "the guest runs"
        outcome = self.take(vmexit, Vmexit(self.pages_of(self.running)))
        self.running = None
        return answered(outcome)

    def enter(self, who: str) -> Answer:
        """VMRUN; whatever ran there leaves first."""
        if self.running is not None:
            self.leave()
        answer = self.run(self.pages_of(who), VMSA_FRAMES[who], self.features())
        if answer.end is not End.DONE:
            return answer
        self.running, self.pending = who, NO_EVENT
        return replace_value(answer, self.scene.memory.registers[self.vcpu(who)])

    def inject(self, vector: int, *, exception: bool) -> Answer:
        """For the next VMRUN."""
        kind = EXCEPTION if exception else 0
        self.pending = InjectionRequest(valid=True, vector=vector, kind=kind, error_code_valid=False)
        return Answer(End.DONE, f"an event of vector {vector:#x}")

    def delivered(self) -> int | None:
        """What VMRUN took; 0 stands for nothing, as no trace injects vector 0."""
        return self.scene.memory.events[self.vcpu(MAIN)] or None

    def saved_register(self) -> Answer:
        """The page that VMRUN loads from: plainly, or nothing to be seen."""
        outcome = self.take(host_reads, HostRead(self.vcpu(MAIN) << PAGE_SHIFT, 0, self.note()))
        block: Block = outcome.output
        if block.key == 0:
            return Answer(End.DONE, f"finds {shown(block.value)}", block.value, block)
        return Answer(End.DONE, "finds nothing in the clear", None, block)

    def change_saved(self, value: Word) -> Answer:
        """In the VMCB; or the first content of the VMSA again, once the page is the hypervisor's."""
        page = self.vcpu(MAIN)
        if self.setting.column.has_rmp:
            assert self.update(page, None).result is Eax.SUCCESS, "a page that nothing runs from can be taken back"
        older = self.setting.encrypts_registers
        return answered(self.take(host_writes, HostWrite(page << PAGE_SHIFT, 0, older, FIRST_VMSA, value)))

    def observe_vmsa(self) -> Answer:
        """Ciphertext."""
        if not self.setting.encrypts_registers:
            return ABSENT
        if self.setting.column.has_rmp and self.setting.keeps("R22"):
            raise NotStated("VmsaRegProt, the nonce in a VMSA, is not in the specification")
        outcome = self.take(host_reads, HostRead(self.vcpu(MAIN) << PAGE_SHIFT, 0, self.note()))
        return Answer(End.DONE, "reads ciphertext", None, outcome.output)

    def borrow_asid(self, page: int) -> Answer:
        """The attacker's machine: of SEV where the guest is of SEV or SEV-ES, else an SNP guest with a VMSA."""
        snp = self.setting.column.has_rmp
        if snp:
            self.make_snp_vmsa(VMSAS["attacker"], VMSA_FRAMES["attacker"], ATTACKER_ASID)
        pages = RunPages(VMCBS["attacker"] << PAGE_SHIFT, snp, VMSAS["attacker"] << PAGE_SHIFT if snp else 0, False, 0)
        entered = self.run(pages, VMSA_FRAMES["attacker"], SevFeatures.SNP_ACTIVE if snp else SevFeatures(0))
        if entered.end is not End.DONE:
            return entered
        self.at[0] = page
        walk = self.access(MAIN, 0, 0, AccessCode.WALK_READ, private=True)
        outcome = self.take(guest_reads, GuestAccess(VMCBS["attacker"], walk, False, 0))
        return Answer(End.DONE, f"the walk faults at {shown(outcome.output)}", outcome.output)

    def note(self) -> int:
        """A new place to keep something."""
        self.notes += 1
        return self.notes


def replace_value(answer: Answer, value: Word) -> Answer:
    """The same with what was got."""
    return Answer(answer.end, answer.said, value)
