"""The ghost state has what SNP_LAUNCH_UPDATE measured, and whether VMRUN has entered the guest."""

import pytest

from proofs.lifting import lifted
from proofs.search import Move
from proofs.small_levels import FRAME, READ_WRITE, host_moves, launch_move
from proofs.small_metadata import PAGE, after
from proofs.small_world import ASID, CONTEXT_PAGE, always, at, launching
from proofs.templates import nothing
from proofs.witnesses import fails_in
from spec.firmware.launch_finish import LaunchFinish, launch_finish
from spec.firmware.launch_update import LaunchUpdate, launch_update
from spec.guest.careful import PageStep, careful_accept
from spec.guest.launch_invariants import valid_pages_were_measured
from spec.guest.measured import as_measured
from spec.guest.world import CAREFUL, World
from spec.record import replace
from spec.rmp.cpu import HOST_CPU
from spec.rmp.rmpupdate import RmpUpdate, rmpupdate
from spec.rmp.run_pages import RunPages
from spec.rmp.translation import Translation
from spec.rmp.vmrun import Vmrun, vmrun
from spec.vmpl.permissions import VmplMasks
from spec.vocabulary import PAGE_SHIFT, LaunchPageType, PageSize, SevFeatures

IMMUTABLE = list(host_moves())[2]
CLOSED = VmplMasks(0, 0, 0, 0)
FINISH = Move(lifted(launch_finish), always(replace(nothing(LaunchFinish), context=at(CONTEXT_PAGE))))
LARGE_PAGE, LARGE_FRAME = 0x200, 0x400


def launched(page_type: LaunchPageType) -> World:
    """One page was launched for VMPL0 alone, and the guest was released."""
    return after(launching(CAREFUL), IMMUTABLE, launch_move(PAGE, page_type, 0, 0), FINISH)


def run(*, snp: bool) -> Move[World]:
    """VMRUN from the launched page, or of a guest that is no SNP guest with the same ASID."""
    pages = replace(nothing(RunPages), sev_es=snp, vmsa=PAGE << PAGE_SHIFT, vmcb=0x300 << PAGE_SHIFT)
    plain = replace(nothing(Vmrun), cpu=HOST_CPU, host_save_area=True, pages=pages, asid=ASID, svme=True)
    return Move(lifted(vmrun), always(replace(plain, sev_features=int(SevFeatures.SNP_ACTIVE))))


@pytest.mark.parametrize(
    ("page_type", "vmsa"), [(LaunchPageType.NORMAL, False), (LaunchPageType.VMSA, True), (LaunchPageType.ZERO, False)]
)
def test_launched_page_is_measured_with_its_masks_as_what_it_is(page_type: LaunchPageType, vmsa: bool) -> None:
    ghost = launched(page_type).ghost
    expected = {as_measured(FRAME, CLOSED): True}
    assert dict(ghost.measured.changed()) == expected
    assert dict(ghost.measured_data.changed()) == ({} if vmsa else expected)
    assert ghost.measured_vmsa[FRAME] is vmsa


def test_masks_below_vmpl0_are_told_apart() -> None:
    masks = [VmplMasks(0, READ_WRITE, 0, 0), VmplMasks(0, 0, READ_WRITE, 0), VmplMasks(0, 0, 0, READ_WRITE), CLOSED]
    assert len({as_measured(FRAME, each) for each in masks}) == 4
    assert as_measured(FRAME, VmplMasks(0xF, 0, 0, 0)) == as_measured(FRAME, CLOSED)


def test_launched_2m_page_is_measured_at_each_of_its_frames() -> None:
    free = replace(nothing(RmpUpdate), cpu=HOST_CPU, spa=LARGE_PAGE << PAGE_SHIFT, gpa=LARGE_FRAME << PAGE_SHIFT)
    given = replace(free, assigned=True, immutable=True, asid=ASID, page_size=int(PageSize.SIZE_2M))
    launch = replace(nothing(LaunchUpdate), context=at(CONTEXT_PAGE), page=at(LARGE_PAGE), page_type=1, page_size=1)
    world = after(
        launching(CAREFUL), Move(lifted(rmpupdate), always(given)), Move(lifted(launch_update), always(launch))
    )
    expected = {as_measured(LARGE_FRAME + offset, CLOSED): True for offset in range(512)}
    assert dict(world.ghost.measured.changed()) == expected


def test_vmrun_enters_the_guest() -> None:
    assert not launched(LaunchPageType.VMSA).ghost.entered
    assert after(launched(LaunchPageType.VMSA), run(snp=True)).ghost.entered


def test_vmrun_of_another_guest_with_the_same_asid_does_not_enter_this_one() -> None:
    assert not after(launched(LaunchPageType.VMSA), run(snp=False)).ghost.entered


def test_page_that_the_guest_accepts_once_it_runs_need_not_be_measured() -> None:
    other = PAGE + 1
    free = replace(nothing(RmpUpdate), cpu=HOST_CPU, spa=other << PAGE_SHIFT, gpa=(FRAME + 1) << PAGE_SHIFT)
    given = Move(lifted(rmpupdate), always(replace(free, assigned=True, asid=ASID)))
    there = Translation((FRAME + 1) << PAGE_SHIFT, FRAME + 1, other << PAGE_SHIFT, mapping_size=0, private=True)
    accepts = Move(careful_accept, always(PageStep(there, page_size=0)))
    begun = after(launched(LaunchPageType.VMSA), given)
    assert not fails_in(valid_pages_were_measured, after(begun, run(snp=True), accepts))
    assert fails_in(valid_pages_were_measured, after(begun, accepts))
