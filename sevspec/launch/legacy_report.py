"""The launch of an SEV or SEV-ES guest as tables for people and as a document for machines."""

from collections import Counter
from typing import Any

from impl.hypervisor.legacy_plan import ES_FEATURES, LegacyPlan
from sevspec.launch.legacy import LegacyLaunched
from sevspec.launch.report import SCHEMA
from sevspec.topic import Table


def region_rows(plan: LegacyPlan) -> list[dict[str, Any]]:
    """What was launched, by region: by which command, how often, how many bytes."""
    times, size = Counter[tuple[str, bool]](), Counter[tuple[str, bool]]()
    for update in plan.updates:
        times[update.region, update.is_vmsa] += 1
        size[update.region, update.is_vmsa] += len(update.content)
    return [
        {
            "region": region,
            "command": "LAUNCH_UPDATE_VMSA" if is_vmsa else "LAUNCH_UPDATE_DATA",
            "times": times[region, is_vmsa],
            "bytes": size[region, is_vmsa],
        }
        for region, is_vmsa in times
    ]


def tables(launched: LegacyLaunched, plan: LegacyPlan) -> tuple[Table, ...]:
    """What was launched, and the commands of the whole launch."""
    regions = [(row["region"], row["command"], str(row["times"]), str(row["bytes"])) for row in region_rows(plan)]
    commands = [(name, status, str(times)) for (name, status), times in launched.taken.items()]
    return (
        Table("what was launched", ("Region", "Command", "Times", "Bytes"), regions),
        Table("commands, on the machine", ("Command", "Status", "Times"), commands),
    )


def summary(launched: LegacyLaunched, plan: LegacyPlan) -> str:
    """One line of totals."""
    spent = ", ".join(f"{side} {seconds:.2f} s" for side, seconds in launched.seconds.items())
    size = sum(len(update.content) for update in plan.updates)
    return (
        f"{size} bytes in {len(plan.updates)} updates; the digest of the machine is that of the specification ({spent})"
    )


def document(launched: LegacyLaunched, plan: LegacyPlan, notes: tuple[str, ...]) -> dict[str, Any]:
    """Everything, for machines; the measurement is hexadecimal whatever `--output-format` says."""
    return {
        "schema": SCHEMA,
        "measurement": launched.measurement.hex(),
        "updates": len(plan.updates),
        "mode": plan.mode.value,
        "vcpus": len(plan.vmsas),
        "guest_features": ES_FEATURES,
        "regions": region_rows(plan),
        "transitions": [
            {"transition": name, "result": status, "times": times} for (name, status), times in launched.taken.items()
        ],
        "seconds": {side: round(seconds, 6) for side, seconds in launched.seconds.items()},
        "notes": list(notes),
    }
