"""`sevspec verify-report`: verdict, exit code, the check that decides, and one line for what cannot be read."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from sevspec.attesting import twins
from sevspec.attesting.policy_schema import policy_schema
from sevspec.cli import main
from tests.impl.attestation.cases import listing, whole
from tests.impl.attestation.made import genuine, roots, vcek_bundle

AT = "2026-06-01"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A report, its certificates in a folder, and a policy that believes their root."""
    (tmp_path / "report.bin").write_bytes(whole())
    certs = tmp_path / "certs"
    certs.mkdir()
    for number, each in enumerate(vcek_bundle().certificates):
        encoding = Encoding.PEM if number else Encoding.DER
        (certs / f"{number}").write_bytes(each.public_bytes(encoding))
    (tmp_path / "crl").write_bytes(listing().lists[0].public_bytes(Encoding.DER))
    policy(tmp_path)
    return tmp_path


def policy(folder: Path, **asked: Any) -> None:
    (folder / "policy.json").write_text(json.dumps({"roots": sorted(roots())} | asked))


def verify(folder: Path, *more: str) -> int:
    arguments = [str(folder / "report.bin"), "--certs", str(folder / "certs"), "--at", AT]
    return main(["verify-report", *arguments, "--policy", str(folder / "policy.json"), *more])


