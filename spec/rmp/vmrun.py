"""VMRUN, as far as the RMP is concerned: the pages that it needs, and what it holds until the exit."""

from spec.logic import all_of, any_of, first_of, ite, none_of
from spec.record import record
from spec.registry import Outcome, transition
from spec.rmp.cpu import Cpu
from spec.rmp.run_pages import RunPages, marked
from spec.rmp.vmrun_pages import avic_causes, vmcb_causes, vmsa_causes
from spec.system.state import System
from spec.vmpl.sev_features import HostSettings, SevFeaturesWord, has, illegal_features
from spec.vocabulary import Actor, Asid, Event, Evidence, Gfn, SevFeatures


@record
class Vmrun:
    """RAX, the VMCB that it points to, and what the guest's VMSA says."""

    cpu: Cpu
    host_save_area: bool
    """VM_HSAVE_PA is not 0."""
    pages: RunPages
    asid: Asid
    sev_features: SevFeaturesWord
    """In the VMSA; without one it has no meaning."""
    svme: bool
    """EFER.SVME in the VMSA."""
    busy: bool
    """VINTR_CTRL.BUSY in the VMSA."""
    vmsa_gfn: Gfn
    """The guest frame number at which the page became a VMSA (knob K-VMSA-RM)."""
    host: HostSettings


@transition(actor=Actor.HYPERVISOR, manual="APM Vol. 2, 15.36.12, Table 15-41; 15.36.16 to 15.36.20")
def vmrun(system: System, op: Vmrun) -> Outcome:
    """On success the guest runs, and its VMCB, VMSA and AVIC backing page are in use until `vmexit`."""
    # 1. The instruction is the host's and privileged.
    if op.cpu.cpl != 0:
        return Outcome(Event.GP, "cpl", system, Evidence.MANUAL)
    if op.cpu.asid != 0:
        return Outcome(Event.VMEXIT, "guest", system, Evidence.MANUAL)

    # 2. There is a host save area, and the VMCB is the hypervisor's.
    if cause := first_of(("host-save-area", none_of(op.host_save_area)), *vmcb_causes(system, op.pages)):
        return Outcome(Event.GP, cause, system, Evidence.MANUAL)

    # 3. The guest may run, and the pages that the VMCB points to are whose they have to be.
    snp = is_snp(op)
    if cause := first_of(
        ("asid", op.asid == 0),
        ("snp-enabled", all_of(snp, none_of(system.platform.features.snp_enabled))),
        ("asid-runnable", all_of(snp, none_of(system.firmware.asid_runnable[op.asid]))),
        *avic_causes(system, op.pages),
        *vmsa_causes(system, op.pages, snp, op.asid, op.vmsa_gfn),
    ):
        return Outcome(Event.VMEXIT_INVALID, cause, system, Evidence.MANUAL)

    # 4. The VMSA says something that can be run.
    word = ite(op.pages.sev_es, op.sev_features, 0)
    if all_of(op.pages.sev_es, none_of(op.svme)):
        return Outcome(Event.VMEXIT_INVALID, "svme", system, Evidence.MANUAL)
    if cause := illegal_features(word, system.platform.features, op.pages.avic, op.host):
        return Outcome(Event.VMEXIT_INVALID, cause, system, Evidence.MANUAL)
    if is_busy(system, op, word):
        return Outcome(Event.VMEXIT_BUSY, "busy", system, Evidence.MANUAL)

    return Outcome(Event.COMPLETES, "entered", marked(system, op.pages, True), Evidence.MANUAL)


def is_snp(op: Vmrun) -> bool:
    """The VMSA is that of an SNP guest."""
    return all_of(op.pages.sev_es, has(op.sev_features, SevFeatures.SNP_ACTIVE))


def is_busy(system: System, op: Vmrun, word: SevFeaturesWord) -> bool:
    """The VMSA is marked busy, and this is one in which the mark counts."""
    return all_of(
        op.pages.sev_es,
        op.busy,
        any_of(
            has(word, SevFeatures.ALTERNATE_INJECTION),
            has(word, SevFeatures.SECURE_AVIC),
            system.platform.features.secure_avic,
        ),
    )
