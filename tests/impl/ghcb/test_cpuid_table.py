"""CPUID of an SNP guest: what the page says, what the guest fills in, and the little that the hypervisor may say."""

import pytest

from impl.firmware.cpuid_page import CpuidFunction, CpuidPageHeader, with_functions
from impl.ghcb.cpuid_table import CpuidTable
from impl.vc.exits import CpuidReply
from impl.vc.vcpu import Vcpu

ONES = CpuidReply(*[0xFFFF_FFFF] * 4)
LIE = CpuidReply(*[0xDEAD_BEEF] * 4)


def function(
    leaf: int, subleaf: int = 0, eax: int = 0, ebx: int = 0, ecx: int = 0, edx: int = 0, xcr0: int = 0
) -> CpuidFunction:
    return CpuidFunction(eax_in=leaf, ecx_in=subleaf, xcr0_in=xcr0, xss_in=0, eax=eax, ebx=ebx, ecx=ecx, edx=edx)


FUNCTIONS = [
    function(0x0, eax=0xD, ebx=1, ecx=2, edx=3),
    function(0x1, eax=4, ebx=0x12_3456, ecx=1 << 27, edx=1 << 9),
    function(0x7, 0, ecx=1 << 4),
    function(0xD, 0, eax=7, ebx=0x999, xcr0=1),
    function(0xD, 1, ebx=0x999, xcr0=1),
    function(0xD, 2, eax=0x100, ebx=0x240),
    function(0x8000_0000, eax=0x8000_001F),
    function(0x8000_001E, ebx=0xAB00, ecx=0xCD00),
    function(0x8000_001F, eax=2),
]


def answer(leaf: int, subleaf: int = 0, *, xcr0: int = 1, cr4: int = 0, hypervisor: CpuidReply = LIE) -> CpuidReply:
    page = with_functions(CpuidPageHeader(count=len(FUNCTIONS)).pack().ljust(4096, b"\0"), FUNCTIONS)
    vcpu = Vcpu()
    vcpu.xcr0, vcpu.cr4 = xcr0, cr4
    return CpuidTable(page).answer(leaf, subleaf, vcpu, lambda *_: hypervisor)


@pytest.mark.parametrize("subleaf", [0, 5])
def test_a_leaf_of_the_page_is_answered_from_it(subleaf: int) -> None:
    assert answer(0x0, subleaf) == (0xD, 1, 2, 3)
    assert answer(0x8000_001F, subleaf) == (2, 0, 0, 0)


@pytest.mark.parametrize("leaf", [0x2, 0x5, 0x8000_0008, 0xE, 0x4000_0000, 0x8000_0020])
def test_a_leaf_that_the_page_does_not_have_is_zero(leaf: int) -> None:
    assert answer(leaf) == (0, 0, 0, 0)


def test_the_hypervisor_says_the_number_of_the_apic_and_nothing_else() -> None:
    assert answer(0x1, hypervisor=ONES) == (4, 0xFF12_3456, 0, 1 << 9)
    assert answer(0x1, hypervisor=CpuidReply(0, 0, 0, 0)) == (4, 0x12_3456, 0, 0)
    assert answer(0x8000_001E) == (0xDEAD_BEEF, 0xABEF, 0xCDEF, 0)
    assert answer(0xB) == (0, 0, 0, 0xDEAD_BEEF)


def test_bits_of_control_registers_are_the_guests_own() -> None:
    assert answer(0x1, cr4=1 << 18).ecx == 1 << 27
    assert (answer(0x7, cr4=1 << 22).ecx, answer(0x7).ecx) == (1 << 4, 0)
    assert answer(0x7, 1) == (0, 0, 0, 0)


@pytest.mark.parametrize(("xcr0", "size"), [(1, 0x240), (3, 0x240), (7, 0x340)])
def test_the_size_of_the_state_follows_from_xcr0(xcr0: int, size: int) -> None:
    assert answer(0xD, 0, xcr0=xcr0) == (7, size, 0, 0)
    assert answer(0xD, 1, xcr0=xcr0).ebx == size