def test_genuine_report_is_accepted(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(files) == 0
    out = capsys.readouterr().out
    assert "ACCEPTED" in out
    assert "all 58 checks hold" in out


def test_root_is_believed_only_if_it_is_named(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["verify-report", str(files / "report.bin"), "--certs", str(files / "certs"), "--at", AT]
    assert main(arguments) == 1
    assert "REFUSED" in (out := capsys.readouterr().out)
    assert "check 17 of 58, root-trusted" in out


@pytest.mark.parametrize(
    ("nonce", "code"), [("6e6f6e6365", 0), ("6e6f6e6366", 1), ("6e6f6e63", 1), ("6e6f6e6365".ljust(128, "0"), 0)]
)
def test_nonce_is_compared_with_zeros_behind_it(files: Path, nonce: str, code: int, capsys) -> None:
    (files / "report.bin").write_bytes(nonce_report())
    assert verify(files, "--nonce", nonce) == code
    assert ("report-data" in capsys.readouterr().out.splitlines()[-2]) == bool(code)


def nonce_report() -> bytes:
    from tests.impl.attestation.made import CHIP, TCB, signed_by

    made = signed_by(CHIP.vcek(TCB), genuine(3))
    return made.signed + made.signature.pack()


def test_json_names_every_check_and_every_field(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy(files, vmpl=1)
    assert verify(files, "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["schema"], found["verdict"], found["check"]) == ("sevspec.verify-report/1", "refused", "vmpl")
    assert [one["name"] for one in found["checks"] if not one["holds"]] == ["vmpl"]
    assert {one["evidence"] for one in found["checks"]} == {
        "manual text",
        "several implementations agree",
        "firmware behaviour",
    }
    assert found["report"]["measurement"] == genuine(3).measurement.hex()


def test_fields_are_printed_where_asked(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(files, "--fields") == 0
    out = capsys.readouterr().out
    assert all(name in out for name in ("reported_tcb", "committed_major", "launch_mit_vector", "report_id_ma"))


def test_policy_can_ask_for_everything(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fields = genuine(3)
    policy(
        files,
        schema="sevspec.policy/1",
        products=["genoa"],
        vlek=False,
        revocation_list_required=True,
        chips=[fields.chip_id.hex()],
        masked_chip=False,
        services=[],
        tcb={"genoa": {"boot_loader": 4, "tee": 0, "snp": 0, "microcode": 72}, "turin": {"fmc": 1}},
        firmware="1.55.25",
        mitigations=0,
        platform={"required": ["smt"], "forbidden": ["tsme"]},
        policy={"required": ["smt"], "forbidden": ["debug"], "abi": "0.0"},
        migration_agent=False,
        measurements=[fields.measurement.hex()],
        id_keys=["00" * 48],
        family_id="00" * 16,
        image_id="00" * 16,
        guest_svn=0,
        host_data="00" * 32,
        vmpl=0,
        report_data="00" * 64,
    )
    assert verify(files, "--certs", str(files / "crl")) == 0
    assert "ACCEPTED" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("asked", "check"),
    [
        ({"products": ["milan"]}, "product-accepted"),
        ({"tcb": {"genoa": {"microcode": 73}}}, "tcb-floor"),
        ({"firmware": "1.55.26"}, "firmware-version"),
        ({"platform": {"required": ["alias_check_complete"]}}, "platform-required"),
        ({"policy": {"forbidden": ["smt"]}}, "policy-forbidden"),
        ({"policy": {"abi": "1.0"}}, "policy-abi"),
        ({"measurements": []}, "measurement"),
        ({"author_keys": ["00" * 48]}, "author-key"),
        ({"revocation_list_required": True}, "revocation-list"),
    ],
)
def test_policy_that_is_not_met_is_named(files: Path, asked: dict[str, Any], check: str, capsys) -> None:
    policy(files, **asked)
    assert verify(files, "--json") == 1
    assert json.loads(capsys.readouterr().out)["check"] == check


MISTAKES = {
    "no such report": (["none.bin"], "none.bin: No such file or directory"),
    "no report": (["policy.json"], "a report has 1184 bytes"),
    "no certificates": (["report.bin", "--certs", "report.bin"], "neither certificates nor revocation lists"),
    "no such folder": (["report.bin", "--certs", "none"], "none: No such file or directory"),
    "nonce": (["report.bin", "--nonce", "0g"], "--nonce: '0g' is not bytes in hexadecimal"),
    "long nonce": (["report.bin", "--nonce", "00" * 65], "--nonce: 1 to 64 bytes, these are 65"),
    "time": (["report.bin", "--at", "soon"], "--at: 'soon' is not a date or time"),
    "no policy": (["report.bin", "--policy", "none"], "--policy: none: No such file or directory"),
    "no JSON": (["report.bin", "--policy", "report.bin"], "--policy: report.bin: not JSON"),
    "wrong key": (["report.bin", "--policy", "wrong.json"], "--policy: wrong.json: Additional properties are not"),
    "wrong value": (["report.bin", "--policy", "value.json"], "--policy: value.json: tcb.genoa.snp: 256 is greater"),
    "no fmc": (["report.bin", "--policy", "fmc.json"], "--policy: tcb.genoa: this product has no fmc"),
    "two nonces": (["report.bin", "--policy", "nonce.json", "--nonce", "00"], "the policy has report_data already"),
}


@pytest.mark.parametrize(("arguments", "says"), MISTAKES.values(), ids=MISTAKES.keys())
def test_mistake_is_one_line(files: Path, arguments: list[str], says: str, capsys, monkeypatch) -> None:
    monkeypatch.chdir(files)
    Path("wrong.json").write_text('{"mesurements": []}')
    Path("value.json").write_text('{"tcb": {"genoa": {"snp": 256}}}')
    Path("fmc.json").write_text('{"tcb": {"genoa": {"fmc": 1}}}')
    Path("nonce.json").write_text(json.dumps({"report_data": "00" * 64}))
    assert main(["verify-report", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert says in captured.err


def test_disagreement_of_the_two_texts_is_a_failure(files: Path, capsys, monkeypatch) -> None:
    given = twins.presented

    def lies(*arguments: Any) -> Any:
        from spec.record import replace

        return replace(given(*arguments), unsigned_clear=False)

    monkeypatch.setattr(twins, "presented", lies)
    assert verify(files) == 1
    assert "FAILED  specification: unsigned-bytes; machine: accepted" in capsys.readouterr().out


def test_policy_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(policy_schema())
