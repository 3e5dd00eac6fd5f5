from dataclasses import replace

import pytest

from impl.completion import Completion
from impl.hypervisor.vmsa_layout import pack
from impl.machine import GENOA, HOST, TURIN, Configuration, Cpu, Running
from impl.registers import Msr
from impl.rmp.implicit import usable_as_vmsa, vmsave
from impl.rmp.save_area import record_checksum
from impl.rmp.vmrun import EFER_SVME, VINTR_BUSY, vmexit, vmrun
from spec.knobs import Knobs
from spec.vocabulary import AccessKind, Agent, Eax, Event, NpfInfo, SevFeatures
from tests.impl.scene import GPA, GUEST_ASID, NESTED_ROOT, OTHER_ASID, PAGE, SPA, Scene

VMCB, HOST_SAVE, BACKING = 0x2200_0000, 0x2200_1000, 0x2200_2000
VMSA_PFN = SPA >> 12
SNP = SevFeatures.SNP_ACTIVE


class Host(Scene):
    """A host with a VMCB, and a guest with a VMSA at SPA."""

    def __init__(self, configuration: Configuration = GENOA, features: int = SNP, **vmsa: int) -> None:
        super().__init__(configuration, guest_tables=0)
        self.machine.registers[Msr.VM_HSAVE_PA] = HOST_SAVE
        self.word(0x058, GUEST_ASID)
        self.word(0x090, 0b111)
        self.word(0x0B0, NESTED_ROOT)
        self.word(0x108, SPA)
        if features & SNP:
            self.give()
            entry = replace(self.machine.rmp.load(VMSA_PFN), vmsa=True)
            self.machine.rmp.store(VMSA_PFN, entry)
        fields = {"efer": EFER_SVME, "sev_features": features, "cr3": 0x7000, **vmsa}
        self.machine.memory.write(SPA, pack(fields), GUEST_ASID)
        record_checksum(self.machine, SPA)

    def word(self, offset: int, value: int, vmcb: int = VMCB) -> None:
        self.machine.memory.write_raw(vmcb + offset, value.to_bytes(8, "little"))

    def run(self) -> Running | Completion:
        return vmrun(self.machine, HOST, VMCB)

    def refused(self) -> tuple[Event, str]:
        """Result and check of a VMRUN that must leave nothing in use."""
        completion = self.run()
        assert isinstance(completion, Completion)
        assert not self.machine.in_use
        return completion.result, completion.check


def test_vmrun_of_a_sound_guest_reads_the_vmsa_through_its_key():
    host = Host(features=SNP | SevFeatures.REFLECT_VC | SevFeatures.VTOM, vmpl=2, cpl=3, virtual_tom=1 << 40)
    running = host.run()
    assert running.cpu == Cpu(
        GUEST_ASID,
        vmpl=2,
        cpl=3,
        snp_active=True,
        nested_cr3=NESTED_ROOT,
        cr3=0x7000,
        reflect_vc=True,
        virtual_tom=1 << 40,
    )


def test_vmrun_marks_vmcb_and_vmsa_in_use_until_vmexit():
    host = Host()
    running = host.run()
    assert host.machine.in_use == {VMCB >> 12, VMSA_PFN}
    vmexit(host.machine, running, 0x400, 1, 2)
    assert not host.machine.in_use
    assert host.machine.memory.read_raw(VMCB + 0x70, 24) == b"".join(n.to_bytes(8, "little") for n in (0x400, 1, 2))
    assert host.machine.memory.read_raw(VMCB + 0x140, 8) == SNP.to_bytes(8, "little")


# Recorded: unassigning the VMSA page of a running vCPU returns 3, and the page stays assigned.
def test_rmpupdate_of_a_running_vmsa_fails_inuse():
    host = Host()
    host.run()
    assert host.unassign(SPA).result == Eax.FAIL_INUSE
    assert host.machine.rmp.load(VMSA_PFN).assigned


def test_vmexit_with_reflected_vc_leaves_the_code_in_the_vmsa():
    host = Host()
    vmexit(host.machine, host.run(), 0x401, guest_exit_code=0x404)
    assert host.machine.memory.read(SPA + 0x3C0, 8, GUEST_ASID) == (0x404).to_bytes(8, "little")


