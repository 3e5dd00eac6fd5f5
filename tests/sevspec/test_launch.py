"""`sevspec launch` through the command line: recorded launches, a grid against sev-snp-measure, and how it ends."""

import base64
import itertools
import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sevsnpmeasure import guest, vcpu_types
from sevsnpmeasure.sev_mode import SevMode
from sevsnpmeasure.vmm_types import VMMType

from sevspec.cli import main
from sevspec.source import ROOT
from tests.impl.hypervisor.conftest import DEFAULT_SECTIONS, FOOTER, METADATA, RESET, build

MEASURE = ROOT / "tests" / "data" / "measure"
OVMF = ROOT / "examples" / "firmware" / "debian-OVMF.fd"
AMDSEV, OVMFX64 = MEASURE / "ovmf_AmdSev_suffix.bin", MEASURE / "ovmf_OvmfX64_suffix.bin"
SVSM, SVSM_OVMF = MEASURE / "svsm.bin", MEASURE / "svsm_ovmf.fd"
KERNEL, INITRD = MEASURE / "tiny-kernel.bin", MEASURE / "tiny-initrd.cpio"
CASES = json.loads((MEASURE / "cases.json").read_text())
ONE = ("--vcpus", "1", "--vcpu-type", "EPYC-v4")


def measured(words: list[str], capsys: Any) -> dict[str, Any]:
    """The JSON of a launch that holds."""
    assert main(["launch", *words, "--json"]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def image(name: str) -> str:
    return str(OVMF if name == OVMF.name else MEASURE / name)


@pytest.mark.parametrize("case", CASES["cases"], ids=lambda case: f"{case['mode']}-{case['firmware']}-{case['vcpus']}")
def test_recorded_launch_has_its_digest(case: dict[str, Any], capsys: Any) -> None:
    words = [image(case["firmware"]), "--mode", case["mode"], "--vcpus", str(case["vcpus"])]
    words += ["--vcpu-type", case["vcpu_type"], "--vmm-type", case["vmm"]]
    words += ["--guest-features", hex(case["guest_features"])]
    if "kernel" in case:
        kernel = CASES["kernels"][case["kernel"]]
        words += ["--kernel", image(kernel["kernel"]), "--initrd", image(kernel["initrd"])]
        words += ["--append", kernel["cmdline"]]
    if "svsm" in case:
        words += ["--svsm", image(case["svsm"]), "--vars-size", str(case["vars_size"])]

    document = measured(words, capsys)

    assert document["schema"] == 1
    assert document["measurement"] == case["digest"]
    assert document["vcpus"] == case["vcpus"]
    assert document["pages"] == sum(r["pages"] for r in document["regions"] if r["region"] != "guest context")


# --- the grid ---


@dataclass(frozen=True)
class Combo:
    """One launch, in the words of both tools."""

    image: Path
    vcpus: int
    cpu: str | None
    features: int
    vmm: str
    kernel: tuple[Path, Path | None, str | None] | None = None
    ovmf_hash: str = ""
    svsm: Path | None = None
    vars_size: int = 0

    def __str__(self) -> str:
        extra = [name for name in ("kernel", "ovmf_hash", "svsm") if getattr(self, name)]
        return "-".join([self.image.stem, str(self.vcpus), str(self.cpu), f"{self.features:x}", self.vmm, *extra])

    def words(self, position: int) -> list[str]:
        """The options; the signature is given by name, number or family in turn."""
        words = [str(self.image), "--vcpus", str(self.vcpus), "--guest-features", hex(self.features)]
        words += ["--vmm-type", self.vmm, "--mode", "snp:svsm" if self.svsm else "snp"]
        if self.cpu is not None:
            words += signature_words(self.cpu, position)
        if self.kernel is not None:
            kernel, initrd, append = self.kernel
            words += ["--kernel", str(kernel)] + ([] if initrd is None else ["--initrd", str(initrd)])
            words += [] if append is None else ["--append", append]
        if self.ovmf_hash:
            words += ["--snp-ovmf-hash", self.ovmf_hash]
        if self.svsm is not None:
            words += ["--svsm", str(self.svsm), "--vars-size", str(self.vars_size)]
        return words

    def oracle(self) -> str:
        """The digest by sev-snp-measure."""
        kernel, initrd, append = self.kernel or (None, None, None)
        signature = vcpu_types.CPU_SIGS[self.cpu] if self.cpu else None
        digest: bytes = guest.calc_launch_digest(
            SevMode.SEV_SNP_SVSM if self.svsm else SevMode.SEV_SNP, self.vcpus, signature, str(self.image),
            str(kernel) if kernel else None, str(initrd) if initrd else None, append, self.features, self.ovmf_hash,
            VMMType[self.vmm], False, str(self.svsm) if self.svsm else None, self.vars_size,
        )  # fmt: skip
        return digest.hex()


def signature_words(cpu: str, position: int) -> list[str]:
    signature = vcpu_types.CPU_SIGS[cpu]
    family = (signature >> 8 & 0xF) + (signature >> 20 & 0xFF)
    model, stepping = signature >> 12 & 0xF0 | signature >> 4 & 0xF, signature & 0xF
    numbers = ["--vcpu-family", str(family), "--vcpu-model", str(model), "--vcpu-stepping", str(stepping)]
    return (["--vcpu-type", cpu], ["--vcpu-sig", hex(signature)], numbers)[position % 3]


def grid() -> list[Combo]:
    cpus = itertools.cycle(("EPYC", "EPYC-v4", "EPYC-Rome", "EPYC-Milan-v2", "EPYC-Genoa", "EPYC-Turin"))
    features = itertools.cycle((0x1, 0x21, 0x3F, 0x201, 0x1FFFF, 0x4001, (1 << 64) - 1))
    vmms = ("QEMU", "ec2", "gce")
    combos = [
        Combo(image, vcpus, next(cpus), next(features), vmm)
        for vcpus, image, vmm in itertools.product((1, 2, 3, 8), (AMDSEV, OVMFX64), vmms)
    ]
    kernels = ((KERNEL, None, None), (KERNEL, INITRD, "console=ttyS0 é"), (KERNEL, INITRD, ""))
    combos += [
        Combo(AMDSEV, vcpus, next(cpus), next(features), vmm, kernel)
        for vcpus, vmm, kernel in itertools.product((1, 4), vmms, kernels)
    ]
    combos += [Combo(AMDSEV, 2, None, next(features), vmm) for vmm in ("ec2", "gce")]
    combos += [
        Combo(image, 2, next(cpus), next(features), vmm, ovmf_hash=bytes(range(48)).hex())
        for image, vmm in itertools.product((AMDSEV, OVMF), vmms)
    ]
    combos += [Combo(OVMF, 3, "EPYC-Rome", 0x21, "ec2"), Combo(OVMF, 16, "EPYC-Turin", 0x1, "gce")]
    combos += [Combo(SVSM_OVMF, 2, "EPYC-Genoa", 1, "QEMU", svsm=SVSM, vars_size=0x1000)]
    return combos


GRID = grid()


def test_grid_has_more_than_40_launches() -> None:
    assert len(set(GRID)) == len(GRID) > 40


@pytest.mark.parametrize("position", range(len(GRID)), ids=lambda position: f"{position}-{GRID[position]}")
def test_launch_has_the_digest_of_sev_snp_measure(position: int, capsys: Any) -> None:
    combo = GRID[position]
    assert measured(combo.words(position), capsys)["measurement"] == combo.oracle()


@pytest.mark.parametrize("path", [AMDSEV, OVMF], ids=lambda path: path.stem)
def test_ovmf_hash_is_that_of_sev_snp_measure_and_stands_in_for_the_image(path: Path, capsys: Any) -> None:
    alone = measured([str(path), "--mode", "snp:ovmf-hash"], capsys)["measurement"]
    assert alone == guest.calc_snp_ovmf_hash(str(path)).hex()
    whole, seeded = measured([str(path), *ONE], capsys), measured([str(path), *ONE, "--snp-ovmf-hash", alone], capsys)
    assert whole["measurement"] == seeded["measurement"]
    assert whole["pages"] - seeded["pages"] == path.stat().st_size // 4096
    assert seeded["notes"] == ["the digest given with --snp-ovmf-hash stands in for the pages of the firmware image"]


# --- what is printed ---


def test_document_tells_the_life_of_the_image(capsys: Any) -> None:
    document = measured([str(OVMF), *ONE], capsys)
    lives = {(r["region"], r["page_type"]): (r["pages"], tuple(r["states"])) for r in document["regions"]}
    loaded = ("HYPERVISOR", "PRE_GUEST", "GUEST_VALID")
    assert lives == {
        ("guest context", None): (1, ("HYPERVISOR", "FIRMWARE", "CONTEXT")),
        ("firmware image", "NORMAL"): (512, loaded),
        ("SEC_MEM", "ZERO"): (29, loaded),
        ("SECRETS", "SECRETS"): (1, loaded),
        ("CPUID", "CPUID"): (1, loaded),
        ("VMSA", "VMSA"): (1, loaded),
    }
    times = {(t["transition"], t["result"]): t["times"] for t in document["transitions"]}
    assert times["launch_update", "SUCCESS"] == document["pages"] == 544
    assert times["rmpupdate", "SUCCESS"] == 545
    assert times["launch_finish", "SUCCESS"] == times["snp_init", "SUCCESS"] == 1


@pytest.mark.parametrize("spelling", ["hex", "base64"])
def test_last_line_is_the_measurement(spelling: str, capsys: Any) -> None:
    words = ["launch", str(AMDSEV), *ONE, "--output-format", spelling]
    digest = bytes.fromhex(Combo(AMDSEV, 1, "EPYC-v4", 1, "QEMU").oracle())
    assert main(words) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[-1] == (digest.hex() if spelling == "hex" else base64.b64encode(digest).decode())
    assert "PRE_GUEST → GUEST_VALID" in out
    assert err == ""


def test_option_without_effect_is_a_note(capsys: Any) -> None:
    words = ["launch", str(AMDSEV), "--mode", "snp:ovmf-hash", "--vcpus", "3", "--dump-vmsa"]
    assert main(words) == 0
    assert capsys.readouterr().err.splitlines() == [
        "note: --vcpus changes nothing in mode snp:ovmf-hash",
        "note: --dump-vmsa: mode snp:ovmf-hash launches no VMSA",
    ]


def test_dumped_vmsas_are_those_of_sev_snp_measure(tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    combo = Combo(AMDSEV, 3, "EPYC-Milan", 0x21, "QEMU")
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.mkdir()
    theirs.mkdir()
    monkeypatch.chdir(ours)
    measured([*combo.words(0), "--dump-vmsa"], capsys)
    monkeypatch.chdir(theirs)
    guest.calc_launch_digest(
        SevMode.SEV_SNP, 3, vcpu_types.CPU_SIGS["EPYC-Milan"], str(AMDSEV), None, None, None, 0x21, "",
        VMMType.QEMU, True,
    )  # fmt: skip
    names = [f"vmsa{number}.bin" for number in range(3)]
    assert [(ours / name).read_bytes() for name in names] == [(theirs / name).read_bytes() for name in names]


def test_vars_file_counts_by_its_size(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "vars.fd").write_bytes(bytes(0x1000))
    image = tmp_path / "image.fd"
    image.write_bytes(build())
    words = [str(image), *ONE, "--mode", "snp:svsm", "--svsm", str(image)]
    by_file = measured([*words, "--vars-file", str(tmp_path / "vars.fd")], capsys)
    assert by_file["measurement"] == measured([*words, "--vars-size", "4096"], capsys)["measurement"]
    assert by_file["measurement"] != measured([*words, "--vars-size", "8192"], capsys)["measurement"]


# --- what is refused ---

SECTION = (0x800000, 0x1000, 1)
OFFSET = struct.pack("<I", 0x10_0000)
MALFORMED: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "the image is empty"),
    "truncated": (OVMF.read_bytes()[:-1], "not a whole number of 4096-byte pages"),
    "without its end": (OVMF.read_bytes()[:-4096], "no OVMF footer"),
    "zeros": (bytes(4096), "no OVMF footer"),
    "too large": (bytes((16 << 20) + 4096), "the image is larger than 16 MiB"),
    "no SEV metadata": (build(change={METADATA: None}), "no SEV metadata entry"),
    "metadata outside": (build(change={METADATA: OFFSET}), "is not inside the image"),
    "another footer GUID": (build().replace(bytes.fromhex("de82b596"), bytes.fromhex("df82b596")), "no OVMF footer"),
    "no reset block": (build(change={RESET: None}), "no SEV-ES reset block entry"),
    "overlapping sections": (build([SECTION, (0x800000, 0x2000, 1)]), "overlaps"),
    "section on the image": (build([(0xFFFFF000, 0x1000, 1)]), "overlaps the firmware image"),
    "huge section": (build([(0, 0xFFFFF000, 1)]), "pages; at most"),
    "section beyond 4 GiB": (build([(0xFFFFE000, 0x10000, 1)]), "is above 4 GiB"),
    "unaligned section": (build([(0x800800, 0x1000, 1)]), "is not page-aligned"),
    "unknown section": (build([(0x800000, 0x1000, 9)]), "type 0x9 is unknown"),
    "no sections": (build([]), "0 sections"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_image_is_one_line_and_exit_code_2(name: str, tmp_path: Path, capsys: Any) -> None:
    content, why = MALFORMED[name]
    path = tmp_path / "image.fd"
    path.write_bytes(content)
    refused(["launch", str(path), *ONE], why, capsys)


WRONG: dict[str, tuple[list[str], str]] = {
    "a directory": ([str(MEASURE), *ONE], "is a directory"),
    "no such file": ([str(MEASURE / "missing.fd"), *ONE], "no such file"),
    "no number of vCPUs": ([str(AMDSEV), "--vcpu-type", "EPYC"], "needs a number of vCPUs"),
    "no vCPUs": ([str(AMDSEV), "--vcpus", "0", "--vcpu-type", "EPYC"], "vcpus: 0 is not in 1..4096"),
    "no vCPU type": ([str(AMDSEV), "--vcpus", "1"], "give a vCPU type or signature"),
    "unknown vCPU type": ([str(AMDSEV), "--vcpus", "1", "--vcpu-type", "EPYC-Naples"], "is unknown; known are"),
    "half a family": ([str(AMDSEV), "--vcpus", "1", "--vcpu-family", "23"], "must be given together"),
    "no number": ([str(AMDSEV), "--vcpus", "1", "--vcpu-sig", "0xx"], "--vcpu-sig: '0xx' is not a number"),
    "wide features": ([str(AMDSEV), *ONE, "--guest-features", hex(1 << 64)], "does not fit 64 bits"),
    "no hexadecimal": ([str(AMDSEV), *ONE, "--snp-ovmf-hash", "q"], "is not hexadecimal"),
    "short digest": ([str(AMDSEV), *ONE, "--snp-ovmf-hash", "00"], "1 bytes; a launch digest has 48"),
    "initrd alone": ([str(AMDSEV), *ONE, "--initrd", str(INITRD)], "they need a kernel"),
    "kernel without room": ([str(OVMFX64), *ONE, "--kernel", str(KERNEL)], "0 KERNEL_HASHES sections"),
    "SVSM mode alone": ([str(SVSM_OVMF), *ONE, "--mode", "snp:svsm"], "needs an SVSM image"),
    "two variable stores": ([str(AMDSEV), *ONE, "--vars-size", "0", "--vars-file", "x"], "not both"),
    "unknown mode": ([str(AMDSEV), *ONE, "--mode", "tdx"], "--mode"),
    "unknown VMM": ([str(AMDSEV), *ONE, "--vmm-type", "xen"], "--vmm-type"),
    "no firmware": (["--vcpus", "1"], "Missing argument 'firmware'"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_request_is_one_line_and_exit_code_2(name: str, capsys: Any) -> None:
    words, why = WRONG[name]
    refused(["launch", *words], why, capsys)


def refused(words: list[str], why: str, capsys: Any) -> None:
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert why in err
    assert "Traceback" not in err


def test_builder_makes_what_the_command_launches(tmp_path: Path, capsys: Any) -> None:
    """The malformed images above are refused for what is wrong with them, not for how they are built."""
    path = tmp_path / "image.fd"
    path.write_bytes(build())
    assert measured([str(path), *ONE], capsys)["pages"] == 1 + sum(size for _, size, _ in DEFAULT_SECTIONS) // 4096 + 1
    assert FOOTER.startswith("96b582de")
