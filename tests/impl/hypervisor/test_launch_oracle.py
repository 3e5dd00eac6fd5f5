"""Every plan against sev-snp-measure: the digest of each combination, its VMSA dumps, and what it refuses too."""

import itertools
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from sevsnpmeasure import guest, vcpu_types
from sevsnpmeasure.sev_mode import SevMode
from sevsnpmeasure.vmm_types import VMMType

from impl.hypervisor.cpu_types import CPU_TYPES, signature_of
from impl.hypervisor.errors import ImageError, OptionError
from impl.hypervisor.files import read_image
from impl.hypervisor.kernel_hashes import hash_kernel_files
from impl.hypervisor.options import LaunchMode, LaunchOptions
from impl.hypervisor.plan import LaunchPlan, plan_launch
from impl.hypervisor.vmsa import Vmm

AMDSEV, OVMFX64 = "ovmf_AmdSev_suffix.bin", "ovmf_OvmfX64_suffix.bin"
KERNEL, INITRD = "tiny-kernel.bin", "tiny-initrd.cpio"
TYPES = ("EPYC", "EPYC-v4", "EPYC-Rome", "EPYC-Milan", "EPYC-Genoa", "EPYC-Turin")
FEATURES = (0x1, 0x21, 0x3F, 0x1 | 1 << 9, 0x1FFFF, (1 << 64) - 1)
Find = Callable[[str], Path]
Fold = Callable[..., str]


@dataclass(frozen=True)
class Combo:
    """One launch, in words that both sides understand."""

    image: str | Path
    vcpus: int = 1
    cpu: str | None = "EPYC-v4"
    features: int = 1
    vmm: Vmm = Vmm.QEMU
    kernel: str | None = None
    initrd: str | None = None
    append: str | None = None
    ovmf_hash: str = ""
    svsm: str | Path | None = None
    vars_size: int = 0

    def oracle(self, find: Find, dump: bool = False) -> str:
        def path(name: str | Path | None) -> str | None:
            return None if name is None else str(find(name) if isinstance(name, str) else name)

        digest: bytes = guest.calc_launch_digest(
            SevMode.SEV_SNP_SVSM if self.svsm else SevMode.SEV_SNP,
            self.vcpus,
            vcpu_types.CPU_SIGS[self.cpu] if self.cpu else None,
            path(self.image),
            path(self.kernel),
            path(self.initrd),
            self.append,
            self.features,
            self.ovmf_hash,
            VMMType[self.vmm.value],
            dump,
            path(self.svsm),
            self.vars_size,
        )
        return digest.hex()

    def plan(self, find: Find) -> LaunchPlan:
        def path(name: str | Path | None) -> Path | None:
            return find(name) if isinstance(name, str) else name

        image, svsm = path(self.image), path(self.svsm)
        assert image is not None
        options = LaunchOptions(
            mode=LaunchMode.SNP_SVSM if self.svsm else LaunchMode.SNP,
            vcpus=self.vcpus,
            signature=CPU_TYPES[self.cpu] if self.cpu else None,
            guest_features=self.features,
            vmm=self.vmm,
            kernel=hash_kernel_files(path(self.kernel), path(self.initrd), self.append),
            svsm=read_image(svsm, "SVSM") if svsm else None,
            vars_size=self.vars_size if self.svsm else None,
            ovmf_hash=bytes.fromhex(self.ovmf_hash) if self.ovmf_hash else None,
        )
        return plan_launch(read_image(image, "firmware"), options)