def test_vmrun_in_user_mode_is_general_protection():
    assert vmrun(Host().machine, Cpu(cpl=3), VMCB).result == Event.GP


def test_vmrun_in_a_guest_is_intercepted():
    assert vmrun(Host().machine, Cpu(9), VMCB).result == Event.VMEXIT


def test_vmrun_without_host_save_area_is_general_protection():
    host = Host()
    host.machine.registers[Msr.VM_HSAVE_PA] = 0
    assert host.refused() == (Event.GP, "host-save-area")


def test_vmrun_with_the_vmcb_in_an_assigned_page_is_general_protection():
    host = Host()
    host.rmpupdate(VMCB, asid=0)
    assert host.refused() == (Event.GP, "vmcb")


def test_vmrun_with_asid_0_is_invalid():
    host = Host()
    host.word(0x058, 0)
    assert host.refused() == (Event.VMEXIT_INVALID, "asid")


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"assigned": False}, "guest-owned"),
        ({"asid": OTHER_ASID}, "guest-owned"),
        ({"immutable": True}, "mutable"),
        ({"vmsa": False}, "vmsa"),
    ],
)
def test_vmrun_with_an_unfit_vmsa_page_is_invalid(change, check):
    host = Host()
    host.machine.rmp.store(VMSA_PFN, replace(host.machine.rmp.load(VMSA_PFN), **change))
    assert host.refused() == (Event.VMEXIT_INVALID, check)


def test_vmrun_with_an_uncovered_vmsa_is_invalid():
    host = Host()
    host.machine.memory.write(1 << 50, host.machine.memory.read(SPA, PAGE, GUEST_ASID), GUEST_ASID)
    host.word(0x108, 1 << 50)
    assert host.refused() == (Event.VMEXIT_INVALID, "covered")


def test_vmrun_with_a_vmsa_beyond_memory_is_invalid():
    host = Host(replace(GENOA, physical_address_bits=48))
    host.word(0x108, 1 << 50)
    assert host.refused() == (Event.VMEXIT_INVALID, "vmsa-address")


def test_vmrun_of_a_rescinded_vmsa_runs_unless_the_knob_says():
    host = Host()
    host.pvalidate(validate=False)
    assert isinstance(host.run(), Running)
    checking = Host(replace(GENOA, knobs=Knobs(vmrun_checks_validated=True)))
    checking.pvalidate(validate=False)
    assert checking.refused() == (Event.VMEXIT_INVALID, "validated")


def test_vmrun_compares_the_recorded_address_where_the_knob_says():
    host = Host(replace(GENOA, knobs=Knobs(vmrun_checks_reverse_map=True)))
    assert host.refused() == (Event.VMEXIT_INVALID, "reverse-map")
    host.machine.vmsa_gfns[VMSA_PFN] = GPA >> 12
    assert isinstance(host.run(), Running)


def test_vmrun_of_an_asid_flagged_invalid_is_invalid():
    host = Host()
    host.machine.invalid_asids.add(GUEST_ASID)
    assert host.refused() == (Event.VMEXIT_INVALID, "asid-runnable")


def test_vmrun_of_an_asid_without_key_is_invalid():
    host = Host()
    host.machine.engine.drop_key(GUEST_ASID)
    assert host.refused() == (Event.VMEXIT_INVALID, "asid-key")


def test_vmrun_of_an_encrypted_guest_above_the_maximum_asid_is_invalid():
    host = Host()
    host.word(0x058, 2000)
    assert host.refused() == (Event.VMEXIT_INVALID, "asid-key")


def test_vmrun_without_svme_in_the_vmsa_is_invalid():
    assert Host(efer=0).refused() == (Event.VMEXIT_INVALID, "efer-svme")


def test_vmrun_at_a_level_that_does_not_exist_is_invalid():
    assert Host(vmpl=4).refused() == (Event.VMEXIT_INVALID, "vmpl")


def test_vmrun_of_a_vmsa_in_use_is_invalid_unless_the_knob_says():
    host = Host()
    host.run()
    second = VMCB + 4 * PAGE
    host.machine.memory.write_raw(second, host.machine.memory.read_raw(VMCB, PAGE))
    assert vmrun(host.machine, HOST, second).check == "vmsa-in-use"


