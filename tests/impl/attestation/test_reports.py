"""Reports of the machine: asked for by a guest, signed by certified keys, accepted by a relying party."""

import struct
from hashlib import sha256
from hmac import new as new_hmac

import pytest

from impl.attestation.chip import Endorsement
from impl.attestation.verifier import verify
from impl.firmware.buffers import ConfigBuffer
from impl.firmware.command_ids import CommandId
from impl.firmware.guest_message import MessageType
from spec.vocabulary import PlatformInfo, SigningKey, Status, Verdict
from tests.impl.attestation.made import (
    CHIP,
    CSP,
    NOW,
    TCB,
    VLEK,
    Scene,
    reference,
    scene,
    vcek_bundle,
    vlek_bundle,
)

NONCE = b"nonce".ljust(64, b"\0")


@pytest.mark.parametrize("version", [2, 3, 5])
def test_report_of_each_version_is_accepted(version: int) -> None:
    made = scene(report_version=version, mitigations=0xB).report(report_data=NONCE, vmpl=1)
    wanted = reference(report_data=NONCE, vmpl=1, measurements=frozenset({made.fields.measurement}))
    judgement = verify(made, vcek_bundle(), wanted, NOW)
    assert (judgement.verdict, judgement.decided) == (Verdict.ACCEPTED, "accepted")
    assert made.fields.version == version
    cpuid = (made.fields.cpuid_fam_id, made.fields.cpuid_mod_id, made.fields.cpuid_step)
    assert cpuid == ((0x19, 0x11, 1) if version >= 3 else (0, 0, 0))
    assert (made.fields.launch_mit_vector, made.fields.current_mit_vector) == ((0xB, 0xB) if version == 5 else (0, 0))


def test_report_says_what_firmware_knows() -> None:
    made = scene(platform_info=PlatformInfo.ECC)
    made.guest.host_data = b"host".ljust(32, b"\0")
    fields = made.report(report_data=NONCE, vmpl=3).fields
    guest, environment = made.guest, made.host.firmware.environment
    assert (fields.report_data, fields.vmpl, fields.host_data) == (NONCE, 3, guest.host_data)
    assert (fields.measurement, fields.policy, fields.report_id) == (guest.launch_digest, guest.policy, guest.report_id)
    assert fields.report_id_ma == b"\xff" * 32
    assert fields.platform_info == PlatformInfo.ECC | PlatformInfo.SMT
    assert {fields.current_tcb, fields.committed_tcb, fields.reported_tcb, fields.launch_tcb} == {TCB}
    version = (environment.version.major, environment.version.minor, environment.version.build)
    assert (fields.current_major, fields.current_minor, fields.current_build) == version
    assert (fields.chip_id, fields.signing_key) == (CHIP.chip_id, SigningKey.VCEK)


def test_vlek_signs_where_one_is_installed() -> None:
    made = scene(endorsement=Endorsement(CHIP, VLEK)).report(report_data=NONCE)
    assert made.fields.signing_key == SigningKey.VLEK
    assert verify(made, vlek_bundle(), reference(services=frozenset({CSP})), NOW).decided == "accepted"
    assert verify(made, vcek_bundle(), reference(), NOW).decided == "key-kind"


def test_vcek_signs_where_it_is_asked_for() -> None:
    made = scene(endorsement=Endorsement(CHIP, VLEK)).report(key_sel=1)
    assert verify(made, vcek_bundle(), reference(), NOW).decided == "accepted"


def test_vcek_is_that_of_the_reported_tcb_version() -> None:
    older = TCB - 1
    made = scene()
    made.host.ok(CommandId.CONFIG, ConfigBuffer(reported_tcb=older))
    report = made.report()
    assert report.fields.reported_tcb == older
    assert verify(report, vcek_bundle(older), reference(), NOW).decided == "accepted"
    assert verify(report, vcek_bundle(TCB), reference(), NOW).decided == "certificate-tcb"


def test_masked_chip_id_is_zero_and_accepted_only_where_asked() -> None:
    made = scene()
    made.host.ok(CommandId.CONFIG, ConfigBuffer(mask_chip_id=1))
    report = made.report()
    assert report.fields.chip_id == bytes(64)
    assert verify(report, vcek_bundle(), reference(), NOW).decided == "chip-id"
    assert verify(report, vcek_bundle(), reference(masked_chip_accepted=True), NOW).decided == "accepted"


def test_masked_chip_key_signs_nothing() -> None:
    made = scene()
    made.host.ok(CommandId.CONFIG, ConfigBuffer(mask_chip_key=1))
    report = made.report()
    assert (report.fields.signing_key, report.signature.r, report.signature.s) == (7, bytes(72), bytes(72))
    assert verify(report, vcek_bundle(), reference(), NOW).decided == "chip-key-masked"


@pytest.mark.parametrize(
    ("vmpck", "request_fields", "vcek_disabled", "status"),
    [
        (1, {"vmpl": 0}, False, Status.INVALID_PARAM),
        (0, {"key_sel": 3}, False, Status.INVALID_KEY),
        (0, {"key_sel": 2}, False, Status.INVALID_KEY),
        (0, {"key_sel": 0}, True, Status.INVALID_KEY),
        (0, {"key_sel": 1}, True, Status.INVALID_KEY),
    ],
)
def test_report_is_refused_in_band(vmpck, request_fields, vcek_disabled, status) -> None:
    made = scene()
    made.guest.vcek_disabled = vcek_disabled
    answer = made.ask(vmpck, **request_fields)
    assert (answer.status, answer.report) == (status, bytes(0x4A0))


def derived(made: Scene, root: int = 0, fields: int = 0, tcb: int = 0) -> tuple[int, bytes]:
    payload = struct.pack("<IIQIIQ", root, 0, fields, 0, 0, tcb)
    answer, _ = made.channel().request(MessageType.KEY_REQ, payload, made.carrier.carry)
    return int.from_bytes(answer[:4], "little"), answer[0x20:]


def test_key_can_be_derived_from_the_chip_key() -> None:
    made = scene()
    mix = struct.pack("<IIQIIQQ", 0, 0, 0, 0, 0, 0, 0) + bytes(128)
    message = struct.pack("<I", 1) + b"gmsg-keyreq\0" + mix + struct.pack("<I", 256)
    assert derived(made) == (0, new_hmac(CHIP.root_key(TCB), message, sha256).digest())


def test_key_of_an_older_tcb_version_is_that_of_the_older_firmware() -> None:
    of_old = scene(committed_tcb=TCB - 1)
    assert derived(scene(), fields=1 << 5, tcb=TCB - 1) == derived(of_old, fields=1 << 5, tcb=TCB - 1)
    assert derived(scene(), fields=1 << 5, tcb=TCB)[1] != derived(scene(), fields=1 << 5, tcb=TCB - 1)[1]


def test_masked_chip_key_roots_no_key() -> None:
    made = scene()
    made.host.ok(CommandId.CONFIG, ConfigBuffer(mask_chip_key=1))
    assert derived(made)[0] == Status.INVALID_KEY
    assert derived(made, root=1)[0] == Status.SUCCESS


def test_keys_of_vlek_and_vcek_differ() -> None:
    both = scene(endorsement=Endorsement(CHIP, VLEK))
    assert derived(both)[1] != derived(both, root=1 << 1)[1]