def grid() -> list[Combo]:
    cpus, features = itertools.cycle(TYPES), itertools.cycle(FEATURES)
    combos = [
        Combo(image, vcpus, next(cpus), next(features), vmm)
        for vcpus, image, vmm in itertools.product(range(1, 9), (AMDSEV, OVMFX64), Vmm)
    ]
    combos += [Combo("debian-OVMF.fd", vcpus, next(cpus), 1, vmm) for vcpus, vmm in itertools.product((1, 4), Vmm)]
    combos += [
        Combo(AMDSEV, vcpus, next(cpus), next(features), vmm, KERNEL, initrd, append)
        for vmm, vcpus, initrd, append in itertools.product(Vmm, (1, 3), (None, INITRD), (None, "", "console=ttyS0 é"))
    ]
    combos += [Combo(AMDSEV, 2, None, 1, vmm) for vmm in (Vmm.EC2, Vmm.GCE)]
    combos += [
        Combo(image, vcpus, next(cpus), next(features), vmm, ovmf_hash=bytes(range(vcpus, vcpus + 48)).hex())
        for vcpus, image, vmm in itertools.product((1, 5), (AMDSEV, "debian-OVMF.fd"), Vmm)
    ]
    combos += [
        Combo("svsm_ovmf.fd", vcpus, next(cpus), next(features), svsm="svsm.bin", vars_size=vars_size)
        for vcpus, vars_size in itertools.product((1, 2, 4, 8), (540672, 0, 0x1000))
    ]
    combos += [Combo("svsm_ovmf.fd", 2, svsm="svsm.bin", vars_size=540672, kernel=KERNEL, append="quiet")]
    return combos


def label(combo: Combo) -> str:
    parts = (combo.image, combo.vcpus, combo.cpu, f"{combo.features:x}", combo.vmm.value, combo.initrd, combo.append)
    return "-".join(str(part) for part in parts if part).replace(" ", "_").encode("ascii", "ignore").decode()