def test_vmsa_of_two_vcpus_stays_in_use_until_the_last_exits():
    host = Host(replace(GENOA, knobs=Knobs(vmsa_twice_refused=False)))
    second = VMCB + 4 * PAGE
    host.machine.memory.write_raw(second, host.machine.memory.read_raw(VMCB, PAGE))
    first = host.run()
    assert isinstance(vmrun(host.machine, HOST, second), Running)
    vmexit(host.machine, first, 0x400)
    assert host.machine.in_use == {second >> 12, VMSA_PFN}


def test_vmrun_of_a_vmcb_in_use_is_general_protection():
    host = Host()
    host.run()
    assert host.run().result == Event.GP


def test_vmrun_of_an_sev_es_guest_needs_a_hypervisor_owned_vmsa():
    host = Host(features=0)
    assert isinstance(host.run(), Running)
    assigned = Host(features=0)
    assigned.rmpupdate(SPA)
    assert assigned.refused() == (Event.VMEXIT_INVALID, "hypervisor-owned")


def test_vmrun_of_an_snp_guest_without_snp_is_invalid():
    host = Host()
    host.machine.registers[Msr.SYSCFG] = 0
    assert host.refused() == (Event.VMEXIT_INVALID, "snp-enabled")


def test_vmrun_of_a_plain_guest_has_no_vmsa():
    host = Host(features=0)
    host.word(0x090, 1)
    running = host.run()
    assert (running.cpu, running.vmsa) == (Cpu(GUEST_ASID, nested_cr3=NESTED_ROOT), None)
    vmexit(host.machine, running, 0x78)
    assert not host.machine.running


def test_vmrun_with_avic_holds_the_backing_page():
    host = Host()
    host.word(0x060, 1 << 31)
    host.word(0x0E0, BACKING)
    host.run()
    assert BACKING >> 12 in host.machine.in_use
    assert host.access(AccessKind.WRITE, agent=Agent.HOST, spa=BACKING).check == "in-use"


def test_vmrun_with_an_assigned_backing_page_is_invalid():
    host = Host()
    host.word(0x060, 1 << 31)
    host.word(0x0E0, BACKING)
    host.rmpupdate(BACKING)
    assert host.refused() == (Event.VMEXIT_INVALID, "avic-backing-page")


AVIC, SSS_CHECK = (0x060, 1 << 31), (0x090, 0b10111)
RESTRICTED, ALTERNATE = SevFeatures.RESTRICTED_INJECTION, SevFeatures.ALTERNATE_INJECTION
SECURE_AVIC, VMPL_SSS = SevFeatures.SECURE_AVIC, SevFeatures.VMPL_SSS


@pytest.mark.parametrize(
    ("features", "word", "check"),
    [
        (RESTRICTED | ALTERNATE, None, "restricted-or-alternate"),
        (SECURE_AVIC | RESTRICTED, None, "secure-avic-alone"),
        (SECURE_AVIC | ALTERNATE, None, "secure-avic-alone"),
        (SECURE_AVIC, AVIC, "secure-avic-alone"),
        (VMPL_SSS, SSS_CHECK, "one-shadow-stack-check"),
        (ALTERNATE, AVIC, "injection-without-avic"),
        (RESTRICTED, AVIC, "injection-without-avic"),
        (SNP, (0x138, 1 << 63), "allowed-features"),
        (SNP | SECURE_AVIC, (0x138, 1 << 63 | SNP), "allowed-features"),
        (RESTRICTED, (0x0A8, 1 << 31 | 3 << 8 | 14), "restricted-event"),
        (RESTRICTED, (0x0A8, 1 << 31 | 0 << 8 | 28), "restricted-event"),
        (RESTRICTED, (0x0A8, 1 << 31 | 1 << 11 | 3 << 8 | 28), "restricted-event"),
    ],
)
def test_vmrun_with_exclusive_features_is_invalid(features, word, check):
    host = Host(TURIN, features=SNP | features)
    if word:
        host.word(*word)
    assert host.refused() == (Event.VMEXIT_INVALID, check)


