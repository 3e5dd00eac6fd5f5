"""`sevspec launch --mode sev|seves` against sev-snp-measure, what it prints, and how it ends."""

import base64
import itertools
import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sevsnpmeasure import guest, vcpu_types
from sevsnpmeasure.sev_mode import SevMode
from sevsnpmeasure.vmm_types import VMMType

from impl.firmware.legacy import launch_measure, launch_update
from impl.hypervisor.legacy_plan import LegacyPlan, plan_legacy_launch
from impl.hypervisor.options import LaunchMode, LaunchOptions
from impl.memory.physical import PhysicalMemory
from sevspec.cli import main
from sevspec.launch import legacy
from sevspec.launch.twins import Disagreement, StepFailed
from tests.impl.hypervisor.conftest import HASHES, METADATA, RESET, build
from tests.sevspec.test_launch import (
    AMDSEV,
    INITRD,
    KERNEL,
    MALFORMED,
    OVMF,
    OVMFX64,
    SVSM_OVMF,
    measured,
    refused,
    signature_words,
)

MODES = {"sev": SevMode.SEV, "seves": SevMode.SEV_ES}
ONE = ("--vcpus", "1", "--vcpu-type", "EPYC-v4")
Kernel = tuple[Path, Path | None, str | None]


@dataclass(frozen=True)
class Combo:
    """One launch, in the words of both tools."""

    mode: str
    image: Path
    vcpus: int | None = None
    cpu: str | None = None
    vmm: str = "QEMU"
    kernel: Kernel | None = None
    spelling: str = "hex"

    def __str__(self) -> str:
        kernel = "" if self.kernel is None else "-".join(str(part)[-8:] for part in self.kernel)
        return "-".join([self.mode, self.image.stem, str(self.vcpus), str(self.cpu), self.vmm, kernel, self.spelling])

    def words(self, position: int) -> list[str]:
        words = [str(self.image), "--mode", self.mode, "--output-format", self.spelling]
        if self.vcpus is not None:
            words += ["--vcpus", str(self.vcpus), "--vmm-type", self.vmm]
        if self.cpu is not None:
            words += signature_words(self.cpu, position)
        if self.kernel is not None:
            kernel, initrd, append = self.kernel
            words += ["--kernel", str(kernel)] + ([] if initrd is None else ["--initrd", str(initrd)])
            words += [] if append is None else ["--append", append]
        return words

    def oracle(self, *, dump: bool = False) -> bytes:
        """The digest by sev-snp-measure."""
        kernel, initrd, append = self.kernel or (None, None, None)
        digest: bytes = guest.calc_launch_digest(
            MODES[self.mode], self.vcpus, vcpu_types.CPU_SIGS[self.cpu] if self.cpu else None, str(self.image),
            str(kernel) if kernel else None, str(initrd) if initrd else None, append, 0x1, "", VMMType[self.vmm], dump,
        )  # fmt: skip
        return digest


def grid() -> list[Combo]:
    cpus = itertools.cycle(("EPYC", "EPYC-v4", "EPYC-Rome", "EPYC-Milan-v2", "EPYC-Genoa", "EPYC-Turin"))
    spellings = itertools.cycle(("hex", "base64"))
    kernels: tuple[Kernel, ...] = (
        (KERNEL, None, None), (KERNEL, INITRD, "console=ttyS0 é"), (KERNEL, INITRD, ""), (KERNEL, None, "quiet"),
    )  # fmt: skip
    vmms = ("QEMU", "ec2", "gce")
    combos = [Combo("sev", image, spelling=next(spellings)) for image in (OVMF, AMDSEV, OVMFX64, SVSM_OVMF)]
    combos += [Combo("sev", AMDSEV, kernel=kernel, spelling=next(spellings)) for kernel in kernels]
    combos += [
        Combo("seves", image, vcpus, next(cpus), vmm, spelling=next(spellings))
        for image, vcpus, vmm in itertools.product((AMDSEV, OVMFX64), (1, 2, 8), vmms)
    ]
    combos += [
        Combo("seves", AMDSEV, vcpus, next(cpus), vmm, kernel, next(spellings))
        for vcpus, vmm, kernel in itertools.product((1, 3), vmms, kernels)
    ]
    combos += [Combo("seves", AMDSEV, 2, None, vmm) for vmm in ("ec2", "gce")]
    combos += [Combo("seves", image, 5, "EPYC-Rome", spelling="base64") for image in (OVMF, SVSM_OVMF)]
    return combos


GRID = grid()


def test_grid_has_more_than_30_launches() -> None:
    assert len(set(GRID)) == len(GRID) > 50