@pytest.mark.parametrize("combo", grid(), ids=label)
def test_plan_has_the_digest_and_the_vmsas_of_the_oracle(
    combo: Combo, find_image: Find, launch_digest: Fold, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    plan = combo.plan(find_image)

    assert launch_digest(plan.pages, plan.initial_digest) == combo.oracle(find_image, dump=True)
    assert plan.vmsas == tuple((tmp_path / f"vmsa{index}.bin").read_bytes() for index in range(combo.vcpus))


@pytest.mark.parametrize("name", ["debian-OVMF.fd", "svsm_ovmf.fd", AMDSEV, OVMFX64])
def test_ovmf_hash_is_that_of_the_oracle_and_stands_in_for_the_image(
    name: str, find_image: Find, launch_digest: Fold
) -> None:
    alone = plan_launch(find_image(name).read_bytes(), LaunchOptions(LaunchMode.SNP_OVMF_HASH))
    digest = launch_digest(alone.pages, alone.initial_digest)
    whole, shortened = Combo(name), Combo(name, ovmf_hash=digest)

    plan = shortened.plan(find_image)

    assert digest == guest.calc_snp_ovmf_hash(str(find_image(name))).hex()
    assert plan.initial_digest == bytes.fromhex(digest)
    assert launch_digest(plan.pages, plan.initial_digest) == whole.oracle(find_image)


def test_cpu_types_are_those_of_the_oracle() -> None:
    assert CPU_TYPES == vcpu_types.CPU_SIGS


@pytest.mark.parametrize("family", [0, 6, 15, 16, 23, 25, 26, 0x10E])
def test_signature_is_that_of_the_oracle(family: int) -> None:
    for model, stepping in itertools.product((0, 1, 17, 49, 0xFF), (0, 1, 15)):
        assert signature_of(family, model, stepping) == vcpu_types.cpu_sig(family, model, stepping)


GUIDS = {
    "footer": "96b582de-1fb2-45f7-baea-a366c55a082d",
    "reset": "00f771de-1a7e-4fcb-890e-68c77e2fb44e",
    "metadata": "dc886566-984a-4798-a75e-5585a7bf67cc",
    "hashes": "7255371f-3a3b-4b04-927b-1da6efa8d454",
}
BASE = Combo(AMDSEV)
REFUSED: dict[str, tuple[Combo, dict[str, Any] | bytes | None, type[ValueError], str]] = {
    "kernel without a hash page": (
        replace(BASE, image=OVMFX64, kernel=KERNEL), None, ImageError,
        "firmware: SEV metadata: 0 KERNEL_HASHES sections; a kernel needs one",
    ),
    "SVSM on EC2": (
        Combo("svsm_ovmf.fd", vmm=Vmm.EC2, svsm="svsm.bin"), None, OptionError,
        "vmm type: mode snp:svsm is known for QEMU only, not for ec2",
    ),
    "SVSM with a firmware hash": (
        Combo("svsm_ovmf.fd", svsm="svsm.bin", ovmf_hash="00" * 48), None, OptionError,
        "ovmf hash: it stands in for the firmware in mode snp only",
    ),
    "a firmware as SVSM": (
        Combo("svsm_ovmf.fd", svsm=AMDSEV), None, ImageError,
        "SVSM: footer table: no SVSM info entry (a789a612-0597-4c4b-a49f-cbb1fe9d1ddd)",
    ),
    "a short firmware hash": (
        replace(BASE, ovmf_hash="00" * 47), None, OptionError, "ovmf hash: 47 bytes; a launch digest has 48",
    ),
    "no reset block": (
        BASE, {"change": {GUIDS["reset"]: None}}, ImageError,
        f"firmware: footer table: no SEV-ES reset block entry ({GUIDS['reset']})",
    ),
    "no start address for processors": (
        replace(BASE, vcpus=3), {"change": {GUIDS["reset"]: bytes(4)}}, ImageError,
        "firmware: footer table: SEV-ES reset block: address 0, but 3 vCPUs need one",
    ),
    "no footer": (
        BASE, bytes(4096), ImageError,
        f"firmware: no OVMF footer at 0xfd0: GUID {'0' * 8}-0000-0000-0000-{'0' * 12} is not {GUIDS['footer']}",
    ),
    "an unknown section": (
        BASE, {"sections": [(0, 0x1000, 7)]}, ImageError,
        "firmware: SEV metadata at 0x800: section 0: type 0x7 is unknown",
    ),
    "another version": (
        BASE, {"sections": (), "header": struct.pack("<4sIII", b"ASEV", 16, 2, 0)}, ImageError,
        "firmware: SEV metadata at 0x800: version 2 is not 1",
    ),
    "another signature": (
        BASE, {"sections": (), "header": struct.pack("<4sIII", b"asev", 16, 1, 0)}, ImageError,
        "firmware: SEV metadata at 0x800: signature 61736576 is not 41534556 ('ASEV')",
    ),
    "a section of half a page": (
        BASE, {"sections": [(0, 0x800, 1)]}, ImageError,
        "firmware: SEV metadata at 0x800: section 0 (SEC_MEM): base 0x0 or size 0x800 is not page-aligned",
    ),
    "an entry of size 0": (
        BASE, {"extra": struct.pack("<H16s", 0, bytes(16))}, ImageError,
        "firmware: footer table: entry 00000000-0000-0000-0000-000000000000: size 0 at 0xf60 is not in 18..18",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_oracle_refuses_is_refused(
    name: str, find_image: Find, build_image: Callable[..., bytes], tmp_path: Path
) -> None:
    combo, image, error, message = REFUSED[name]
    if image is not None:
        path = tmp_path / "image"
        path.write_bytes(image if isinstance(image, bytes) else build_image(**image))
        combo = replace(combo, image=path)

    with pytest.raises((RuntimeError, ValueError, AssertionError, AttributeError)):
        combo.oracle(find_image)
    with pytest.raises(error) as caught:
        combo.plan(find_image)

    assert type(caught.value) is error
    assert str(caught.value) == message


@pytest.mark.parametrize("content", [None, b"", b"x" * 4095], ids=["a directory", "empty", "not whole pages"])
def test_files_the_oracle_cannot_measure_are_refused(content: bytes | None, find_image: Find, tmp_path: Path) -> None:
    combo = Combo(tmp_path if content is None else tmp_path / "image")
    if content is not None:
        (tmp_path / "image").write_bytes(content)

    with pytest.raises((RuntimeError, ValueError, AssertionError, OSError)):
        combo.oracle(find_image)
    with pytest.raises(ImageError):
        combo.plan(find_image)
