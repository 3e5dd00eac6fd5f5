"""LAUNCH_UPDATE and LAUNCH_FINISH: what is measured, what the guest finds, who may have signed it."""

import struct
from dataclasses import replace
from hashlib import sha384
from time import perf_counter

import pytest
from sevsnpmeasure import gctx as measured

from impl.firmware.command_ids import CommandId
from impl.firmware.environment import Environment
from impl.firmware.launch_buffers import LaunchFinishBuffer
from impl.firmware.memory_map import Span
from impl.firmware.processor import Answer
from spec.vocabulary import LaunchPageType, PageState, SevFeatures, Status
from tests.impl.firmware.host import GCTX, GPA, OTHER_SPA, PAGE, SPA, Host

NORMAL, VMSA, ZERO, UNMEASURED, SECRETS, CPUID = LaunchPageType
CODE = bytes(range(256)) * 16


def folded(*pages: tuple[int, bytes, int], perms: bytes = bytes(3), imi: int = 0) -> bytes:
    """The launch digest of (type, contents digest, GPA), by the ABI's table and nothing of ours."""
    digest = bytes(48)
    for page_type, contents, gpa in pages:
        info = digest + contents + struct.pack("<HBBB3sQ", 0x70, page_type, imi, 0, perms, gpa)
        assert len(info) == 0x70
        digest = sha384(info).digest()
    return digest


def launching(environment: Environment | None = None, **more: int) -> Host:
    host = Host(environment=environment).initialise()
    host.launch(**more)
    return host


def digest_of(host: Host) -> bytes:
    return host.firmware.contexts[GCTX >> 12].launch_digest


def test_normal_page_is_measured_encrypted_in_place_and_validated():
    host = launching()
    host.prepare(SPA, data=CODE)
    answer = host.load(vmpl1_perms=3, vmpl2_perms=1, vmpl3_perms=5)
    assert answer == Answer(Status.SUCCESS, "loaded")
    assert digest_of(host) == folded((NORMAL, sha384(CODE).digest(), GPA), perms=b"\3\1\5")
    assert host.plain(SPA) == CODE
    assert host.machine.memory.read_raw(SPA, PAGE) != CODE
    entry = host.entry(SPA)
    assert host.state(SPA) == PageState.GUEST_VALID
    assert (entry.perms, entry.vmsa, entry.lock) == ((0x1F, 3, 1, 5), False, False)


def test_digest_of_a_tiny_launch_is_an_independent_fold():
    host = launching()
    vmsa = bytearray(CODE)
    pages = [
        (NORMAL, SPA),
        (ZERO, SPA + PAGE),
        (UNMEASURED, SPA + 2 * PAGE),
        (SECRETS, SPA + 3 * PAGE),
        (VMSA, OTHER_SPA),
    ]
    for page_type, spa in pages:
        host.prepare(spa, gpa=spa, data=bytes(PAGE) if page_type == CPUID else CODE)
        assert host.load(spa, page_type).result == Status.SUCCESS
    vmsa[0x2F0:0x300] = bytes(16)
    none, code, measured_vmsa = bytes(48), sha384(CODE).digest(), sha384(vmsa).digest()
    contents = {NORMAL: code, VMSA: measured_vmsa}
    assert digest_of(host) == folded(*((kind, contents.get(kind, none), spa) for kind, spa in pages))


def test_digest_agrees_with_sev_snp_measure():
    host = launching()
    reference = measured.GCTX()
    host.prepare(SPA, data=CODE)
    host.load(SPA)
    reference.update_normal_pages(GPA, CODE)
    host.prepare(SPA + PAGE, gpa=GPA + PAGE)
    host.load(SPA + PAGE, ZERO)
    reference.update_zero_pages(GPA + PAGE, PAGE)
    host.prepare(OTHER_SPA, gpa=0xFFFF_FFFF_F000 & (1 << 51) - 1, data=CODE[:0x2F0].ljust(PAGE, b"\0"))
    host.load(OTHER_SPA, VMSA)
    reference.update_vmsa_page(CODE[:0x2F0].ljust(PAGE, b"\0"))
    assert digest_of(host) == reference.ld()


