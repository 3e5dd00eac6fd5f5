"""SNP_SHUTDOWN and SNP_SHUTDOWN_EX: SNP is given up; with IOMMU_SNP_SHUTDOWN so is the RMP."""

from spec.firmware.asids import ALL_ASIDS, all_asids_clean
from spec.firmware.command import PageAddress, has_entry
from spec.logic import all_of, first_of, none_of
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.rmp.page_state import is_firmware_iommu
from spec.system.state import System
from spec.vocabulary import Actor, Evidence, Limit, PlatformState, Status


@record
class SnpShutdown:
    """SNP_SHUTDOWN has no command buffer."""


@record
class SnpShutdownEx:
    """The command buffer."""

    length_valid: bool
    reserved: bool
    iommu_shutdown: bool
    """IOMMU_SNP_SHUTDOWN, bit 0."""
    x86_shutdown: bool
    """X86_SNP_SHUTDOWN, bit 1: SYSCFG.SNPEn is cleared, too."""
    x86_shutdown_supported: bool
    """A fact of the platform."""


@record
class IommuPageRelease:
    """One page that an IOMMU used."""

    address: PageAddress


@transition(actor=Actor.FIRMWARE, manual='Firmware ABI (56860), "SNP_SHUTDOWN"')
def snp_shutdown(system: System, op: SnpShutdown) -> Outcome:  # noqa: ARG001 - every transition has operands
    """The RMP, its protection and the guest contexts stay."""
    if (answer := answered_early(system)) is not None:
        return answer
    return Outcome(Status.SUCCESS, "shut-down", uninitialised(system), Evidence.FIRMWARE)


@transition(actor=Actor.FIRMWARE, manual='Firmware ABI (56860), "SNP_SHUTDOWN_EX"')
def snp_shutdown_ex(system: System, op: SnpShutdownEx) -> Outcome:
    """The IOMMU's pages are released one by one: `iommu_page_release`."""
    # 1. As SNP_SHUTDOWN, in front of the command buffer.
    if (answer := answered_early(system)) is not None:
        return answer

    # 2. The command buffer.
    if cause := first_of(
        ("length", none_of(op.length_valid)),
        ("reserved-bits", op.reserved),
        ("x86-without-iommu", all_of(op.x86_shutdown, none_of(op.iommu_shutdown))),
        ("x86-unsupported", all_of(op.x86_shutdown, none_of(op.x86_shutdown_supported))),
    ):
        return Outcome(Status.INVALID_PARAM, cause, system, Evidence.FIRMWARE)

    # 3. Without IOMMU_SNP_SHUTDOWN that is all.
    system = uninitialised(system)
    if none_of(op.iommu_shutdown):
        return Outcome(Status.SUCCESS, "shut-down", system, Evidence.FIRMWARE)

    # 4. The RMP has to be built anew, and the memory controllers forget every guest's key.
    keys = system.firmware.asid_keys.set_range(0, ALL_ASIDS, lambda _: 0)
    features = system.platform.features
    features = replace(features, snp_enabled=all_of(features.snp_enabled, none_of(op.x86_shutdown)))
    given_up = replace(
        system,
        platform=replace(system.platform, features=features),
        firmware=replace(system.firmware, rmp_initialised=False, asid_keys=keys),
    )
    return Outcome(Status.SUCCESS, "rmp-given-up", given_up, Evidence.FIRMWARE)


@transition(actor=Actor.FIRMWARE, manual='Firmware ABI (56860), "SNP_SHUTDOWN_EX"')
def iommu_page_release(system: System, op: IommuPageRelease) -> Outcome:
    """One FIRMWARE_IOMMU page becomes RECLAIM: a part of SNP_SHUTDOWN_EX, which goes through its list of them."""
    # 1. The RMP was given up.
    if cause := first_of(
        ("platform-state", system.firmware.state != PlatformState.UNINIT),
        ("rmp-initialised", system.firmware.rmp_initialised),
    ):
        return Outcome(Limit.NOT_MODELLED, cause, system, Evidence.FIRMWARE)

    # 2. The page is in the list.
    entry = system.rmp[op.address.page]
    if none_of(all_of(has_entry(system, op.address), is_firmware_iommu(entry))):
        return Outcome(Limit.NOT_MODELLED, "page-state", system, Evidence.FIRMWARE)

    # 3. The entry loses its tag and Immutable.
    rmp = system.rmp.set(op.address.page, replace(entry, immutable=False, lock=False, gfn=0))
    return Outcome(Status.SUCCESS, "released", replace(system, rmp=rmp), Evidence.FIRMWARE)


def answered_early(system: System) -> Outcome | None:
    """The checks that both commands have, or None if SNP is to be shut down."""
    # 1. Legacy SEV is not initialised.
    if system.firmware.sev_initialised:
        return Outcome(Status.INVALID_PLATFORM_STATE, "sev-state", system, Evidence.FIRMWARE)

    # 2. Nothing to do.
    if system.firmware.state == PlatformState.UNINIT:
        return Outcome(Status.SUCCESS, "already-shut-down", system, Evidence.FIRMWARE)

    # 3. Every ASID is clean everywhere; so no guest has one.
    if none_of(all_asids_clean(system)):
        return Outcome(Status.DF_FLUSH_REQUIRED, "asids-clean", system, Evidence.FIRMWARE)
    return None


def uninitialised(system: System) -> System:
    """SNP platform state UNINIT. The VLEK is gone."""
    return replace(system, firmware=replace(system.firmware, state=PlatformState.UNINIT, vlek_installed=False))
