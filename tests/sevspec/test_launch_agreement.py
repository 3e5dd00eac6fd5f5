"""The launch driver notices every kind of difference between specification and machine, and says where."""

from collections.abc import Callable
from dataclasses import replace as changed
from typing import Any

import pytest

from impl.firmware.launch_digest import PageInfo
from impl.hypervisor.options import LaunchOptions
from impl.hypervisor.pages import LaunchPage
from impl.hypervisor.plan import LaunchPlan, plan_launch
from impl.memory.physical import PhysicalMemory
from impl.rmp.layout import RmpEntry
from sevspec.cli import main
from sevspec.launch import platform, steps
from sevspec.launch.drive import launch
from sevspec.launch.twins import Disagreement, StepFailed, Twins
from sevspec.source import ROOT
from spec.firmware.initial_table import initial_table
from spec.vocabulary import LaunchPageType, Status

IMAGE = ROOT / "tests" / "data" / "measure" / "ovmf_AmdSev_suffix.bin"


@pytest.fixture
def plan() -> LaunchPlan:
    return plan_launch(IMAGE.read_bytes(), LaunchOptions(vcpus=1, signature=0x800F12))


def disagreement(plan: LaunchPlan) -> str:
    with pytest.raises(Disagreement) as caught:
        launch(plan)
    return str(caught.value)


def test_table_is_the_initial_table_of_the_specification() -> None:
    memory = platform.memory_map(Twins())
    ours, given = platform.table(memory), initial_table(memory)
    pages = (0, 1, 0x9F, 0xA0, 0xC0, 0x100, 0x101, 0x1FF, 0x200, 0x1000, 0x11FF, 0x1200, 0x40000, 0xF0000, 0x180000)
    assert [ours[page] for page in pages] == [given[page] for page in pages]


def test_progress_hears_of_every_page(plan: LaunchPlan) -> None:
    heard: list[int] = []
    launch(plan, progress=heard.append)
    assert heard == list(range(1, len(plan.pages) + 1))


def test_permissions_of_lower_levels_are_launched_alike(plan: LaunchPlan) -> None:
    pages = tuple(changed(page, vmpl1_perms=3, vmpl2_perms=5, vmpl3_perms=0x1F) for page in plan.pages)
    assert launch(changed(plan, pages=pages)).measurement != launch(plan).measurement


def test_cpuid_page_that_is_malformed_is_refused_by_both(plan: LaunchPlan) -> None:
    bad = LaunchPage(0x900000, LaunchPageType.CPUID, (65).to_bytes(4, "little").ljust(4096, b"\0"))
    with pytest.raises(StepFailed, match=r"SNP_LAUNCH_UPDATE of .*\(CPUID, guest page 0x900000\): INVALID_PARAM"):
        launch(changed(plan, pages=(bad,)))


def test_other_result_is_a_disagreement(plan: LaunchPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Twins, "command", lambda *_: Status.INVALID_ADDRESS)
    said = disagreement(plan)
    assert said.startswith("SNP_INIT: result (initialised): the specification has ")
    assert "INVALID_ADDRESS" not in said.split("the machine")[0]


def test_other_entry_is_a_disagreement(plan: LaunchPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    pack = RmpEntry.pack
    monkeypatch.setattr(RmpEntry, "pack", lambda e: pack(changed(e, perms=(1, *e.perms[1:])) if e.validated else e))
    said = disagreement(plan)
    assert said.startswith(
        "SNP_LAUNCH_UPDATE: RMP entry of page 0x40000000: the specification has RmpEntry(assigned=True"
    )


def test_other_state_is_a_disagreement(plan: LaunchPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    pack = RmpEntry.pack
    monkeypatch.setattr(RmpEntry, "pack", lambda e: pack(changed(e, immutable=True) if e.validated else e))
    said = disagreement(plan)
    assert said.endswith("state of page 0x40000000: the specification has GUEST_VALID, the machine PRE_SWAP")


def test_other_digest_is_a_disagreement(plan: LaunchPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    pack = PageInfo.pack
    monkeypatch.setattr(PageInfo, "pack", lambda info: pack(info)[:-1] + b"\1")
    assert disagreement(plan).startswith("SNP_LAUNCH_UPDATE of 0x40000000: launch digest: the specification has ")


def test_other_content_is_a_disagreement(plan: LaunchPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    write = PhysicalMemory.write

    def corrupted(memory: PhysicalMemory, spa: int, data: bytes, asid: int) -> None:
        write(memory, spa, b"\xa5" + data[1:] if asid else data, asid)

    monkeypatch.setattr(PhysicalMemory, "write", corrupted)
    assert disagreement(plan).startswith("SNP_LAUNCH_UPDATE of 0x40000000: content: ")


def test_forgotten_counter_is_a_disagreement(plan: LaunchPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    finish = steps.finish

    def finished(twins: Twins) -> None:
        twins.machine.rmp.store_counter(7, 1)
        finish(twins)

    monkeypatch.setattr(steps, "finish", finished)
    expected = "SNP_LAUNCH_FINISH: page counter of ASID 7: the specification has 0, the machine 1"
    assert disagreement(plan) == expected


@pytest.mark.parametrize("json", [[], ["--json"]])
def test_disagreement_is_exit_code_1(json: list[str], monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    def differ(*_: object, **__: object) -> Callable[..., object]:
        raise Disagreement("RMPUPDATE of 0x1000", "result", "SUCCESS", "FAIL_INUSE")

    monkeypatch.setattr("sevspec.commands.launch.perform", differ)
    assert main(["launch", str(IMAGE), "--vcpus", "1", "--vcpu-type", "EPYC", *json]) == 1
    out = capsys.readouterr().out
    assert "RMPUPDATE of 0x1000: result: the specification has SUCCESS, the machine FAIL_INUSE" in out
    assert out.startswith("{" if json else "FAILED  ")
