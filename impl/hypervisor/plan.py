"""From an image and options to the launch plan: every page the VMM hands to SNP_LAUNCH_UPDATE, in order.

The order is part of the digest, so it is the VMM's: first the firmware image, then an SVSM image, then the metadata
sections, then one VMSA per vCPU.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from impl.hypervisor.errors import ImageError
from impl.hypervisor.files import check_image
from impl.hypervisor.footer import Footer, parse_footer
from impl.hypervisor.kernel_hashes import KernelHashes
from impl.hypervisor.metadata import FOUR_GIB, Section, SectionType, check_apart, parse_metadata
from impl.hypervisor.options import DIGEST_SIZE, EFFECTIVE, LEGACY_MODES, LaunchMode, LaunchOptions, check_options
from impl.hypervisor.pages import PAGE_SIZE, ZERO_PAGE, LaunchPage, normal_pages
from impl.hypervisor.svsm import SVSM_FEATURES, place_svsm, svsm_vmsa
from impl.hypervisor.vmsa import VMSA_GPA, Vmm, start_vmsas
from spec.vocabulary import LaunchPageType

__all__ = ["LaunchPage", "LaunchPlan", "plan_launch"]

PAGE_TYPES = {
    SectionType.SEC_MEM: LaunchPageType.ZERO,
    SectionType.SECRETS: LaunchPageType.SECRETS,
    SectionType.CPUID: LaunchPageType.CPUID,
    SectionType.SVSM_CAA: LaunchPageType.ZERO,
    SectionType.KERNEL_HASHES: LaunchPageType.ZERO,
}
"""How the pages of a section are launched, a KERNEL_HASHES section when no kernel is given."""


@dataclass(frozen=True)
class LaunchPlan:
    """A launch, ready for the firmware.

    `initial_digest` is where the digest starts (zeros unless another digest stands in for the firmware image),
    `guest_features` the SEV_FEATURES of the VMSAs, `ignored` the options given that change nothing in this mode.
    """

    mode: LaunchMode
    guest_features: int
    pages: tuple[LaunchPage, ...]
    initial_digest: bytes = bytes(DIGEST_SIZE)
    ignored: tuple[str, ...] = ()

    @property
    def vmsas(self) -> tuple[bytes, ...]:
        """The VMSA page of each vCPU, the boot processor first."""
        return tuple(page.content for page in self.pages if page.page_type is LaunchPageType.VMSA)


def plan_launch(firmware: bytes, options: LaunchOptions) -> LaunchPlan:
    """The plan. ImageError or OptionError, each of one line, for anything that cannot be launched."""
    if options.mode in LEGACY_MODES:
        raise ValueError(f"mode {options.mode.value} has a plan of its own, `plan_legacy_launch`")
    check_options(options)
    footer, sections = _parse(firmware, "firmware")
    ignored = tuple(sorted(options.given() - EFFECTIVE[options.mode]))
    base = FOUR_GIB - len(firmware)
    image = tuple(normal_pages(base, firmware))
    if options.mode is LaunchMode.SNP_OVMF_HASH:
        return LaunchPlan(options.mode, options.guest_features, image, ignored=ignored)
    if options.mode is LaunchMode.SNP_SVSM:
        pages = (*image, *_svsm_pages(firmware, options))
        return LaunchPlan(options.mode, SVSM_FEATURES, pages, ignored=ignored)

    check_apart(sections, base, len(firmware), "firmware", "firmware")
    prepared = _section_pages(sections, options.vmm, _hash_page(options.kernel, footer, sections))
    pages = (*prepared, *_vmsa_pages(footer, options))
    if options.ovmf_hash is None:
        return LaunchPlan(options.mode, options.guest_features, image + pages, ignored=ignored)
    return LaunchPlan(options.mode, options.guest_features, pages, options.ovmf_hash, ignored)


def _parse(image: bytes, role: str) -> tuple[Footer, tuple[Section, ...]]:
    check_image(image, role)
    footer = parse_footer(image, role)
    return footer, parse_metadata(image, footer.metadata_offset(), role)


def _svsm_pages(firmware: bytes, options: LaunchOptions) -> Iterator[LaunchPage]:
    """What follows the firmware image: the SVSM image (at a lower address), its sections, its VMSAs."""
    svsm, vars_size = options.svsm or b"", options.vars_size or 0
    footer, sections = _parse(svsm, "SVSM")
    placement = place_svsm(len(svsm), footer, len(firmware), vars_size)
    check_apart(sections, placement.gpa, len(svsm), "SVSM", "SVSM")
    check_apart(sections, FOUR_GIB - len(firmware) - vars_size, len(firmware) + vars_size, "SVSM", "firmware")
    yield from normal_pages(placement.gpa, svsm)
    yield from _section_pages(sections, options.vmm, None)
    vmsa = svsm_vmsa(placement.entry, options.signature or 0)
    yield from [LaunchPage(VMSA_GPA, LaunchPageType.VMSA, vmsa)] * (options.vcpus or 0)


def _section_pages(sections: Sequence[Section], vmm: Vmm, hash_page: bytes | None) -> Iterator[LaunchPage]:
    """In image order, but EC2 launches the CPUID page after all others."""
    for section in sorted(sections, key=lambda section: vmm is Vmm.EC2 and section.type is SectionType.CPUID):
        page_type, content = PAGE_TYPES[section.type], ZERO_PAGE
        if section.type is SectionType.SEC_MEM and vmm is Vmm.GCE:
            page_type = LaunchPageType.UNMEASURED
        if section.type is SectionType.KERNEL_HASHES and hash_page is not None:
            page_type, content = LaunchPageType.NORMAL, hash_page
        for gpa in range(section.gpa, section.end, PAGE_SIZE):
            yield LaunchPage(gpa, page_type, content)


def _hash_page(kernel: KernelHashes | None, footer: Footer, sections: Sequence[Section]) -> bytes | None:
    if kernel is None:
        return None
    found = [section for section in sections if section.type is SectionType.KERNEL_HASHES]
    if len(found) != 1:
        raise ImageError(f"{footer.role}: SEV metadata: {len(found)} KERNEL_HASHES sections; a kernel needs one")
    return kernel.page(footer.hash_table(), found[0], footer.role)


def _vmsa_pages(footer: Footer, options: LaunchOptions) -> Iterator[LaunchPage]:
    vmsas = start_vmsas(footer, options.vmm, options.vcpus or 0, options.signature or 0, options.guest_features)
    for vmsa in vmsas:
        yield LaunchPage(VMSA_GPA, LaunchPageType.VMSA, vmsa)
