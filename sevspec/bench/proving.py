"""`sevspec prove` in a process of its own, nothing cached: wall time, time per obligation, memory."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from time import perf_counter

PROVE = "from sevspec.cli import main; raise SystemExit(main(['prove', '--no-cache', '--json']))"


@dataclass(frozen=True)
class Proving:
    """One cold run."""

    obligations: int
    proved: int
    seconds: float
    """Wall, start of the interpreter included."""
    solving: float
    """Summed over the processes."""
    peak_kib: int
    """Of the largest process."""


def prove_cold() -> Proving:
    """Prove everything once."""
    begun = perf_counter()
    with subprocess.Popen([sys.executable, "-c", PROVE], stdout=subprocess.PIPE) as running:  # noqa: S603 - a fixed command
        assert running.stdout is not None
        printed = running.stdout.read()
        _, _, usage = os.wait4(running.pid, 0)
        running.returncode = 0
    seconds = perf_counter() - begun
    document = json.loads(printed)
    solving = sum(one["seconds"] for one in document["list"])
    return Proving(document["obligations"], document["proved"], seconds, solving, usage.ru_maxrss)
