"""The pages that a running virtual processor holds, and their release (APM Vol. 2, 15.36.12).

The state does not remember which VMSA goes with which VMCB: VMRUN and the exit that ends it name the same pages.
"""

from spec.logic import all_of, implies, ite, none_of
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.rmp.authority import page_of
from spec.system.state import System
from spec.vocabulary import Actor, Address, Event, Evidence, Limit


@record
class RunPages:
    """A VMCB, and what it points to."""

    vmcb: Address
    sev_es: bool
    """The VMCB enables SEV-ES, and so there is a VMSA."""
    vmsa: Address
    avic: bool
    """The VMCB enables AVIC, and so there is a backing page."""
    avic_backing: Address


def marked(system: System, pages: RunPages, held: bool) -> System:
    """The state with these pages in use, or released. Without SNP nothing is ever in use."""
    held = all_of(held, system.platform.features.snp_enabled)
    vmcb, vmsa, backing = page_of(pages.vmcb), page_of(pages.vmsa), page_of(pages.avic_backing)
    in_use = system.in_use.set(vmcb, held)
    in_use = in_use.set(vmsa, ite(pages.sev_es, held, in_use[vmsa]))
    in_use = in_use.set(backing, ite(pages.avic, held, in_use[backing]))
    return replace(system, in_use=in_use)


@record
class Vmexit:
    """The virtual processor that stops running."""

    pages: RunPages


@transition(actor=Actor.HARDWARE, manual="APM Vol. 2, 15.36.12")
def vmexit(system: System, op: Vmexit) -> Outcome:
    """The pages that VMRUN held may be changed again."""
    # 1. It runs.
    without_snp = none_of(system.platform.features.snp_enabled)
    running = all_of(
        system.in_use[page_of(op.pages.vmcb)],
        implies(op.pages.sev_es, system.in_use[page_of(op.pages.vmsa)]),
        implies(op.pages.avic, system.in_use[page_of(op.pages.avic_backing)]),
    )
    if none_of(running, without_snp):
        return Outcome(Limit.NOT_MODELLED, "running", system, Evidence.INFERRED)

    return Outcome(Event.COMPLETES, "released", marked(system, op.pages, False), Evidence.MANUAL)
