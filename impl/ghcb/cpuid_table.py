"""CPUID of an SNP guest: answered from the page that firmware checked, not by the hypervisor.

Firmware ABI (56860), "PAGE_TYPE_CPUID"; GHCB (56421), "CPUID". Only what differs from processor to processor, or
follows from the guest's own control registers, is filled in: the former is the hypervisor's word.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from impl.firmware.cpuid_page import CpuidFunction, CpuidPageHeader, functions_of
from impl.firmware.layout import parse
from impl.vc.exits import CpuidReply
from impl.vc.vcpu import Vcpu
from spec.ghcb.vocabulary.exits import EXTENDED_STATE_LEAF

INDEXED = frozenset([0x2, 0x4, 0x7, 0xB, EXTENDED_STATE_LEAF, 0xF, 0x10, 0x12, 0x14, 0x17, 0x18, 0x1D, 0x1E, 0x80000020,
                     0x8000001D, 0x80000026])  # fmt: skip
"""Leaves whose answer depends on ECX."""
EXTENDED_STATE_SUBLEAVES = (0, 1)
INITIAL_XCR0 = (1, 3)
"""Entries of leaf Dh count with one of these XCR0 and no XSS: the state sizes are computed from the others."""
LAST_LEAF_OF = (0x0, 0x40000000, 0x80000000)
"""The leaves whose EAX is the last of their range."""
ABSENT = CpuidReply(0, 0, 0, 0)
CR4_OSXSAVE, CR4_PKE = 1 << 18, 1 << 22

Hypervisor = Callable[[int, int, int | None], CpuidReply]
"""Its answer to leaf, subleaf and XCR0."""


class CpuidTable:
    """The functions of the CPUID page, copied."""

    def __init__(self, page: bytes) -> None:
        header = parse(CpuidPageHeader, page[: CpuidPageHeader.LENGTH])
        self._functions = functions_of(page, header.count)

    def answer(self, leaf: int, subleaf: int, vcpu: Vcpu, hypervisor: Hypervisor) -> CpuidReply:
        """A leaf that the page does not have, reads as zeros."""
        found = self._found(leaf, subleaf)
        if found is None:
            if not self._in_range(leaf):
                return ABSENT
            found = CpuidFunction(eax_in=leaf, ecx_in=subleaf, xcr0_in=0, xss_in=0, eax=0, ebx=0, ecx=0, edx=0)
        fix = FIXUPS.get(leaf)
        fixed = found if fix is None else fix(found, vcpu, hypervisor)
        if leaf == EXTENDED_STATE_LEAF and subleaf in EXTENDED_STATE_SUBLEAVES:
            fixed = replace(fixed, ebx=state_size(self._functions, vcpu.xcr0, compacted=subleaf == 1))
        return CpuidReply(fixed.eax, fixed.ebx, fixed.ecx, fixed.edx)

    def _found(self, leaf: int, subleaf: int) -> CpuidFunction | None:
        for function in self._functions:
            if function.eax_in != leaf or (leaf in INDEXED and function.ecx_in != subleaf):
                continue
            sizes = leaf == EXTENDED_STATE_LEAF and subleaf in EXTENDED_STATE_SUBLEAVES
            if not sizes or (function.xcr0_in in INITIAL_XCR0 and not function.xss_in):
                return function
        return None

    def _in_range(self, leaf: int) -> bool:
        last = {function.eax_in: function.eax for function in self._functions if function.eax_in in LAST_LEAF_OF}
        return any(first <= leaf <= end for first, end in last.items())


LEGACY_AREA, SUPERVISOR = 0x240, 1
"""Bytes before the first component of an XSAVE area; ECX[0] of a component's subleaf."""


def state_size(functions: Sequence[CpuidFunction], enabled: int, *, compacted: bool) -> int:
    """Bytes of an XSAVE area with the enabled components (APM Vol. 3, "CPUID Fn0000_000D")."""
    size = LEGACY_AREA
    for function in functions:
        component = function.ecx_in
        if function.eax_in != EXTENDED_STATE_LEAF or component < 2 or not enabled >> component & 1:
            continue
        if not function.ecx & SUPERVISOR:
            size = size + function.eax if compacted else max(size, function.ebx + function.eax)
    return size


def features(found: CpuidFunction, vcpu: Vcpu, hypervisor: Hypervisor) -> CpuidFunction:
    """Leaf 1: the APIC's number and whether it is on; OSXSAVE."""
    asked = hypervisor(1, 0, None)
    return replace(
        found,
        ebx=found.ebx & 0x00FF_FFFF | asked.ebx & 0xFF00_0000,
        edx=found.edx & ~(1 << 9) | asked.edx & 1 << 9,
        ecx=found.ecx & ~(1 << 27) | bool(vcpu.cr4 & CR4_OSXSAVE) << 27,
    )


def structured(found: CpuidFunction, vcpu: Vcpu, _: Hypervisor) -> CpuidFunction:
    """Leaf 7: OSPKE, of subleaf 0."""
    if found.ecx_in:
        return found
    return replace(found, ecx=found.ecx & ~(1 << 4) | bool(vcpu.cr4 & CR4_PKE) << 4)


def topology(found: CpuidFunction, _: Vcpu, hypervisor: Hypervisor) -> CpuidFunction:
    """Leaf Bh: the x2APIC's number."""
    return replace(found, edx=hypervisor(0xB, 0, None).edx)


def processor_topology(found: CpuidFunction, _: Vcpu, hypervisor: Hypervisor) -> CpuidFunction:
    """Leaf 8000_001Eh: numbers of APIC, core and node."""
    asked = hypervisor(0x8000_001E, 0, None)
    return replace(
        found,
        eax=asked.eax,
        ebx=found.ebx & ~0xFF | asked.ebx & 0xFF,
        ecx=found.ecx & ~0xFF | asked.ecx & 0xFF,
    )


FIXUPS: dict[int, Callable[[CpuidFunction, Vcpu, Hypervisor], CpuidFunction]] = {
    0x1: features,
    0x7: structured,
    0xB: topology,
    0x8000_001E: processor_topology,
}