def test_2m_page_is_measured_as_512_small_pages():
    image = b"".join(sha384(b"%d" % index).digest()[:32] * 128 for index in range(512))
    large, small = launching(), launching()
    large.prepare(SPA, size=1, data=image)
    assert large.load(SPA, page_size=1).result == Status.SUCCESS
    for offset in range(0, len(image), PAGE):
        small.prepare(SPA + offset, gpa=GPA + offset, data=image[offset : offset + PAGE])
    begin = perf_counter()
    for offset in range(0, len(image), PAGE):
        assert small.load(SPA + offset).result == Status.SUCCESS
    seconds = perf_counter() - begin
    print(f"512 pages of 4 KiB: {seconds * 1e3:.0f} ms")
    assert digest_of(large) == digest_of(small)
    assert large.plain(SPA, len(image)) == small.plain(SPA, len(image)) == image


def test_page_in_a_trusted_region_is_neither_measured_nor_written():
    memory_map = replace(Environment().memory_map, tmrs=(Span(SPA, SPA + PAGE - 1),))
    host = launching(Environment(memory_map=memory_map))
    host.prepare(SPA, data=CODE)
    assert host.load() == Answer(Status.INVALID_ADDRESS, "address")
    assert (host.state(SPA), digest_of(host)) == (PageState.PRE_GUEST, bytes(48))
    assert host.machine.memory.read_raw(SPA, PAGE) == CODE


def test_zero_page_is_zero_whatever_the_host_left_in_it():
    host = launching()
    host.prepare(SPA, data=CODE)
    host.load(page_type=ZERO)
    assert host.plain(SPA) == bytes(PAGE)


def test_secrets_page_holds_the_guests_keys():
    host = launching()
    host.prepare(SPA, data=CODE)
    host.load(page_type=SECRETS)
    page, guest = host.plain(SPA), host.firmware.contexts[GCTX >> 12]
    assert struct.unpack_from("<IIII", page) == (3, 0, Environment().family_model_stepping, 0)
    assert page[0x10:0x20] == guest.gosvw
    assert page[0x20:0xA0] == b"".join(guest.vmpcks)
    assert page[0xA0:0x100] == bytes(0x60)
    # Firmware 1.55.25's bitmap: one bit for each quadword that holds a register.
    assert page[0x100:0x140] == bytes.fromhex(
        "0000000000800088 00000000eeff0000 f0ffffffffffffff ff3f000000000000"
        "000000000000ffff ffffffffffffffff ffffffffffffffff ffffffffffffff00"
    )
    assert page[0x140:0x160] == bytes(0x20)
    assert struct.unpack_from("<I", page, 0x160) == (200,)
    assert page[0x164:] == bytes(PAGE - 0x164)


def vmsa_page(features: int) -> bytes:
    page = bytearray(CODE)
    page[0x3B0:0x3B8] = features.to_bytes(8, "little")
    return bytes(page)


def loaded_vmsa(host: Host, features: int) -> bytes:
    host.prepare(SPA, data=vmsa_page(features))
    assert host.load(page_type=VMSA).result == Status.SUCCESS
    assert host.entry(SPA).vmsa
    return host.plain(SPA)


def test_vmsa_page_changes_only_where_the_checksum_would_be():
    given, page = vmsa_page(SevFeatures.SNP_ACTIVE), loaded_vmsa(launching(), SevFeatures.SNP_ACTIVE)
    assert page[0x380:0x390] == bytes(8) + b"\xff" * 8
    assert page[:0x380] + page[0x390:] == given[:0x380] + given[0x390:]


