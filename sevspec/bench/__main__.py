"""`python -m sevspec.bench`: what `make bench` prints."""

import os
import platform
import resource
import sys
from pathlib import Path

from impl.memory.encryption_mode import TweakForm
from sevspec.bench.decoding import decode_rates, encodings
from sevspec.bench.encrypting import encrypting
from sevspec.bench.launching import launch_times
from sevspec.bench.proving import prove_cold
from sevspec.bench.rates import rates
from sevspec.bench.running import running_rates


def processor() -> str:
    """The processor's name, where the system tells it."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def say(what: str, value: str) -> None:
    """One line."""
    sys.stdout.write(f"{what:<58}{value}\n")
    sys.stdout.flush()


def say_encrypting() -> None:
    """Ratios beside the library's own AES-XTS, key for key as long, in the same run."""
    found = encrypting()
    say("AES-XTS of one 4 KiB page, the library called directly", f"{found.direct:>10,.0f} MiB/s")
    for ratio in found.ratios:
        name, shown = f"  {ratio.mode.tweak.name} {ratio.mode.key_bits}: a page, 64 pages", [ratio.page, ratio.span]
        if ratio.mode.tweak is not TweakForm.XTS:
            name, shown = f"{name}, a page not seen lately", [*shown, ratio.new_page]
        say(name, "      " + ", ".join(f"{one:.2f}" for one in shown) + " times that")


def say_decoding() -> None:
    """Rates of decoding, and how they compare."""
    instructions = encodings()
    if instructions is None:
        say("decoding, operands read", "not here: SEVSPEC_DATA is not set")
        return
    ours, *others = decode_rates(instructions)
    say(
        f"decoding {len(instructions):,} instructions, operands read", f"{ours.per_second:>10,.0f} a second of one core"
    )
    for other in others:
        if other.per_second is None or ours.per_second is None:
            say(f"  {other.name}", "not installed")
        else:
            compared = f"{ours.per_second / other.per_second:.1f} times as many here"
            say(f"  {other.name}", f"{other.per_second:>10,.0f} a second; {compared}")


def say_running() -> None:
    """Rates of guest code."""
    found = running_rates()
    if found is None:
        say("guest code", "not here: Unicorn is not installed")
        return
    for rate in found:
        name = rate.generation.value
        each = f"{rate.instructions:>10,.0f} a second of one core"
        say(f"guest code under {name}, every instruction looked at", each)
        say("  exits, each served by the hypervisor", f"{rate.exits:>10,.0f} a second")


def main() -> None:
    """Print everything, the longest last."""
    say("processor", f"{processor()}, {os.cpu_count()} logical processors, Python {platform.python_version()}")
    for rate in rates():
        say(f"{rate.name} of a 4 KiB page, operands made anew", f"{rate.per_second:>10,.0f} a second of one core")
        say("  by the rule as it is written", f"{rate.as_written:>10,.0f}")
    say_encrypting()
    say_decoding()
    say_running()
    times = launch_times()
    if times is None:
        say("launch of a 2 MiB image", "not here: examples/ is part of the source tree only")
    else:
        say(f"launch of a 2 MiB image ({times.pages} pages), machine alone", f"{times.machine:>10.2f} s")
        compared = f"{times.both:>10.2f} s, {times.both / times.machine:.1f} times the machine alone"
        say("  with the specification, everything compared", compared)
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    say("  peak memory so far", f"{own / 1024:>10.0f} MiB")
    cold = prove_cold()
    say("sevspec prove, everything, nothing cached", f"{cold.seconds:>10.1f} s")
    say("  obligations", f"{cold.obligations:>10} ({cold.proved} proved)")
    say("  for each obligation, wall", f"{1000 * cold.seconds / cold.obligations:>10.1f} ms")
    say("  for each obligation, as the solver was asked", f"{1000 * cold.solving / cold.obligations:>10.1f} ms")
    say("  peak memory of the largest process", f"{cold.peak_kib / 1024:>10.0f} MiB")


if __name__ == "__main__":
    main()
