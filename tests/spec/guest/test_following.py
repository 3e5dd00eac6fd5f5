"""What a launched page is to the guest and to the party that trusts it (rule D3)."""

from proofs.small_world import CONTEXT_PAGE, FRAMES, PAGES, at, launching
from spec.firmware.launch_update import LaunchUpdate
from spec.guest.following import after_launch_update
from spec.guest.world import CAREFUL
from spec.maps import Map
from spec.record import replace
from spec.vocabulary import LaunchPageType, PageSize

LAUNCH = LaunchUpdate(
    context=at(CONTEXT_PAGE),
    page=at(PAGES[0]),
    page_size=PageSize.SIZE_4K,
    page_type=LaunchPageType.NORMAL,
    imi_page=False,
    vmpl1_perms=0,
    vmpl2_perms=0,
    vmpl3_perms=0,
    reserved=False,
    contents=Map(0),
    cpuid_malformed=False,
    cpuid_unsafe=False,
)


def world_with_page():
    """A careful guest in launch, to which a page is given at the first frame that it uses."""
    world = launching(CAREFUL)
    entry = replace(world.system.rmp[PAGES[0]], assigned=True, gfn=FRAMES[0])
    return replace(world, system=replace(world.system, rmp=world.system.rmp.set(PAGES[0], entry)))


def test_page_loaded_once_is_accepted_and_the_guest_goes_on():
    world = world_with_page()
    after = after_launch_update(world, LAUNCH, world).guest
    assert after.accepted[FRAMES[0]]
    assert not after.stopped


def test_address_loaded_twice_is_refused():
    world = world_with_page()
    again = after_launch_update(world, LAUNCH, world)
    assert after_launch_update(again, LAUNCH, again).guest.stopped
