"""The RMP checks of VMRUN, page by page (APM Vol. 2, Table 15-41). All of them go by 4 KiB."""

from spec.logic import all_of, none_of
from spec.rmp.authority import page_of
from spec.rmp.ownership import is_held, is_taken, owner_causes, speaking
from spec.rmp.run_pages import RunPages
from spec.system.state import System
from spec.vocabulary import Asid, Gfn

Causes = tuple[tuple[str, bool], ...]


def vmcb_causes(system: System, pages: RunPages) -> Causes:
    """The VMCB: Hypervisor-Owned. That one in use is refused is inferred from accesses to pages in use."""
    return (
        ("vmcb-alignment", pages.vmcb & 0xFFF != 0),
        ("vmcb-hypervisor-owned", is_taken(system, pages.vmcb, False)),
        ("vmcb-in-use", is_held(system, page_of(pages.vmcb), False)),
    )


def avic_causes(system: System, pages: RunPages) -> Causes:
    """The AVIC backing page: Hypervisor-Owned. The tables of AVIC, permission maps and nCR3 are not checked."""
    return (
        ("avic-hypervisor-owned", all_of(pages.avic, is_taken(system, pages.avic_backing, False))),
        ("avic-in-use", all_of(pages.avic, is_held(system, page_of(pages.avic_backing), False))),
    )


def vmsa_causes(system: System, pages: RunPages, snp: bool, asid: Asid, recorded: Gfn) -> Causes:
    """The VMSA: the hypervisor's page for SEV-ES; for SNP the guest's, mutable, with the VMSA attribute.

    Table 15-41 does not list Validated (knob K-VMRUN-V), and there is no guest-physical address to compare, unless
    one was recorded (knob K-VMSA-RM). Running one VMSA twice is open too (knob K-VMSA-TWICE).
    """
    knobs = system.platform.knobs
    page = page_of(pages.vmsa)
    found = speaking(system, page)
    owner = tuple((name, all_of(snp, wrong)) for name, wrong in owner_causes(system, pages.vmsa, found.entry, asid))
    return (
        ("vmsa-hypervisor-owned", all_of(pages.sev_es, none_of(snp), is_taken(system, pages.vmsa, False))),
        *owner,
        ("reverse-map", all_of(snp, knobs.vmrun_checks_reverse_map, found.gfn != recorded)),
        ("vmsa-attribute", all_of(snp, none_of(found.entry.vmsa))),
        ("validated", all_of(snp, knobs.vmrun_checks_validated, none_of(found.entry.validated))),
        ("vmsa-in-use", all_of(pages.sev_es, knobs.vmsa_twice_refused, is_held(system, page, False))),
    )
