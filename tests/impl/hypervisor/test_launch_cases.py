"""The recorded launches, and digests that real machines reported."""

import dataclasses
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from impl.hypervisor.kernel_hashes import hash_kernel_files
from impl.hypervisor.options import LaunchMode, LaunchOptions
from impl.hypervisor.plan import plan_launch
from impl.hypervisor.vmsa import Vmm
from impl.hypervisor.vmsa_layout import FIELDS
from spec.vocabulary import LaunchPageType

Find = Callable[[str], Path]
Fold = Callable[..., str]


@pytest.mark.parametrize("index", range(4))
def test_plan_of_a_recorded_launch_has_its_digest(
    index: int, cases: Any, find_image: Find, launch_digest: Fold
) -> None:
    case = cases["cases"][index]
    kernel = cases["kernels"].get(case.get("kernel"))
    options = LaunchOptions(
        mode=LaunchMode(case["mode"]),
        vcpus=case["vcpus"],
        signature=case["vcpu_sig"],
        guest_features=case["guest_features"],
        vmm=Vmm(case["vmm"]),
        kernel=kernel
        and hash_kernel_files(find_image(kernel["kernel"]), find_image(kernel["initrd"]), kernel["cmdline"]),
        svsm=find_image(case["svsm"]).read_bytes() if "svsm" in case else None,
        vars_size=case.get("vars_size"),
    )

    plan = plan_launch(find_image(case["firmware"]).read_bytes(), options)

    assert launch_digest(plan.pages, plan.initial_digest) == case["digest"]
    assert plan.mode.value == case["mode"]
    assert plan.initial_digest == bytes(48)


@pytest.mark.parametrize(
    "name", ["debian-OVMF.fd", "svsm_ovmf.fd", "ovmf_AmdSev_suffix.bin", "ovmf_OvmfX64_suffix.bin", "svsm.bin"]
)
def test_image_is_the_recorded_one(name: str, cases: Any, find_image: Find) -> None:
    recorded = cases["firmware"].get(name) or cases[name]

    assert hashlib.sha256(find_image(name).read_bytes()).hexdigest() == recorded["sha256"]


@pytest.mark.parametrize(
    ("vcpus", "digest"),
    [
        (4, "265aed64f2454253f6b19e49e17041ef052dedf964dd8d2740794a06aee3a720c475e3643a1b7e26b9efce7a107bf77f"),
        (2, "4ae03ca013690e956bc1eb16bc1c6465788dba64ad88a650db09216fa9cdddf06167bfce810eba8988108e71458dd68b"),
    ],
)
def test_svsm_plan_without_fpu_state_has_the_digest_of_a_real_launch(
    vcpus: int, digest: str, find_image: Find, launch_digest: Fold
) -> None:
    """virtee/sev-snp-measure, tests at commit 0a1396f: measured with these images on a KVM before KVM_SEV_INIT2."""
    options = LaunchOptions(
        LaunchMode.SNP_SVSM, vcpus, 0x800F12, svsm=find_image("svsm.bin").read_bytes(), vars_size=540672
    )
    plan = plan_launch(find_image("svsm_ovmf.fd").read_bytes(), options)
    mxcsr = FIELDS["mxcsr"]

    pages = [
        dataclasses.replace(page, content=page.content[: mxcsr.offset] + bytes(4) + page.content[mxcsr.offset + 4 :])
        if page.page_type is LaunchPageType.VMSA
        else page
        for page in plan.pages
    ]

    assert launch_digest(pages, plan.initial_digest) == digest


def test_two_mib_image_is_512_pages_that_end_at_4_gib(find_image: Find) -> None:
    plan = plan_launch(find_image("debian-OVMF.fd").read_bytes(), LaunchOptions(LaunchMode.SNP_OVMF_HASH))

    assert [page.gpa for page in plan.pages] == list(range(0xFFE0_0000, 0x1_0000_0000, 0x1000))
    assert {page.page_type for page in plan.pages} == {LaunchPageType.NORMAL}
