"""A launch as tables for people and as a document for machines."""

import base64
from pathlib import Path
from typing import Any

from impl.hypervisor.legacy_plan import LegacyPlan
from impl.hypervisor.plan import LaunchPlan
from sevspec.launch.drive import Launched
from sevspec.launch.life import Row, rows
from sevspec.refused import Refused
from sevspec.topic import Table

SCHEMA = 1


def life_table(launched: Launched) -> Table:
    """The pages by region and type, with the states that each had."""
    found = rows(launched.lives)
    columns = ("Region", "Page type", "Pages", "State before → after", "By")
    cells = [(r.life.region, r.life.page_type, str(r.pages), r.story, ", ".join(r.life.steps)) for r in found]
    return Table("the life of the image", columns, cells)


def step_table(launched: Launched) -> Table:
    """Every transition taken, with its result on both sides."""
    cells = [(name, result, str(times)) for (name, result), times in launched.taken.items()]
    return Table("transitions taken, on the specification and on the machine", ("Transition", "Result", "Times"), cells)


def summary(launched: Launched, plan: LaunchPlan) -> str:
    """One line of totals."""
    steps = sum(launched.taken.values())
    spent = ", ".join(f"{side} {seconds:.2f} s" for side, seconds in launched.seconds.items())
    return f"{len(plan.pages)} pages, {steps} steps; specification and machine agree after each ({spent})"


def document(launched: Launched, plan: LaunchPlan, notes: tuple[str, ...]) -> dict[str, Any]:
    """Everything, for machines; the measurement is hexadecimal whatever `--output-format` says."""
    return {
        "schema": SCHEMA,
        "measurement": launched.measurement.hex(),
        "pages": len(plan.pages),
        "mode": plan.mode.value,
        "vcpus": len(plan.vmsas),
        "guest_features": plan.guest_features,
        "regions": [as_data(row) for row in rows(launched.lives)],
        "transitions": [
            {"transition": name, "result": result, "times": times} for (name, result), times in launched.taken.items()
        ],
        "seconds": {side: round(seconds, 6) for side, seconds in launched.seconds.items()},
        "notes": list(notes),
    }


def as_data(row: Row) -> dict[str, Any]:
    """One row of the life table."""
    return {
        "region": row.life.region,
        "page_type": row.life.page_type or None,
        "pages": row.pages,
        "states": list(row.life.states),
        "steps": list(row.life.steps),
    }


def spelled(measurement: bytes, output_format: str) -> str:
    """The measurement in hexadecimal or base64."""
    return measurement.hex() if output_format == "hex" else base64.b64encode(measurement).decode()


def dump_vmsas(plan: LaunchPlan | LegacyPlan, folder: Path) -> None:
    """Each measured VMSA as `vmsa<N>.bin`."""
    for position, page in enumerate(plan.vmsas):
        path = folder / f"vmsa{position}.bin"
        try:
            path.write_bytes(page)
        except OSError as error:
            raise Refused(f"--dump-vmsa: cannot write {path.name}: {error.strerror}") from error
