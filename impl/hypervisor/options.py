"""What a user asks of a launch, and which requests no image can honour."""

from dataclasses import dataclass
from enum import Enum, unique

from impl.hypervisor.errors import OptionError
from impl.hypervisor.files import MAX_IMAGE_SIZE
from impl.hypervisor.kernel_hashes import KernelHashes
from impl.hypervisor.pages import PAGE_SIZE
from impl.hypervisor.vmsa import Vmm

DIGEST_SIZE = 48
"""Bytes of a launch digest (SHA-384)."""
MAX_VCPUS = 4096
"""The most that KVM can be built for."""
DEFAULT_FEATURES = 0x1
"""SEV_FEATURES with SNP_ACTIVE alone."""


@unique
class LaunchMode(Enum):
    """What is launched. The values are the names of the command line."""

    SEV = "sev"
    """Memory encryption alone, launched by the legacy commands."""
    SEV_ES = "seves"
    """The same with encrypted registers."""
    SNP = "snp"
    """A firmware, optionally with a kernel booted directly."""
    SNP_SVSM = "snp:svsm"
    """An SVSM at VMPL0 with a firmware below it."""
    SNP_OVMF_HASH = "snp:ovmf-hash"
    """The firmware image alone: its digest may stand in for the image in a later `snp` (`ovmf_hash`)."""


LEGACY_MODES = (LaunchMode.SEV, LaunchMode.SEV_ES)


@dataclass(frozen=True)
class LaunchOptions:
    """Defaults are those of the command line; None is "not given".

    `signature` is CPUID 1 EAX (32 bits), `guest_features` SEV_FEATURES (64 bits), `vars_size` the bytes of the
    variable store between SVSM and firmware. `ovmf_hash` is the digest of a firmware image that the launch starts
    from; the image given is then read for its metadata only.
    """

    mode: LaunchMode = LaunchMode.SNP
    vcpus: int | None = None
    signature: int | None = None
    guest_features: int = DEFAULT_FEATURES
    vmm: Vmm = Vmm.QEMU
    kernel: KernelHashes | None = None
    svsm: bytes | None = None
    vars_size: int | None = None
    ovmf_hash: bytes | None = None

    def given(self) -> set[str]:
        """Names of the options that were set, the mode aside."""
        changed = {name for name in self.__dataclass_fields__ if getattr(self, name) != getattr(DEFAULTS, name)}
        return changed - {"mode"}


DEFAULTS = LaunchOptions()

EFFECTIVE = {
    LaunchMode.SEV: {"kernel"},
    LaunchMode.SEV_ES: {"vcpus", "signature", "vmm", "kernel"},
    LaunchMode.SNP: {"vcpus", "signature", "guest_features", "vmm", "kernel", "ovmf_hash"},
    LaunchMode.SNP_SVSM: {"vcpus", "signature", "vmm", "svsm", "vars_size"},
    LaunchMode.SNP_OVMF_HASH: set(),
}
"""The options that change the launch in a mode. The others are accepted and reported as ignored."""


HASH_IN_SNP_ONLY = "ovmf hash: it stands in for the firmware in mode snp only"


def check_options(options: LaunchOptions) -> None:
    """Refuse what cannot be launched in the mode asked for. Ignored options are not looked at."""
    if options.mode is LaunchMode.SNP_OVMF_HASH:
        return
    if options.mode in LEGACY_MODES and options.ovmf_hash is not None:
        raise OptionError(HASH_IN_SNP_ONLY)
    if options.mode is LaunchMode.SEV:
        return
    if options.vcpus is None:
        raise OptionError(f"vcpus: mode {options.mode.value} needs a number of vCPUs")
    if not 1 <= options.vcpus <= MAX_VCPUS:
        raise OptionError(f"vcpus: {options.vcpus} is not in 1..{MAX_VCPUS}")
    if options.signature is None and options.vmm is Vmm.QEMU:
        raise OptionError("vCPU: QEMU puts the CPUID signature into the VMSA; give a vCPU type or signature")
    if not 0 <= (options.signature or 0) < 1 << 32:
        raise OptionError(f"vCPU signature: {options.signature:#x} does not fit 32 bits")
    if not 0 <= options.guest_features < 1 << 64:
        raise OptionError(f"guest features: {options.guest_features:#x} does not fit 64 bits")
    if options.mode is LaunchMode.SNP_SVSM:
        _check_svsm(options)
    elif options.ovmf_hash is not None and len(options.ovmf_hash) != DIGEST_SIZE:
        raise OptionError(f"ovmf hash: {len(options.ovmf_hash)} bytes; a launch digest has {DIGEST_SIZE}")


def _check_svsm(options: LaunchOptions) -> None:
    if options.vmm is not Vmm.QEMU:
        raise OptionError(f"vmm type: mode snp:svsm is known for QEMU only, not for {options.vmm.value}")
    if options.ovmf_hash is not None:
        raise OptionError(HASH_IN_SNP_ONLY)
    if options.svsm is None:
        raise OptionError("svsm: mode snp:svsm needs an SVSM image")
    if options.vars_size is None:
        raise OptionError("vars size: mode snp:svsm needs the size of the variable store")
    if not 0 <= options.vars_size <= MAX_IMAGE_SIZE:
        raise OptionError(f"vars size: {options.vars_size} is not in 0..{MAX_IMAGE_SIZE}")
    if options.vars_size % PAGE_SIZE:
        raise OptionError(f"vars size: {options.vars_size} is not a whole number of {PAGE_SIZE}-byte pages")
