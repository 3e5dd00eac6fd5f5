"""SNP_LAUNCH_UPDATE: a page becomes part of the guest: measured, encrypted in place, validated."""

from dataclasses import replace
from hashlib import sha384

from impl.firmware.cpuid_page import MAXIMUM_FUNCTIONS, CpuidPageHeader, functions_of, with_functions
from impl.firmware.guest_context import GuestContext
from impl.firmware.launch_buffers import LaunchUpdateBuffer
from impl.firmware.launch_digest import PAGE_INFO_BYTES, PageInfo, extended
from impl.firmware.layout import parse
from impl.firmware.page_states import NamedPage
from impl.firmware.refusal import require
from impl.firmware.secrets_page import secrets_page
from impl.firmware.state import Firmware
from impl.firmware.vmsa_page import as_measured, prepared, tsc_scale_of
from impl.memory.engine import PAGE_BYTES
from spec.vocabulary import PAGE_SHIFT, GuestState, LaunchPageType, PageSize, PageState, Status

_ONLY_4K = (LaunchPageType.VMSA, LaunchPageType.SECRETS, LaunchPageType.CPUID)


def launch_update(firmware: Firmware, buffer: LaunchUpdateBuffer) -> str:
    """Firmware ABI (56860), SNP_LAUNCH_UPDATE. PRE_GUEST becomes GUEST_VALID; VMPL0 keeps the mask of RMPUPDATE."""
    # 1. Reserved bits.
    require(not buffer.reserved_set, Status.INVALID_PARAM, "reserved-bits")

    # 2. The platform is initialised.
    firmware.require_initialised()

    # 3. The page is a guest context.
    guest = firmware.context(firmware.page(buffer.gctx_paddr))

    # 4. to 6. The host prepared the page for a guest, in the size given, aligned to it.
    page = firmware.page(buffer.page_paddr)
    firmware.require_state(page, PageState.PRE_GUEST)
    firmware.require_size(page, buffer.page_size)
    require(page.spa % page.length == 0, Status.INVALID_ADDRESS, "page-alignment")

    # 7. The page type exists.
    require(buffer.page_type in tuple(LaunchPageType), Status.INVALID_PARAM, "page-type")
    page_type = LaunchPageType(buffer.page_type)

    # 8. VMSA, secrets and CPUID pages are small.
    small = page.entry.page_size == PageSize.SIZE_4K
    require(small or page_type not in _ONLY_4K, Status.INVALID_PAGE_SIZE, "page-type-size")

    # 9. and 10. The guest is being launched and has an ASID.
    firmware.require_guest_state(guest, GuestState.LAUNCH)
    firmware.require_asid(guest)

    # 11. The page is the guest's.
    require(page.entry.asid == guest.asid, Status.INVALID_PAGE_OWNER, "owner-asid")

    # 12. While a migration image is launched, every page belongs to it.
    require(bool(buffer.imi_page) or not guest.imi_en, Status.INVALID_PARAM, "imi-page")
    _load(firmware, guest, page, buffer)
    first, _, _, _ = page.entry.perms
    firmware.write_entry(
        page,
        replace(
            page.entry,
            validated=True,
            immutable=False,
            lock=False,
            vmsa=page.entry.vmsa or page_type == LaunchPageType.VMSA,
            perms=(first, buffer.vmpl1_perms, buffer.vmpl2_perms, buffer.vmpl3_perms),
        ),
    )
    return "loaded"


def _load(firmware: Firmware, guest: GuestContext, page: NamedPage, buffer: LaunchUpdateBuffer) -> None:
    """Measure and encrypt each 4 KiB; a 2 MiB page is measured as 512 small ones, one after the other."""
    page_type = LaunchPageType(buffer.page_type)
    firmware.require_accessible(page.spa, page.length)
    bound = firmware.machine.configuration.protections.addresses_measured
    for offset in range(0, page.length, PAGE_BYTES):
        plaintext = firmware.machine.memory.read_raw(page.spa + offset, PAGE_BYTES)
        content = _content(firmware, guest, page.spa, page_type, plaintext)
        info = PageInfo(
            contents=_measured(page_type, plaintext),
            length=PAGE_INFO_BYTES,
            page_type=page_type,
            imi_page=buffer.imi_page,
            vmpl1_perms=buffer.vmpl1_perms,
            vmpl2_perms=buffer.vmpl2_perms,
            vmpl3_perms=buffer.vmpl3_perms,
            gpa=(page.entry.gfn << PAGE_SHIFT) + offset if bound else 0,
        )
        guest.launch_digest = extended(guest.launch_digest, info)
        if buffer.imi_page:
            guest.imi_digest = extended(guest.imi_digest, info)
        firmware.machine.memory.write(page.spa + offset, content, guest.asid)


def _measured(page_type: LaunchPageType, plaintext: bytes) -> bytes:
    """CONTENTS of PAGE_INFO."""
    if page_type == LaunchPageType.NORMAL:
        return sha384(plaintext).digest()
    if page_type == LaunchPageType.VMSA:
        return sha384(as_measured(plaintext)).digest()
    return bytes(sha384().digest_size)


def _content(firmware: Firmware, guest: GuestContext, spa: int, page_type: LaunchPageType, plaintext: bytes) -> bytes:
    """What the guest will find in the page."""
    environment = firmware.environment
    if page_type == LaunchPageType.VMSA:
        scale = tsc_scale_of(guest.desired_tsc_khz, environment.tsc_reference_khz)
        return prepared(plaintext, scale, firmware.random_bytes)
    if page_type == LaunchPageType.ZERO:
        return bytes(PAGE_BYTES)
    if page_type == LaunchPageType.SECRETS:
        return secrets_page(guest, environment.family_model_stepping, environment.tsc_factor)
    if page_type == LaunchPageType.CPUID:
        _check_cpuid(firmware, spa, plaintext)
    return plaintext


def _check_cpuid(firmware: Firmware, spa: int, plaintext: bytes) -> None:
    """Values that the hardware contradicts are corrected in the hypervisor's page, which stays PRE_GUEST."""
    header = parse(CpuidPageHeader, plaintext)
    sound = not header.reserved_set and header.count <= MAXIMUM_FUNCTIONS
    require(sound, Status.INVALID_PARAM, "cpuid-header")
    functions = functions_of(plaintext, header.count)
    corrected = [firmware.environment.cpuid_policy(function) for function in functions]
    if corrected != functions:
        firmware.machine.memory.write_raw(spa, with_functions(plaintext, corrected))
    require(corrected == functions, Status.INVALID_PARAM, "cpuid-policy")