@pytest.mark.parametrize("position", range(len(GRID)), ids=lambda position: f"{position}-{GRID[position]}")
def test_last_line_is_what_sev_snp_measure_prints(position: int, capsys: Any) -> None:
    combo = GRID[position]
    digest = combo.oracle()
    assert main(["launch", *combo.words(position)]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[-1] == (digest.hex() if combo.spelling == "hex" else base64.b64encode(digest).decode())
    assert err == ""


def test_document_tells_what_was_launched(capsys: Any) -> None:
    combo = Combo("seves", AMDSEV, 3, "EPYC-Rome", kernel=(KERNEL, INITRD, None))
    document = measured(combo.words(0), capsys)
    assert document["measurement"] == combo.oracle().hex()
    assert (document["schema"], document["mode"], document["vcpus"], document["updates"]) == (1, "seves", 3, 5)
    assert (document["guest_features"], document["notes"]) == (0, [])
    assert document["regions"] == [
        {"region": "firmware image", "command": "LAUNCH_UPDATE_DATA", "times": 1, "bytes": 4096},
        {"region": "kernel hashes", "command": "LAUNCH_UPDATE_DATA", "times": 1, "bytes": 176},
        {"region": "VMSA", "command": "LAUNCH_UPDATE_VMSA", "times": 3, "bytes": 3 * 4096},
    ]
    commands = [(one["transition"], one["times"]) for one in document["transitions"]]
    assert commands == [
        ("INIT", 1), ("DF_FLUSH", 1), ("LAUNCH_START", 1), ("ACTIVATE", 1), ("LAUNCH_UPDATE_DATA", 2),
        ("LAUNCH_UPDATE_VMSA", 3), ("LAUNCH_MEASURE", 1), ("LAUNCH_FINISH", 1),
    ]  # fmt: skip


def test_dumped_vmsas_are_those_of_sev_snp_measure(tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    combo = Combo("seves", AMDSEV, 3, "EPYC-Milan")
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    for folder in (ours, theirs):
        folder.mkdir()
    monkeypatch.chdir(ours)
    measured([*combo.words(0), "--dump-vmsa"], capsys)
    monkeypatch.chdir(theirs)
    combo.oracle(dump=True)
    names = [f"vmsa{number}.bin" for number in range(3)]
    assert [(ours / name).read_bytes() for name in names] == [(theirs / name).read_bytes() for name in names]


def test_options_without_effect_are_notes(capsys: Any) -> None:
    words = ["launch", str(AMDSEV), "--mode", "sev", *ONE, "--vmm-type", "gce", "--guest-features", "3", "--dump-vmsa"]
    assert main(words) == 0
    assert capsys.readouterr().err.splitlines() == [
        "note: --guest-features changes nothing in mode sev",
        "note: the vCPU type changes nothing in mode sev",
        "note: --vcpus changes nothing in mode sev",
        "note: --vmm-type changes nothing in mode sev",
        "note: --dump-vmsa: mode sev launches no VMSA",
    ]


def test_image_without_any_table_is_launched_as_sev_alone(tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "image.fd"
    path.write_bytes(bytes(8192))
    assert measured([str(path), "--mode", "sev"], capsys)["measurement"] == Combo("sev", path).oracle().hex()
    refused(["launch", str(path), "--mode", "seves", *ONE], "no OVMF footer", capsys)
    refused(["launch", str(path), "--mode", "sev", "--kernel", str(KERNEL)], "no OVMF footer", capsys)


def test_image_without_sev_metadata_is_launched(tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "image.fd"
    path.write_bytes(build(change={METADATA: None}))
    combo = Combo("seves", path, 2, "EPYC", kernel=(KERNEL, None, None))
    assert measured(combo.words(0), capsys)["measurement"] == combo.oracle().hex()


# --- what is refused ---

NO_TABLE = {"without its end", "zeros", "another footer GUID"}
"""Images of which mode sev alone reads no table."""


LAUNCHED = {"no SEV metadata", "section on the image"}
"""The legacy launch needs no SEV metadata, and launches no section of it."""


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", sorted(set(MALFORMED) - LAUNCHED))
def test_malformed_image_is_one_line_and_exit_code_2(name: str, mode: str, tmp_path: Path, capsys: Any) -> None:
    content, why = MALFORMED[name]
    path = tmp_path / "image.fd"
    path.write_bytes(content)
    words = [str(path), "--mode", mode, *ONE]
    if mode == "sev" and name in {*NO_TABLE, "no reset block"}:
        assert measured(words, capsys)["measurement"] == Combo("sev", path).oracle().hex()
    else:
        refused(["launch", *words], why, capsys)


def table(gpa: int, size: int = 0x400) -> dict[str, bytes]:
    return {HASHES: struct.pack("<II", gpa, size)}


WITHOUT_ROOM: dict[str, tuple[dict[str, Any], str]] = {
    "no place": (table(0), "SEV hash table at 0x0, 1024 bytes: no room for kernel hashes"),
    "small": (table(0x810000, 175), "SEV hash table at 0x810000, 175 bytes: no room for kernel hashes"),
    "unaligned": (table(0x810008), "SEV hash table at 0x810008 is not aligned to 16 bytes"),
    "on the image": (table(0xFFFFF000), "SEV hash table at 0xfffff000 overlaps the firmware image"),
    "beyond 4 GiB": (table(0xFFFFFFF0), "SEV hash table at 0xfffffff0 overlaps the firmware image"),
    "no entry": ({HASHES: None}, f"no SEV hash table entry ({HASHES})"),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", WITHOUT_ROOM)
def test_kernel_without_room_for_its_hashes_is_refused(name: str, mode: str, tmp_path: Path, capsys: Any) -> None:
    change, why = WITHOUT_ROOM[name]
    path = tmp_path / "image.fd"
    path.write_bytes(build(change=change))
    words = ["launch", str(path), "--mode", mode, *ONE]
    refused([*words, "--kernel", str(KERNEL)], f"firmware: footer table: {why}", capsys)
    assert main(words) == 0


WRONG: dict[str, tuple[list[str], str]] = {
    "no number of vCPUs": ([str(AMDSEV), "--mode", "seves", "--vcpu-type", "EPYC"], "needs a number of vCPUs"),
    "no vCPUs": ([str(AMDSEV), "--mode", "seves", "--vcpus", "0"], "vcpus: 0 is not in 1..4096"),
    "no vCPU type": ([str(AMDSEV), "--mode", "seves", "--vcpus", "1"], "give a vCPU type or signature"),
    "firmware digest": ([str(AMDSEV), "--mode", "sev", "--snp-ovmf-hash", "00" * 48], "in mode snp only"),
    "firmware digest, ES": ([str(AMDSEV), "--mode", "seves", *ONE, "--snp-ovmf-hash", "00" * 48], "in mode snp only"),
    "initrd alone": ([str(AMDSEV), "--mode", "sev", "--initrd", str(INITRD)], "they need a kernel"),
    "debian without room": ([str(OVMF), "--mode", "sev", "--kernel", str(KERNEL)], "no room for kernel hashes"),
    "no such file": (["missing.fd", "--mode", "sev"], "no such file"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_request_is_one_line_and_exit_code_2(name: str, capsys: Any) -> None:
    words, why = WRONG[name]
    refused(["launch", *words], why, capsys)


def test_several_vcpus_need_an_address_to_start_at(tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "image.fd"
    path.write_bytes(build(change={RESET: bytes(4)}))
    words = ["launch", str(path), "--mode", "seves", "--vcpu-type", "EPYC", "--vcpus"]
    assert main([*words, "1"]) == 0
    capsys.readouterr()
    refused([*words, "2"], "address 0, but 2 vCPUs need one", capsys)


# --- the launch driver notices differences ---


@pytest.fixture
def plan() -> LegacyPlan:
    options = LaunchOptions(LaunchMode.SEV_ES, 2, 0x800F12)
    return plan_legacy_launch(AMDSEV.read_bytes(), options)


def disagreement(plan: LegacyPlan) -> str:
    with pytest.raises(Disagreement) as caught:
        legacy.launch_legacy(plan)
    return str(caught.value)


def test_progress_hears_of_every_update(plan: LegacyPlan) -> None:
    heard: list[int] = []
    legacy.launch_legacy(plan, heard.append)
    assert heard == [1, 2, 3]


def test_other_digest_is_a_disagreement(plan: LegacyPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(legacy, "legacy_digest", lambda *_: 0)
    assert disagreement(plan).startswith(f"LAUNCH_MEASURE: launch digest: the specification has {'00' * 32}, the ")


def test_other_measurement_is_a_disagreement(plan: LegacyPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch_measure, "MEASURE_CONTEXT", 5)
    assert disagreement(plan).startswith("LAUNCH_MEASURE: measurement: the specification has ")


def test_other_content_is_a_disagreement(plan: LegacyPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    write = PhysicalMemory.write

    def corrupted(memory: PhysicalMemory, spa: int, data: bytes, asid: int) -> None:
        write(memory, spa, b"\xa5" + data[1:] if asid else data, asid)

    monkeypatch.setattr(PhysicalMemory, "write", corrupted)
    assert disagreement(plan).startswith("launch of 0x40000000 (firmware image): content: ")


def test_content_left_unencrypted_is_a_disagreement(plan: LegacyPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PhysicalMemory, "write", lambda memory, spa, data, _: memory.write_raw(spa, data))
    monkeypatch.setattr(PhysicalMemory, "read", lambda memory, spa, length, _: memory.read_raw(spa, length))
    assert disagreement(plan).startswith("launch of 0x40000000 (firmware image): content: ")


def test_refused_command_is_a_failed_step(plan: LegacyPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch_update, "BLOCK_BYTES", 1 << 40)
    with pytest.raises(StepFailed, match=r"^LAUNCH_UPDATE_DATA: INVALID_ADDRESS \(alignment\)$"):
        legacy.launch_legacy(plan)


@pytest.mark.parametrize("json_option", [[], ["--json"]])
def test_disagreement_is_exit_code_1(json_option: list[str], monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    def differ(*_: object, **__: object) -> Callable[..., object]:
        raise Disagreement("LAUNCH_MEASURE", "launch digest", "one", "another")

    monkeypatch.setattr("sevspec.commands.launch.launch_legacy", differ)
    assert main(["launch", str(AMDSEV), "--mode", "sev", *json_option]) == 1
    out = capsys.readouterr().out
    said = "LAUNCH_MEASURE: launch digest: the specification has one, the machine another"
    if json_option:
        assert json.loads(out)["failed"] == said
    else:
        assert out == f"FAILED  {said}\n"
