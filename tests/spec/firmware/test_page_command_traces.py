"""Several commands in a row: what a host can and cannot reach with them."""

from spec.firmware.decommission import Decommission, decommission
from spec.firmware.gctx_create import GctxCreate, gctx_create
from spec.firmware.launch_digest import MeasuredPage, extended
from spec.firmware.launch_update import launch_update
from spec.firmware.page_reclaim import PageReclaim, page_reclaim
from spec.firmware.page_swap_in import page_swap_in
from spec.firmware.page_swap_out import page_swap_out
from spec.record import replace
from spec.rmp.page_state import page_state
from spec.vocabulary import GuestState, LaunchPageType, PageSize, PageState, Status, SwapPageType
from tests.spec.firmware import test_launch_update as launching
from tests.spec.firmware import test_page_swap_in as swapping_in
from tests.spec.firmware import test_page_swap_out as swapping_out
from tests.spec.firmware.pages import ASID, CONTEXT_PAGE, GFN, GUEST, PRE_GUEST, at, guest, with_guest, world
from tests.spec.firmware.swaps import SLOT, SOURCE, TARGET


def swap_in_of(outcome, **changes):
    """The command that takes back what was swapped out."""
    sealed = outcome.output
    return replace(swapping_in.OP, sealed_oek=sealed.oek, sealed_iv=sealed.iv, **changes)


def test_two_pages_launched_at_one_guest_address_both_become_valid_and_only_the_digest_tells():
    """A verifier that expects one page at the address sees another digest."""
    other = launching.PAGE + 1
    system = world({launching.PAGE: PRE_GUEST, other: PRE_GUEST})
    once = launch_update(system, launching.OP).system
    zero = replace(launching.OP, page=at(other), page_type=LaunchPageType.ZERO)
    twice = launch_update(once, zero).system

    assert twice.rmp[launching.PAGE].gfn == twice.rmp[other].gfn == GFN
    assert page_state(twice.rmp[launching.PAGE]) == page_state(twice.rmp[other]) == PageState.GUEST_VALID
    honest = guest(once).launch_digest
    assert guest(twice).launch_digest == extended(honest, 0xABC, MeasuredPage(LaunchPageType.ZERO, False, 1, 2, 3, GFN))
    assert guest(twice).launch_digest != honest


def test_metadata_of_a_decommissioned_guest_passes_the_owner_check_and_fails_the_tag():
    """METADATA pages are bound to the context's address. Another guest there has another key."""
    out = page_swap_out(swapping_out.READY, swapping_out.OP)
    assert out.check == "swapped-out"

    # The guest is decommissioned, and another one gets the same context page and the same ASID.
    gone = decommission(out.system, Decommission(at(CONTEXT_PAGE))).system
    created = gctx_create(gone, GctxCreate(at(CONTEXT_PAGE), in_dram=True)).system
    newcomer = with_guest(created, state=GuestState.LAUNCH, asid=ASID, oek=GUEST.oek + 10)
    system = replace(newcomer, rmp=newcomer.rmp.set(TARGET, PRE_GUEST))
    assert system.firmware.metadata[SLOT].valid
    assert page_swap_in(system, swap_in_of(out))[:3] == (Status.BAD_MEASUREMENT, "tag", system)

    # Its own pages do not pass under the old entry either, with the same IV count.
    own = replace(swap_in_of(out), sealed_oek=GUEST.oek + 10)
    assert page_swap_in(system, own)[:3] == (Status.BAD_MEASUREMENT, "tag", system)

    # A guest that is imported to the same place has its old key: the entry serves once more.
    imported = with_guest(system, oek=GUEST.oek)
    assert page_swap_in(imported, swap_in_of(out)).check == "swapped-in"


def test_data_page_swapped_out_as_a_vmsa_comes_back_as_one():
    """Knob K-SWAP-TYPE: nobody at VMPL0 agreed."""
    out = page_swap_out(swapping_out.READY, replace(swapping_out.OP, page_type=SwapPageType.VMSA))
    assert not swapping_out.READY.rmp[SOURCE].vmsa
    ready = replace(out.system, rmp=out.system.rmp.set(TARGET, PRE_GUEST))
    back = page_swap_in(ready, swap_in_of(out, page_type=SwapPageType.VMSA)).system
    released = page_reclaim(back, PageReclaim(at(TARGET), PageSize.SIZE_4K, reserved=False)).system
    assert page_state(released.rmp[TARGET]) == PageState.GUEST_VALID
    assert released.rmp[TARGET].vmsa


def test_page_swapped_out_and_in_is_the_same_page_in_another_place():
    before = swapping_out.READY.rmp[SOURCE]
    out = page_swap_out(swapping_out.READY, swapping_out.OP)
    ready = replace(out.system, rmp=out.system.rmp.set(TARGET, replace(PRE_GUEST, gfn=1)))
    assert page_swap_in(ready, swap_in_of(out)).system.rmp[TARGET] == before


def test_second_copy_of_a_sealed_page_does_not_come_back_under_a_later_entry():
    """Swap out, in, out again: the first ciphertext has an older IV than the entry."""
    first = page_swap_out(swapping_out.READY, swapping_out.OP)
    again = replace(first.system, rmp=first.system.rmp.set(SOURCE, swapping_out.READY.rmp[SOURCE]))
    second = page_swap_out(again, swapping_out.OP)
    ready = replace(second.system, rmp=second.system.rmp.set(TARGET, PRE_GUEST))
    assert page_swap_in(ready, swap_in_of(first)).result == Status.BAD_MEASUREMENT
    assert page_swap_in(ready, swap_in_of(second)).result == Status.SUCCESS
