"""PSMASH: the hypervisor splits a 2 MiB page of the RMP into 512 pages of 4 KiB, content and ownership unchanged."""

from spec.knobs import PsmashGuard
from spec.logic import all_of, any_of, first_of, ite, none_of
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.rmp.authority import GFN_MAX, is_2m, offset_of, page_of
from spec.rmp.coverage import is_covered
from spec.rmp.cpu import Cpu, host_instruction_refused
from spec.system.state import System
from spec.vocabulary import PAGES_PER_2M, Actor, Address, Eax, Evidence, PageSize


@record
class Psmash:
    """RAX (APM Vol. 3, "PSMASH")."""

    cpu: Cpu
    spa: Address
    contended: bool
    """Another processor holds the entry at this moment (knob K-OVERLAP-SPUR)."""


@transition(actor=Actor.HYPERVISOR, manual='APM Vol. 3, "PSMASH"; Vol. 2, 15.36.11')
def psmash(system: System, op: Psmash) -> Outcome:
    """The 2 MiB translations of the page are gone from every TLB. The ASID counters do not change."""
    # 1. The instruction exists, is privileged, and is the host's.
    if (refused := host_instruction_refused(system, op.cpu)) is not None:
        return refused

    # 2. The operand names a covered 2 MiB-aligned page.
    page = page_of(op.spa)
    if cause := first_of(("spa-alignment", op.spa & 0x1FFFFF != 0), ("covered", none_of(is_covered(system, op.spa)))):
        return Outcome(Eax.FAIL_INPUT, cause, system, Evidence.AGREED)

    # 3. No other processor holds the entry.
    if all_of(system.platform.knobs.contention, op.contended):
        return Outcome(Eax.FAIL_INUSE, "in-use", system, Evidence.AGREED)

    # 4. The entry is an assigned 2 MiB entry. Code 7 was observed on hardware.
    head = system.rmp[page]
    if none_of(is_2m(head)):
        return Outcome(Eax.FAIL_NOT_SPLITTABLE, "page-size", system, Evidence.OBSERVED)

    # 5. It is a mutable guest page; what hardware answers otherwise is open (knob K-PSMASH-GUARD).
    special = any_of(head.immutable, head.asid == 0)
    guard = system.platform.knobs.psmash_guard
    if all_of(special, guard == PsmashGuard.FAIL_PERMISSION):
        return Outcome(Eax.FAIL_PERMISSION, "splittable", system, Evidence.INFERRED)
    if all_of(special, guard == PsmashGuard.FAIL_INPUT):
        return Outcome(Eax.FAIL_INPUT, "splittable", system, Evidence.INFERRED)
    if all_of(special, guard == PsmashGuard.NOT_SPLITTABLE):
        return Outcome(Eax.FAIL_NOT_SPLITTABLE, "splittable", system, Evidence.INFERRED)

    # 6. Everything is copied; guest frame numbers count up from the head's.
    small = replace(head, page_size=PageSize.SIZE_4K)
    rmp = system.rmp.set_range(
        page,
        PAGES_PER_2M,
        lambda p: replace(
            small,
            gfn=ite(head.asid != 0, (head.gfn + offset_of(p)) & GFN_MAX, head.gfn),
            subpage_count=ite(p == page, PAGES_PER_2M - 1, 0),
        ),
    )
    return Outcome(Eax.SUCCESS, "split", replace(system, rmp=rmp), Evidence.MANUAL)
