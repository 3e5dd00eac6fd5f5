"""Whether the machine answers what the specification answers, and is then in the state that it says."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

from impl.completion import Completion
from sevspec.crosscheck.abstraction import abstraction
from sevspec.crosscheck.bench import Bench
from sevspec.crosscheck.check_names import is_same_check
from sevspec.crosscheck.firmware_state import comparable
from spec.features import Platform
from spec.firmware.guest_status import GuestStatusAnswer
from spec.firmware.platform_status import PlatformStatusAnswer
from spec.maps import Map
from spec.record import fields_of, is_record, replace
from spec.registry import Outcome
from spec.rmp.fault import Fault
from spec.rmp.flags import flags_after
from spec.rmp.pvalidate import PvalidateOutput
from spec.rmp.rmpquery import RmpQueryOutput
from spec.rmp.rmpread import RmpReadOutput
from spec.vocabulary import Eax, Limit, Result, Status

FlagValues = tuple[bool | None, bool | None, bool | None, bool | None, bool | None]
"""OF, ZF, AF, PF, SF; None where the manual leaves one undefined."""
TOLD_TO_THE_HOST = (RmpReadOutput, RmpQueryOutput, GuestStatusAnswer, PlatformStatusAnswer)
"""Outputs that are compared as they are; others say what pages hold, which the state has no place for."""
UNDEFINED: FlagValues = (None, None, None, None, None)


@dataclass(frozen=True)
class Answer:
    """How a step ended, in words that both sides have."""

    result: Result
    check: str
    error: int = 0
    address: int | None = None
    output: Any = None
    flags: FlagValues | None = None


def of_completion(ended: Completion, output: Any = None, *, flags: bool = True) -> Answer:
    """The machine's answer to an instruction or an access."""
    found = ended.flags if flags else None
    words = None if found is None else (found.of, found.zf, found.af, found.pf, found.sf)
    done = ended.result == Eax.SUCCESS
    return Answer(ended.result, ended.check, int(ended.error), ended.address, output if done else None, words)


def of_outcome(outcome: Outcome, platform: Platform, *, flags: bool) -> Answer:
    """The specification's answer. TLBs are no part of the machine, so an output that speaks of them is cut."""
    error, address, output, words = 0, None, outcome.output, None
    if isinstance(output, Fault):
        error, address, output = output.error, output.address, None
    if isinstance(output, PvalidateOutput):
        output = output.carry
    elif not isinstance(output, TOLD_TO_THE_HOST):
        output = None
    if flags and isinstance(outcome.result, Eax):
        told = flags_after(platform, outcome.result, carry=False)
        words = (told.overflow, told.zero, told.adjust, told.parity, told.sign) if told.defined else UNDEFINED
    return Answer(outcome.result, outcome.check, error, address, output, words)


class Disagreement(AssertionError):
    """The two texts differ; the message names the step and the differences."""


def require_agreement(bench: Bench, step: str, op: Any, outcome: Outcome, answer: Answer) -> None:
    """Compare one step, check by check and byte by byte, and go on from the specified state."""
    expected = of_outcome(outcome, bench.system.platform, flags=answer.flags is not None)
    found = list(answer_differences(expected, answer))
    bench.system = outcome.system
    found += state_differences(bench)
    if found:
        lines = "\n  ".join(found)
        raise Disagreement(f"{step}: the machine and the specification differ\n  {lines}\n  step  {op!r}")


def answer_differences(expected: Answer, answer: Answer) -> Iterator[str]:
    """What differs between the answers, a line each. Where nothing is specified any failure will do."""
    if expected.result == Limit.UNSPECIFIED and isinstance(answer.result, Status) and answer.result != Status.SUCCESS:
        return
    for field in fields(Answer):
        wanted, got = getattr(expected, field.name), getattr(answer, field.name)
        same = is_same_check(wanted, got) if field.name == "check" else wanted == got
        if not same:
            yield f"{field.name}: specification {shown(wanted)}, machine {shown(got)}"


def state_differences(bench: Bench) -> list[str]:
    """What differs between the states, a line for each field or key."""
    wanted, got = bench.system, abstraction(bench)
    wanted = replace(wanted, firmware=comparable(bench, wanted.firmware))
    return list(differences("state", wanted, got)) + uncovered_differences(bench)


def uncovered_differences(bench: Bench) -> list[str]:
    """Pages that one side has an entry for and the other has not, of those that a step touched."""
    pages = [page for page, _ in bench.system.rmp.changed()]
    return [
        f"coverage of page {page:#x} differs"
        for page in {page & ~511 for page in pages}
        if bench.machine.rmp.covers(page) != bench.system.covered[page >> 9]
    ]


def differences(where: str, wanted: Any, got: Any) -> Iterator[str]:
    """Where two values of one type differ."""
    if isinstance(wanted, Map):
        if wanted == got:
            return
        keys = {key for key, _ in wanted.changed()} | {key for key, _ in got.changed()}
        for key in sorted(keys)[:2000]:
            yield from differences(f"{where}[{key:#x}]", wanted[key], got[key])
    elif wanted != got and is_record(type(wanted)):
        for field, one, other in zip(fields_of(type(wanted)), wanted, got, strict=True):
            yield from differences(f"{where}.{field.name}", one, other)
    elif wanted != got:
        yield f"{where}: specification {shown(wanted)}, machine {shown(got)}"


def shown(value: Any) -> str:
    """A value for a person."""
    plain = isinstance(value, int) and type(value) is int
    return f"{value:#x}" if plain else str(value)
