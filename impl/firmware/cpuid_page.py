"""The CPUID page of LAUNCH_UPDATE (firmware ABI 56860, "PAGE_TYPE_CPUID"): functions that the hypervisor reports."""

from dataclasses import dataclass
from typing import ClassVar

from impl.firmware.layout import Layout, parse, u32, u64

MAXIMUM_FUNCTIONS = 64
HEADER_BYTES = 0x10
FUNCTION_BYTES = 0x30


@dataclass(frozen=True, kw_only=True)
class CpuidPageHeader(Layout):
    """The head of the page; the functions follow it."""

    LENGTH: ClassVar[int] = HEADER_BYTES
    count: int = u32(0x00)


@dataclass(frozen=True, kw_only=True)
class CpuidFunction(Layout):
    """Inputs and outputs of one CPUID function."""

    LENGTH: ClassVar[int] = FUNCTION_BYTES
    eax_in: int = u32(0x00)
    ecx_in: int = u32(0x04)
    xcr0_in: int = u64(0x08)
    xss_in: int = u64(0x10)
    eax: int = u32(0x18)
    ebx: int = u32(0x1C)
    ecx: int = u32(0x20)
    edx: int = u32(0x24)


def functions_of(page: bytes, count: int) -> list[CpuidFunction]:
    """The first `count` functions of the page."""
    starts = range(HEADER_BYTES, HEADER_BYTES + count * FUNCTION_BYTES, FUNCTION_BYTES)
    return [parse(CpuidFunction, page[start : start + FUNCTION_BYTES]) for start in starts]


def with_functions(page: bytes, functions: list[CpuidFunction]) -> bytes:
    """The page with its first functions replaced."""
    packed = b"".join(function.pack() for function in functions)
    return page[:HEADER_BYTES] + packed + page[HEADER_BYTES + len(packed) :]
