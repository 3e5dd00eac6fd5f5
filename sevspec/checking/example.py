"""The example firmware image, launched on the specification and on the machine, against a recorded measurement."""

import json
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from impl.hypervisor.options import LaunchMode
from impl.hypervisor.vmsa import Vmm
from sevspec.checking.part import Finding, Part
from sevspec.launch.drive import Launched, launch
from sevspec.launch.request import Prepared, Request, prepare
from sevspec.launch.twins import Disagreement, StepFailed
from sevspec.source import ROOT

FOLDER = ROOT / "examples" / "firmware"
EXPECTED = FOLDER / "expected.json"
NAME = "launch of the example image"


@dataclass(frozen=True)
class Example:
    """One recorded launch and what came of it."""

    part: Part
    prepared: Prepared | None = None
    launched: Launched | None = None


def launch_examples() -> list[Example]:
    """Every launch of `expected.json`."""
    if not EXPECTED.is_file():
        return [Example(Part(NAME, Finding.NOT_HERE, "examples/firmware is part of the source tree only"))]
    recorded = json.loads(EXPECTED.read_text(encoding="utf-8"))
    return [launch_example(one, recorded["source"]) for one in recorded["launches"]]


def launch_example(recorded: dict[str, Any], source: str) -> Example:
    """One launch."""
    name = f"{NAME}: {recorded['firmware']}, {recorded['vcpus']} vCPU {recorded['vcpu_type']}"
    begun = perf_counter()
    prepared = prepare(
        Request(
            firmware=FOLDER / recorded["firmware"],
            mode=LaunchMode(recorded["mode"]),
            vcpus=recorded["vcpus"],
            vcpu_type=recorded["vcpu_type"],
            guest_features=recorded["guest_features"],
            vmm_type=Vmm(recorded["vmm_type"]),
        )
    )
    try:
        launched = launch(prepared.plan, prepared.regions)
    except (Disagreement, StepFailed) as failure:
        return Example(Part(name, Finding.FAILS, str(failure), perf_counter() - begun), prepared)
    seconds = perf_counter() - begun
    found, wanted = launched.measurement.hex(), recorded["measurement"]
    if found != wanted:
        return Example(Part(name, Finding.FAILS, f"{found} is not {wanted} ({source})", seconds), prepared, launched)
    steps = sum(launched.taken.values())
    detail = f"{len(prepared.plan.pages)} pages, {steps} steps, both sides agree; measurement as {source} has it"
    return Example(Part(name, Finding.HOLDS, detail, seconds), prepared, launched)
