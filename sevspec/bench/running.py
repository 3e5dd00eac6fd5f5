"""How fast guest code runs when every instruction is looked at first, and how many exits a second are served."""

from dataclasses import dataclass
from importlib.util import find_spec
from time import process_time

from impl.hypervisor.generation import Generation

ROUNDS, EXITS = 200_000, 1_000
LOOP = "48b80000200000000000 b9{count} 480318 488918 48ffc3 4831da ffc9 75f0 f4"
"""RAX is private memory; then, ECX times: a read, a write, three instructions between registers, a branch. HLT."""
PORT = "66ba8000 b9{count} ee ffc9 75fb f4"
"""ECX times an OUT to a port without a device, which is intercepted."""
IN_LOOP = 6


@dataclass(frozen=True)
class RunningRate:
    """Per second of processor time, under one generation."""

    generation: Generation
    instructions: float
    """Ordinary ones, each looked at."""
    exits: float
    """OUT, from one to the next."""


def running_rates() -> list[RunningRate] | None:
    """None where Unicorn is not installed."""
    if find_spec("unicorn") is None:
        return None
    return [
        RunningRate(
            generation, ROUNDS * IN_LOOP / seconds(generation, LOOP, ROUNDS), EXITS / seconds(generation, PORT, EXITS)
        )
        for generation in Generation
    ]


def seconds(generation: Generation, program: str, count: int) -> float:
    """Processor time from the first VMRUN to HLT, the guest's own boot included."""
    from impl.hypervisor.flat_run import FlatRun

    run = FlatRun(generation, bytes.fromhex(program.format(count=count.to_bytes(4, "little").hex())))
    begun = process_time()
    ended = run.run()
    assert ended.why == "HLT", ended.why
    return process_time() - begun
