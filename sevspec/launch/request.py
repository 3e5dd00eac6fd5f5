"""From what a user asks for to a launch plan. Every mistake is a `Refused` of one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from impl.hypervisor.cpu_types import choose_signature
from impl.hypervisor.errors import ImageError, OptionError
from impl.hypervisor.files import file_size, read_image
from impl.hypervisor.kernel_hashes import hash_kernel_files
from impl.hypervisor.legacy_plan import LegacyPlan, plan_legacy_launch
from impl.hypervisor.options import DEFAULT_FEATURES, LaunchMode, LaunchOptions
from impl.hypervisor.plan import LaunchPlan, plan_launch
from impl.hypervisor.vmsa import Vmm
from sevspec.launch.life import Region, regions
from sevspec.refused import Refused

WORDS = {
    "vcpus": "--vcpus",
    "signature": "the vCPU type",
    "guest_features": "--guest-features",
    "vmm": "--vmm-type",
    "kernel": "--kernel",
    "svsm": "--svsm",
    "vars_size": "the variable store",
    "ovmf_hash": "--snp-ovmf-hash",
}
"""What the fields of `LaunchOptions` are called on the command line."""


@dataclass(frozen=True)
class Request:
    """The options of `sevspec launch`, as given; None is "not given"."""

    firmware: Path
    mode: LaunchMode = LaunchMode.SNP
    vcpus: int | None = None
    vcpu_type: str | None = None
    vcpu_sig: str | None = None
    vcpu_family: int | None = None
    vcpu_model: int | None = None
    vcpu_stepping: int | None = None
    guest_features: str | None = None
    vmm_type: Vmm = Vmm.QEMU
    kernel: Path | None = None
    initrd: Path | None = None
    append: str | None = None
    svsm: Path | None = None
    vars_size: int | None = None
    vars_file: Path | None = None
    snp_ovmf_hash: str | None = None


@dataclass(frozen=True)
class Prepared:
    """A plan, the regions that its pages belong to, and what the user should know."""

    plan: LaunchPlan
    regions: tuple[Region, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class LegacyPrepared:
    """The plan of an SEV or SEV-ES guest, and what the user should know."""

    plan: LegacyPlan
    notes: tuple[str, ...]


def prepare(request: Request) -> Prepared:
    """Read the files and plan the launch of an SNP guest."""
    with in_one_line():
        options = options_of(request)
        firmware = read_image(request.firmware, "firmware")
        plan = plan_launch(firmware, options)
        known = regions(firmware, options)
    notes = ignored_notes(plan)
    if any(plan.initial_digest):
        notes.append("the digest given with --snp-ovmf-hash stands in for the pages of the firmware image")
    return Prepared(plan, known, tuple(notes))


def prepare_legacy(request: Request) -> LegacyPrepared:
    """Read the files and plan the launch of an SEV or SEV-ES guest."""
    with in_one_line():
        plan = plan_legacy_launch(read_image(request.firmware, "firmware"), options_of(request))
    return LegacyPrepared(plan, tuple(ignored_notes(plan)))


@contextmanager
def in_one_line() -> Iterator[None]:
    """What the launch plan refuses is the user's mistake."""
    try:
        yield
    except (ImageError, OptionError) as error:
        raise Refused(str(error)) from error


def ignored_notes(plan: LaunchPlan | LegacyPlan) -> list[str]:
    """A line for each option without effect."""
    return [f"{WORDS[name]} changes nothing in mode {plan.mode.value}" for name in plan.ignored]


def options_of(request: Request) -> LaunchOptions:
    """The request in the terms of the launch plan."""
    if request.vars_size is not None and request.vars_file is not None:
        raise Refused("give --vars-size or --vars-file, not both")
    vars_size = request.vars_size
    if request.vars_file is not None:
        vars_size = file_size(request.vars_file, "variable store")
    signature = choose_signature(
        request.vcpu_type,
        None if request.vcpu_sig is None else number(request.vcpu_sig, "--vcpu-sig"),
        request.vcpu_family,
        request.vcpu_model,
        request.vcpu_stepping,
    )
    features = request.guest_features
    return LaunchOptions(
        mode=request.mode,
        vcpus=request.vcpus,
        signature=signature,
        guest_features=DEFAULT_FEATURES if features is None else number(features, "--guest-features"),
        vmm=request.vmm_type,
        kernel=hash_kernel_files(request.kernel, request.initrd, request.append),
        svsm=None if request.svsm is None else read_image(request.svsm, "SVSM"),
        vars_size=vars_size,
        ovmf_hash=None if request.snp_ovmf_hash is None else digest(request.snp_ovmf_hash),
    )


def number(text: str, option: str) -> int:
    """A number as Python writes it: 0x1f, 31."""
    try:
        return int(text, 0)
    except ValueError:
        raise Refused(f"{option}: '{text}' is not a number; write 0x21 or 33") from None


def digest(text: str) -> bytes:
    """Bytes in hexadecimal; their number is checked with the other options."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise Refused(f"--snp-ovmf-hash: '{text}' is not hexadecimal") from None
