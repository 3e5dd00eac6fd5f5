"""The launch plan of an SEV or SEV-ES guest: what the VMM hands to LAUNCH_UPDATE_DATA and LAUNCH_UPDATE_VMSA, in order.

First the firmware image, then the table of kernel hashes, then, for SEV-ES, one VMSA per vCPU. There is no SEV metadata
to follow: the rest of the guest's memory is unmeasured, and its firmware finds it so.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from impl.hypervisor.errors import ImageError
from impl.hypervisor.files import check_image
from impl.hypervisor.footer import METADATA_GUID, Footer, has_footer, parse_footer
from impl.hypervisor.kernel_hashes import PADDED_SIZE, KernelHashes
from impl.hypervisor.metadata import FOUR_GIB, parse_metadata
from impl.hypervisor.options import EFFECTIVE, LaunchMode, LaunchOptions, check_options
from impl.hypervisor.pages import PAGE_SIZE
from impl.hypervisor.vmsa import start_vmsas

BLOCK_SIZE = 16
"""Bytes. What is launched begins and ends with a block of the cipher."""
ES_FEATURES = 0
"""SEV_FEATURES of a VMSA without SNP."""


@dataclass(frozen=True)
class LegacyUpdate:
    """One LAUNCH_UPDATE_DATA within a page, or one LAUNCH_UPDATE_VMSA."""

    region: str
    content: bytes
    gpa: int | None
    """Where the guest finds the content, in bytes; a VMSA is no memory of the guest."""

    @property
    def is_vmsa(self) -> bool:
        """Whether these are registers."""
        return self.gpa is None


@dataclass(frozen=True)
class LegacyPlan:
    """A launch, ready for the firmware. `ignored` are the options given that change nothing in this mode."""

    mode: LaunchMode
    updates: tuple[LegacyUpdate, ...]
    ignored: tuple[str, ...] = ()

    @property
    def vmsas(self) -> tuple[bytes, ...]:
        """The VMSA page of each vCPU, the boot processor first."""
        return tuple(update.content for update in self.updates if update.is_vmsa)


def plan_legacy_launch(firmware: bytes, options: LaunchOptions) -> LegacyPlan:
    """The plan. ImageError or OptionError, each of one line, for anything that cannot be launched."""
    check_options(options)
    check_image(firmware, "firmware")
    is_es = options.mode is LaunchMode.SEV_ES
    updates = [*_data("firmware image", FOUR_GIB - len(firmware), firmware)]
    # Without kernel and VMSAs nothing is read from the footer table, and old images have none.
    if is_es or options.kernel is not None or has_footer(firmware):
        footer = _sound_footer(firmware)
        if options.kernel is not None:
            updates += _hash_table(options.kernel, footer, len(firmware))
        if is_es:
            vmsas = start_vmsas(footer, options.vmm, options.vcpus or 0, options.signature or 0, ES_FEATURES)
            updates += [LegacyUpdate("VMSA", vmsa, None) for vmsa in vmsas]
    ignored = tuple(sorted(options.given() - EFFECTIVE[options.mode]))
    return LegacyPlan(options.mode, tuple(updates), ignored)


def _sound_footer(firmware: bytes) -> Footer:
    """The footer table. SEV metadata, which this launch does not need, is refused if it is broken, too."""
    footer = parse_footer(firmware, "firmware")
    if METADATA_GUID in footer.entries:
        parse_metadata(firmware, footer.metadata_offset(), "firmware")
    return footer


def _hash_table(kernel: KernelHashes, footer: Footer, firmware_size: int) -> Iterator[LegacyUpdate]:
    area = footer.hash_table()
    where = f"{footer.role}: footer table: SEV hash table at {area.gpa:#x}"
    if area.gpa == 0 or area.size < PADDED_SIZE:
        raise ImageError(f"{where}, {area.size} bytes: no room for kernel hashes")
    if area.gpa % BLOCK_SIZE:
        raise ImageError(f"{where} is not aligned to {BLOCK_SIZE} bytes")
    if area.gpa + PADDED_SIZE > FOUR_GIB - firmware_size:
        raise ImageError(f"{where} overlaps the {footer.role} image")
    yield from _data("kernel hashes", area.gpa, kernel.table())


def _data(region: str, gpa: int, content: bytes) -> Iterator[LegacyUpdate]:
    """The content page by page; how it is divided is not measured."""
    start = 0
    while start < len(content):
        end = min(len(content), start + PAGE_SIZE - (gpa + start) % PAGE_SIZE)
        yield LegacyUpdate(region, content[start:end], gpa + start)
        start = end
