"""What no step does to an RMP entry: who may edit it, and how validity, attributes and masks may change."""

from spec.logic import all_of, any_of, implies, is_subset, none_of
from spec.registry import invariant
from spec.rmp.authority import effective
from spec.rmp.invariants import unchanged
from spec.rmp.page_state import is_hv_fixed
from spec.rmp.rmpadjust import RmpAdjust
from spec.system.state import System
from spec.vocabulary import Guarantor, Pfn, Vmpl

HW, FW = Guarantor.HARDWARE, Guarantor.FIRMWARE
INSTRUCTIONS = ("rmpupdate", "psmash", "pvalidate", "rmpadjust", "virt_rmpupdate", "virt_psmash")
"""The instructions that change the RMP."""
STARTS = ("snp_init", "snp_init_ex")
"""The commands that build the RMP anew."""
GRANTS = ("rmpadjust", "launch_update", "page_move", "page_swap_in")
"""The steps that may give a VMPL other than 0 something."""


@invariant("RMP-I12", guarantor=FW, manual="Firmware ABI (56860), page states", unless=(*INSTRUCTIONS, *STARTS))
def firmware_edits_immutable_pages_only(before: System, after: System, page: Pfn) -> bool:
    """Firmware leaves the entry of a mutable page alone, its sub-page count aside."""
    old, new = effective(before.rmp, page), effective(after.rmp, page)
    return implies(none_of(old.immutable), unchanged(old, new))


@invariant(
    "RMP-I14",
    guarantor=FW,
    manual="APM Vol. 2, 15.36.6",
    unless=("pvalidate", "launch_update", "page_move", "page_swap_in"),
)
def validity_has_four_sources(before: System, after: System, page: Pfn) -> bool:
    """A page becomes validated by PVALIDATE, by the launch, by PAGE_MOVE or by SWAP_IN, and by nothing else."""
    return implies(effective(after.rmp, page).validated, effective(before.rmp, page).validated)


@invariant("RMP-I15", guarantor=HW, manual="APM Vol. 2, 15.36.5", by=INSTRUCTIONS)
def rebinding_clears_what_the_guest_set(before: System, after: System, page: Pfn) -> bool:
    """A page that gets another owner or address is not validated, no VMSA, and closed to VMPL1 to VMPL3."""
    old, new = effective(before.rmp, page), effective(after.rmp, page)
    cleared = none_of(new.validated, new.vmsa, new.masks.vmpl1 != 0, new.masks.vmpl2 != 0, new.masks.vmpl3 != 0)
    return implies(any_of(old.asid != new.asid, old.gfn != new.gfn), cleared)


@invariant("RMP-I17", guarantor=HW, manual="APM Vol. 2, 15.36.7", by=("rmpadjust",))
def adjusting_delegates_downwards(before: System, op: RmpAdjust, after: System, page: Pfn, vmpl: Vmpl) -> bool:
    """RMPADJUST changes masks of less privileged levels only, and grants only what the caller has."""
    old, new = effective(before.rmp, page), effective(after.rmp, page)
    changed = old.masks.of(vmpl) != new.masks.of(vmpl)
    granted = is_subset(new.masks.of(vmpl), of=old.masks.of(op.cpu.vmpl))
    return implies(changed, all_of(vmpl > op.cpu.vmpl, vmpl == op.target_vmpl, granted))


@invariant(
    "RMP-I18",
    guarantor=FW,
    manual="APM Vol. 2, 15.36.7",
    unless=("rmpadjust", "launch_update", "page_move", "page_swap_in", "gctx_create"),
)
def vmsa_attribute_has_five_sources(before: System, after: System, page: Pfn) -> bool:
    """A page becomes a VMSA or a context by RMPADJUST or by four firmware commands, and by nothing else."""
    return implies(effective(after.rmp, page).vmsa, effective(before.rmp, page).vmsa)


@invariant("RMP-I18-VMPL0", guarantor=HW, manual="APM Vol. 2, 15.36.7", by=("rmpadjust",))
def vmsa_attribute_is_vmpl0s(before: System, op: RmpAdjust, after: System, page: Pfn) -> bool:
    """Only VMPL0 makes a page a VMSA, or stops it from being one."""
    changed = effective(before.rmp, page).vmsa != effective(after.rmp, page).vmsa
    return implies(changed, op.cpu.vmpl == 0)


@invariant("RMP-I19", guarantor=FW, manual="APM Vol. 2, 15.36.4", needs=("K-2M-IMM",), unless=STARTS)
def fixed_pages_stay_fixed(before: System, after: System, page: Pfn) -> bool:
    """An HV_FIXED page stays what it is until the next SNP_INIT."""
    old, new = effective(before.rmp, page), effective(after.rmp, page)
    return implies(is_hv_fixed(old), is_hv_fixed(new))


@invariant("RMP-I19-COVER", guarantor=HW, manual="APM Vol. 2, 15.36.4", unless=STARTS)
def uncovered_pages_have_no_entry(before: System, after: System, page: Pfn) -> bool:
    """No step writes an entry that the RMP does not have."""
    old, new = before.rmp[page], after.rmp[page]
    return any_of(before.covered[page >> 9], all_of(unchanged(old, new), old.subpage_count == new.subpage_count))


@invariant("RMP-I30", guarantor=HW, manual="APM Vol. 2, 15.36.12", by=("rmpupdate", "virt_rmpupdate"))
def pages_in_use_are_not_rebound(before: System, after: System, page: Pfn) -> bool:
    """RMPUPDATE does not touch a page that VMRUN holds."""
    old, new = effective(before.rmp, page), effective(after.rmp, page)
    return implies(before.in_use[page], unchanged(old, new))


@invariant("RMP-T3", guarantor=FW, manual="APM Vol. 2, 15.36.7", unless=GRANTS)
def lower_levels_gain_nothing(before: System, after: System, page: Pfn) -> bool:
    """VMPL1 to VMPL3 gain a permission by RMPADJUST, the measured launch, or a page's return, and by nothing else."""
    old, new = effective(before.rmp, page).masks, effective(after.rmp, page).masks
    lower = ((old.vmpl1, new.vmpl1), (old.vmpl2, new.vmpl2), (old.vmpl3, new.vmpl3))
    return all_of(*(is_subset(gained, of=had) for had, gained in lower))


INVARIANTS = (
    firmware_edits_immutable_pages_only,
    validity_has_four_sources,
    rebinding_clears_what_the_guest_set,
    adjusting_delegates_downwards,
    vmsa_attribute_has_five_sources,
    vmsa_attribute_is_vmpl0s,
    fixed_pages_stay_fixed,
    uncovered_pages_have_no_entry,
    pages_in_use_are_not_rebound,
    lower_levels_gain_nothing,
)