@pytest.mark.parametrize(
    ("features", "word"),
    [
        (RESTRICTED, (0x0A8, 1 << 31 | 3 << 8 | 28)),
        (RESTRICTED, (0x0A8, 3 << 8 | 14)),
        (ALTERNATE, (0x0A8, 1 << 31 | 3 << 8 | 14)),
        (VMPL_SSS, (0x060, 0)),
        (0, SSS_CHECK),
        (SevFeatures.PREVENT_HOST_IBS, (0x060, 0)),
        (SECURE_AVIC, (0x138, 1 << 63 | SNP | SECURE_AVIC)),
        (SECURE_AVIC, (0x138, SNP)),
    ],
)
def test_vmrun_with_compatible_features_runs(features, word):
    host = Host(TURIN, features=SNP | features)
    host.word(*word)
    assert isinstance(host.run(), Running)


def test_vmrun_ignores_the_allowed_mask_without_the_feature():
    host = Host(GENOA)
    host.word(0x138, 1 << 63)
    assert isinstance(host.run(), Running)


@pytest.mark.parametrize(("msr", "value"), [(Msr.IBS_FETCH_CTL, 1 << 48), (Msr.IBS_OP_CTL, 1 << 17)])
def test_vmrun_preventing_host_ibs_while_it_is_on_is_invalid(msr, value):
    host = Host(features=SNP | SevFeatures.PREVENT_HOST_IBS)
    host.machine.registers[msr] = value
    assert host.refused() == (Event.VMEXIT_INVALID, "ibs-off")


@pytest.mark.parametrize(
    ("configuration", "features", "busy"),
    [(GENOA, SNP, False), (GENOA, SNP | ALTERNATE, True), (TURIN, SNP, True), (TURIN, 0, True)],
)
def test_vmrun_of_a_busy_vmsa_is_busy_where_the_bit_is_looked_at(configuration, features, busy):
    host = Host(configuration, features=features, vintr_ctrl=VINTR_BUSY)
    if busy:
        assert host.refused() == (Event.VMEXIT_BUSY, "busy")
    else:
        assert isinstance(host.run(), Running)


def test_vmsave_to_an_assigned_page_is_general_protection():
    host = Host()
    assert vmsave(host.machine, HOST, VMCB).result == Event.COMPLETES
    assert vmsave(host.machine, HOST, SPA).result == Event.GP
    assert vmsave(host.machine, Cpu(cpl=3), VMCB).result == Event.GP


def test_vmsave_in_a_guest_to_an_assigned_page_is_nested_fault():
    host = Host()
    legacy = Cpu(9, nested_cr3=NESTED_ROOT)
    completion = vmsave(host.machine, legacy, GPA)
    word = NpfInfo.P | NpfInfo.U | NpfInfo.W | NpfInfo.RMP | NpfInfo.FINAL_GPA
    assert (completion.result, completion.error, completion.address) == (Event.NPF, word, GPA)
    assert vmsave(host.machine, legacy, GPA + PAGE).check == "nested-mapping"
    host.map(GPA + PAGE, SPA + PAGE)
    assert vmsave(host.machine, legacy, GPA + PAGE).result == Event.COMPLETES


def test_vmrun_meeting_a_reserved_segment_bit_fails_the_check():
    limits = replace(TURIN.segment_limits, only_cached_usable=False)
    host = Host(replace(TURIN, segment_limits=limits))
    host.machine.memory.write_raw(0x10_4006, b"\x10")
    assert host.refused() == (Event.GP, "vmcb")


def test_vmsa_meeting_a_reserved_segment_bit_is_unfit():
    limits = replace(TURIN.segment_limits, only_cached_usable=False)
    host = Host(replace(TURIN, segment_limits=limits))
    host.machine.memory.write_raw(0x10_4006, b"\x10")
    assert usable_as_vmsa(host.machine, SPA, GUEST_ASID) == "segment-table-reserved"


def test_vmrun_not_preventing_host_ibs_runs_while_it_is_on():
    host = Host()
    host.machine.registers[Msr.IBS_OP_CTL] = 1 << 17
    assert isinstance(host.run(), Running)
