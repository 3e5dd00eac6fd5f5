"""What a flat guest is launched with: its pages, page tables among them, and its registers."""

from impl.guest import layout
from impl.guest.layout import Area
from impl.guest.page_tables import PageTables
from impl.memory.engine import PAGE_BYTES

EFER = 1 << 12 | 1 << 11 | 1 << 10 | 1 << 8
"""SVME, which VMRUN wants; NXE, LMA, LME."""
CR0 = 1 << 31 | 1 << 16 | 1 << 5 | 1 << 4 | 1 << 1 | 1 << 0
"""PG, WP, NE, ET, MP, PE."""
CR4 = 1 << 10 | 1 << 9 | 1 << 6 | 1 << 5
"""OSXMMEXCPT, OSFXSR, MCE, PAE."""
CODE, STACK = 0xA9B, 0xC93
"""Attributes of CS and SS: present, CPL 0, 64-bit; as in the VMCB."""


class ImageTooLarge(Exception):
    """The program does not fit its area."""


def pages_of(area: Area) -> range:
    """The address of each page."""
    return range(area.gpa, area.end, PAGE_BYTES)


def private_pages(program: bytes) -> dict[int, bytes]:
    """Every private page by its GPA: the program, zeroed memory, and the page tables."""
    if len(program) > layout.IMAGE.pages * PAGE_BYTES:
        raise ImageTooLarge(f"{len(program)} bytes; a flat guest has at most {layout.IMAGE.pages * PAGE_BYTES}")
    pages = {gpa: bytes(PAGE_BYTES) for area in (layout.STACK, layout.DATA) for gpa in pages_of(area)}
    for start in range(0, max(len(program), 1), PAGE_BYTES):
        pages[layout.IMAGE.gpa + start] = program[start : start + PAGE_BYTES].ljust(PAGE_BYTES, b"\0")
    return {**pages, **{gpa: bytes(table) for gpa, table in tables(pages).pages.items()}}


def tables(pages: dict[int, bytes]) -> PageTables:
    """The memory map of `layout.py`."""
    made = PageTables(layout.TABLES.gpa)
    for gpa in (*pages, *pages_of(layout.CPUID)):
        made.map(gpa, gpa, private=True)
    for area in (*layout.SHARED_AREAS, *layout.DEVICES):
        for gpa in pages_of(area):
            made.map(gpa, gpa, private=False)
    for area in layout.SHARED_AREAS:
        for gpa in pages_of(area):
            made.map(gpa + layout.PRIVATE_WINDOW, gpa, private=True)
    for linear, gpa in zip(pages_of(layout.DATA), reversed(pages_of(layout.DATA)), strict=True):
        made.map(linear + layout.SPLIT_WINDOW, gpa, private=True)
    return made


def registers(sev_features: int) -> dict[str, int]:
    """The state save area at the program's first instruction."""
    return {
        "cs.attributes": CODE,
        "ss.attributes": STACK,
        "efer": EFER,
        "cr0": CR0,
        "cr3": layout.TABLES.gpa,
        "cr4": CR4,
        "dr6": 0xFFFF_0FF0,
        "dr7": 0x400,
        "rflags": 0x2,
        "rip": layout.IMAGE.gpa,
        "rsp": layout.STACK.end,
        "g_pat": 0x0007_0406_0007_0406,
        "xcr0": 0x1,
        "mxcsr": 0x1F80,
        "x87_fcw": 0x37F,
        "sev_features": sev_features,
    }
