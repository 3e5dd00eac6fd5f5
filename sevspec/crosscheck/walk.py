"""A random walk: any steps in any order, on any platform, each compared."""

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

from sevspec.crosscheck import access_draws, guest_draws, instruction_draws, page_draws, swap_draws, vmrun_draws
from sevspec.crosscheck.agreement import Disagreement
from sevspec.crosscheck.bench import Bench
from sevspec.crosscheck.concretisation import Inexpressible, bench_of, fixed_coverage
from sevspec.crosscheck.draws import OFTEN, likely
from sevspec.crosscheck.operands import take
from sevspec.crosscheck.prelude import start_guests
from spec.everything import TRANSITIONS
from spec.features import PLATFORMS, Platform
from spec.knobs import EntryCheckOrder, FullMask, HostInstruction
from spec.record import fields_of, replace
from spec.registry import transition_info
from spec.system.initial import booted
from spec.vocabulary import PlatformState

DRAWS: dict[str, Callable[[Random, Bench], Any]] = {
    **instruction_draws.DRAWS,
    **access_draws.DRAWS,
    **vmrun_draws.DRAWS,
    **guest_draws.DRAWS,
    **page_draws.DRAWS,
    **swap_draws.DRAWS,
}
WEIGHTS = {
    "rmpupdate": 8,
    "page_reclaim": 4,
    "pvalidate": 6,
    "rmpadjust": 6,
    "access": 6,
    "launch_update": 4,
    "page_move": 3,
    "page_swap_out": 4,
    "page_swap_in": 4,
    "virt_rmpupdate": 1,
    "virt_psmash": 1,
    "snp_config": 1,
    "decommission": 1,
}
"""How often a step is drawn; 2 where nothing is said."""
ANSWERS = {
    "rmpupdate_order": len(EntryCheckOrder),
    "full_mask": len(FullMask),
    "host_instruction": len(HostInstruction),
}
"""How many answers a knob has, where its field could hold more."""
MAX_ASID, MIN_SEV_ASID = 7, 6
"""Few ASIDs: each has a state on each core complex."""
WALK_LENGTH = 250
"""Steps before the walk starts anew on another platform."""
STEPS = {transition_info(t).name: t for t in TRANSITIONS}
Seen = Counter[tuple[str, str]]


def a_platform(rng: Random) -> Platform:
    """A named platform, some of its knobs turned."""
    platform: Platform = PLATFORMS[rng.choice(tuple(PLATFORMS))]
    knobs = platform.knobs
    for field in fields_of(type(knobs)):
        if likely(rng, 0.05):
            answers = ANSWERS.get(field.name, 2 if field.type is bool else 1 << (field.width or 1))
            value = rng.randrange(answers)
            knobs = replace(knobs, **{field.name: bool(value) if field.type is bool else value})
    features = replace(platform.features, nested_virt_snp_msr=likely(rng, 0.5))
    return replace(platform, knobs=knobs, features=features, max_asid=MAX_ASID, min_sev_asid=MIN_SEV_ASID)


def a_bench(rng: Random) -> Bench:
    """Both sides just after SNP_INIT, every page the hypervisor's."""
    platform = a_platform(rng)
    system = replace(booted(platform), covered=fixed_coverage(platform))
    firmware = replace(system.firmware, state=PlatformState.INIT, rmp_initialised=True)
    bench = bench_of(replace(system, firmware=firmware))
    bench.c_bits = likely(rng, 0.3)
    if likely(rng, OFTEN):
        start_guests(rng, bench)
    return bench


def step(rng: Random, bench: Bench, name: str) -> str | None:
    """Take one drawn step; the check that decided, or None if the machine cannot take it."""
    op = DRAWS[name](rng, bench)
    try:
        return take(bench, STEPS[name], op).check
    except Inexpressible:
        return None


def crosscheck(steps: int, seed: int, seen: Seen | None = None) -> int:
    """Compare this many steps; how many were. AssertionError names the step that differs."""
    rng, compared, taken = Random(seed), 0, WALK_LENGTH
    names = [name for name in DRAWS for _ in range(WEIGHTS.get(name, 2))]
    try:
        while compared < steps:
            if taken == WALK_LENGTH:
                bench, taken = a_bench(rng), 0
            taken += 1
            name = rng.choice(names)
            check = step(rng, bench, name)
            if check is not None:
                compared += 1
                if seen is not None:
                    seen[name, check] += 1
    except Disagreement as difference:
        raise Disagreement(f"seed {seed}, step {compared + 1}: {difference}") from None
    return compared
