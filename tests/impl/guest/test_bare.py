"""The reference itself: no access to the device goes unseen."""

import pytest

from impl.guest import layout
from impl.guest.flat_image import pages_of
from tests.impl.guest.bare import AREAS, Bare
from tests.impl.guest.programs import DEVICE, HLT, RAX, RDI, load

WINDOW = layout.Area(layout.DATA.gpa + layout.SPLIT_WINDOW, layout.DATA.pages)
PAGES = [page for area in (*AREAS, WINDOW) for page in pages_of(area) if page != layout.IMAGE.gpa]


@pytest.fixture(scope="module")
def bare() -> Bare:
    return Bare()


@pytest.mark.parametrize("offset", [1, 0xFF9])
def test_bare_sees_the_device_after_an_unaligned_store_to_any_page(bare: Bare, offset: int) -> None:
    for page in PAGES:
        store, compare = b"\x66\x89\x07", b"\x80\x38\x00"
        ended = bare.run(load(RDI, page + offset) + store + load(RAX, DEVICE.gpa) + compare + HLT, {})
        assert ended.why == "HLT"
        assert [seen.address for seen in ended.traffic if not seen.write] == [DEVICE.gpa], hex(page)


def test_bare_writes_what_movbe_stores(bare: Bare) -> None:
    address = DEVICE.gpa + 0x1000
    ended = bare.run(load(RAX, 0x1122_3344) + load(RDI, address) + b"\x0f\x38\xf1\x07" + HLT, {})
    assert [(seen.write, seen.address, seen.size, seen.value) for seen in ended.traffic] == [
        (True, address, 4, 0x4433_2211)
    ]