def test_vmsa_with_secure_tsc_gets_its_scale():
    page = loaded_vmsa(launching(desired_tsc_khz=99_800 * 20 + 1), SevFeatures.SNP_ACTIVE | SevFeatures.SECURE_TSC)
    fraction = -(-(1 << 32) // 99_800)
    assert struct.unpack_from("<QQ", page, 0x2F0) == (20 << 32 | fraction, 0)


def test_vmsa_with_reg_prot_is_disguised_after_it_was_measured():
    features = SevFeatures.SNP_ACTIVE | SevFeatures.VMSA_REG_PROT
    host = launching()
    given, page = vmsa_page(features), loaded_vmsa(host, features)
    nonce = int.from_bytes(page[0x300:0x308], "little")
    rip = int.from_bytes(page[0x178:0x180], "little")
    assert rip ^ nonce == int.from_bytes(given[0x178:0x180], "little")
    assert page[0x148:0x150] == given[0x148:0x150]  # CR4 is not disguised
    measured = given[:0x2F0] + bytes(16) + given[0x300:]
    assert digest_of(host) == folded((VMSA, sha384(measured).digest(), GPA))


def cpuid_page(*functions: tuple[int, int], count: int | None = None, stray: int = 0) -> bytes:
    head = struct.pack("<IIQ", len(functions) if count is None else count, stray, 0)
    body = b"".join(struct.pack("<IIQQIIIIQ", leaf, 0, 0, 0, eax, 0, 0, 0, 0) for leaf, eax in functions)
    return (head + body).ljust(PAGE, b"\0")


STRICT = Environment(cpuid_policy=lambda function: replace(function, eax=min(function.eax, 0x10)))


def test_cpuid_page_without_a_policy_is_taken_as_it_is():
    host = launching()
    host.prepare(SPA, data=cpuid_page((7, 0x99)))
    assert host.load(page_type=CPUID).result == Status.SUCCESS
    assert host.plain(SPA) == cpuid_page((7, 0x99))


def test_cpuid_page_that_the_hardware_contradicts_is_corrected_and_refused():
    host = launching(STRICT)
    host.prepare(SPA, data=cpuid_page((0, 0x10), (7, 0x99)))
    before = host.entry(SPA)
    assert host.load(page_type=CPUID) == Answer(Status.INVALID_PARAM, "cpuid-policy")
    assert host.machine.memory.read_raw(SPA, PAGE) == cpuid_page((0, 0x10), (7, 0x10))
    assert (host.entry(SPA), digest_of(host)) == (before, bytes(48))
    assert host.load(page_type=CPUID).result == Status.SUCCESS
    assert host.plain(SPA) == cpuid_page((0, 0x10), (7, 0x10))
    assert digest_of(host) == folded((CPUID, bytes(48), GPA))


@pytest.mark.parametrize("page", [cpuid_page(count=65), cpuid_page(stray=1)])
def test_cpuid_page_with_a_bad_header_is_refused(page):
    host = launching()
    host.prepare(SPA, data=page)
    assert host.load(page_type=CPUID) == Answer(Status.INVALID_PARAM, "cpuid-header")


@pytest.mark.parametrize("page_type", [VMSA, SECRETS, CPUID])
def test_special_pages_must_be_small(page_type):
    host = launching()
    host.prepare(SPA, size=1)
    answer = host.load(SPA, page_type, page_size=1)
    assert answer == Answer(Status.INVALID_PAGE_SIZE, "page-type-size")


@pytest.mark.parametrize("page_type", [0, 7])
def test_page_types_that_do_not_exist_are_refused(page_type):
    host = launching()
    host.prepare(SPA)
    assert host.load(SPA, page_type) == Answer(Status.INVALID_PARAM, "page-type")


def test_migration_image_has_a_digest_of_its_own_and_cannot_be_finished():
    host = launching(imi_en=1)
    guest = host.firmware.contexts[GCTX >> 12]
    host.prepare(SPA, data=CODE)
    assert host.load() == Answer(Status.INVALID_PARAM, "imi-page")
    assert host.load(imi_page=1).result == Status.SUCCESS
    expected = folded((NORMAL, sha384(CODE).digest(), GPA), imi=1)
    assert (guest.launch_digest, guest.imi_digest) == (expected, expected)
    host.refused(
        Status.INVALID_GUEST_STATE, "guest-state", CommandId.LAUNCH_FINISH, LaunchFinishBuffer(gctx_paddr=GCTX)
    )
