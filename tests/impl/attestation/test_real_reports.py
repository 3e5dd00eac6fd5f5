"""Reports of real processors with the certificates that AMD issued: they verify, and no bit of them may change."""

import json
import os
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from impl.attestation.certificates import Bundle, common_name, read_bundle
from impl.attestation.reference import Reference
from impl.attestation.report import SignedReport, read_report
from sevspec.attesting.twins import judge
from spec.vocabulary import SigningKey, Verdict

if "SEVSPEC_DATA" not in os.environ:
    pytest.skip("SEVSPEC_DATA is not set: reports of real processors are not verified", allow_module_level=True)

FOLDER = Path(os.environ["SEVSPEC_DATA"]) / "attestation"
INDEX: list[dict[str, Any]] = json.loads((FOLDER / "index.json").read_text(encoding="utf-8"))
SIGNED = [entry for entry in INDEX if entry.get("verified")]
DURING_VLEK = datetime(2025, 6, 1, tzinfo=UTC)
"""A VLEK's certificate lasts one year, and this one's is over."""
NOW = datetime(2026, 11, 1, tzinfo=UTC)
ANY_POLICY = Reference(policy_forbidden=0)
ALL_BITS = 8 * 0x4A0
FLIPPED = "milan-aci.bin"


def name_of(entry: dict[str, Any]) -> str:
    return str(entry["file"])


def report(name: str) -> SignedReport:
    return read_report((FOLDER / name).read_bytes())


@cache
def certificates() -> Bundle:
    paths = sorted((FOLDER / "certs").iterdir())
    return read_bundle((path.name, path.read_bytes()) for path in paths)


def time_of(made: SignedReport) -> datetime:
    return DURING_VLEK if made.fields.signing_key == SigningKey.VLEK else NOW


def test_there_are_reports_of_versions_2_3_and_5() -> None:
    assert {report(entry["file"]).fields.version for entry in SIGNED} == {2, 3, 5}


@pytest.mark.parametrize("entry", SIGNED, ids=name_of)
def test_real_report_is_accepted(entry: dict[str, Any]) -> None:
    made = report(entry["file"])
    assert judge(made, certificates(), ANY_POLICY, time_of(made)).judgement.decided == "accepted"
    assert made.fields.measurement.hex() == entry["measurement"]
    assert made.fields.reported_tcb.to_bytes(8, "little").hex() == entry["reported_tcb"]


@pytest.mark.parametrize("entry", SIGNED, ids=name_of)
def test_debugging_is_refused_unless_it_is_asked_for(entry: dict[str, Any]) -> None:
    made = report(entry["file"])
    expected = "policy-forbidden" if int(entry["policy"], 16) & 1 << 19 else "accepted"
    assert judge(made, certificates(), Reference(), time_of(made)).judgement.decided == expected


def test_report_without_a_certificate_of_its_chip_is_not_accepted() -> None:
    made = report("az-kinvolk-hcl.bin")
    assert judge(made, certificates(), ANY_POLICY, NOW).judgement.decided == "chip-id"
    authorities = tuple(c for c in certificates().certificates if common_name(c) not in ("SEV-VCEK", "SEV-VLEK"))
    assert judge(made, Bundle(authorities, ()), ANY_POLICY, NOW).judgement.decided == "certificates"


def test_vlek_certificate_runs_out() -> None:
    assert judge(report("vlek-coco.bin"), certificates(), ANY_POLICY, NOW).judgement.decided == "validity"


def refused(bit: int) -> None:
    """A flipped bit of one report is refused, by both texts and by the right kind of check."""
    content = bytearray((FOLDER / FLIPPED).read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    judgement = judge(read_report(bytes(content)), certificates(), ANY_POLICY, NOW).judgement
    assert judgement.verdict is Verdict.REFUSED
    if bit >= 8 * 0x330:
        assert judgement.decided == "unsigned-bytes"
    elif bit >= 8 * 0x2A0:
        assert judgement.decided == "signature"


@pytest.mark.parametrize("bit", range(0, ALL_BITS, 61))
def test_flipped_bit_of_a_real_report_is_refused(bit: int) -> None:
    refused(bit)


@pytest.mark.slow
@pytest.mark.parametrize("byte", range(0x4A0))
def test_every_flipped_bit_of_a_real_report_is_refused(byte: int) -> None:
    for bit in range(8 * byte, 8 * byte + 8):
        refused(bit)
