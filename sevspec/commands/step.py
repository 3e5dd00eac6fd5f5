"""`sevspec step`: one transition, by hand or from a test vector."""

from pathlib import Path
from typing import Annotated, Any

import typer

from proofs.templates import nothing
from proofs.vectors import targets
from proofs.words import differences, words
from sevspec.assignments import assigned, name_of
from sevspec.catalogue import catalogue
from sevspec.encoding import encoded, result_data
from sevspec.operand_options import unset, with_options
from sevspec.proving import unknown_name
from sevspec.refused import Refused
from sevspec.terminal import console, print_json
from sevspec.vector_files import HOLDERS, loaded, replayed, transition_named
from spec.features import PLATFORMS, Platform
from spec.record import replace
from spec.registry import Outcome, transition_info

HELP = """Run one transition on a state, or replay a test vector.

The state is that after a reset, on the platform named; --set and --rmp change it field by field. Operands are options
of their own names, or --op field=value; what is not named is 0, and a guest's instruction is run by the guest with
ASID 1.

Examples:

    sevspec step rmpadjust --vmpl 1 --target-vmpl 1 --perms rw --gpa 0x2000

    sevspec step rmpupdate --op spa=0x2000 --op assigned=1 --op asid=5

    sevspec step psmash --rmp '0x200={"assigned": true, "page_size": "2M", "asid": 5}' --op spa=0x200000

    sevspec step page_reclaim --set firmware.state=1 --rmp '0x2={"immutable": true}' --op address.spa=0x2000

    sevspec step --vector out/rmpupdate.json --index 3
"""
SCHEMA = 1
CONTEXT_SETTINGS = {"ignore_unknown_options": True, "allow_extra_args": True}
"""Operands are options too; which there are depends on the transition."""


def step(
    context: typer.Context,
    transition: Annotated[str, typer.Argument(help="The transition; not with --vector.")] = "",
    op: Annotated[list[str] | None, typer.Option(help="An operand: field=value.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="A part of the state: field=value.")] = None,
    rmp: Annotated[list[str] | None, typer.Option(help="An RMP entry: PAGE={JSON object of its fields}.")] = None,
    platform: Annotated[str, typer.Option(help="milan, genoa or turin.")] = "milan",
    vector: Annotated[Path | None, typer.Option(help="A file of `sevspec vectors`.")] = None,
    index: Annotated[int | None, typer.Option(min=0, help="With --vector: only this case, from 0.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    if vector is not None:
        if transition or op or set_ or rmp or context.args:
            raise Refused("--vector stands alone, but for --index and --json")
        return replay(vector, index, json)
    if not transition or transition.startswith("-"):
        raise Refused("name a transition, or give --vector FILE")
    name = transition.lower()
    try:
        state_type, call = transition_named(name)
    except LookupError:
        raise Refused(unknown_name(name, (transition_info(t).name for _, t in targets()))) from None
    before = state_of(state_type, platform, set_ or [], rmp or [])
    operands = with_options(unset(call), call, context.args)
    for text in op or []:
        operands = assigned(operands, text, "--op")
    outcome = call(before, operands)
    if json:
        changes = list(differences(before, outcome.system))
        data = {"schema": SCHEMA, "transition": name, "result": result_data(outcome.result), "check": outcome.check}
        print_json({**data, "output": encoded(outcome.output), "step": encoded(operands), "changes": changes})
    else:
        show(name, before, operands, outcome)
    return 0


step.__doc__ = HELP


def state_of(state_type: Any, platform: str, settings: list[str], entries: list[str]) -> Any:
    """The state after a reset, with the changes asked for."""
    if platform.lower() not in PLATFORMS:
        raise Refused(f"--platform: no platform '{platform}'; there are {', '.join(PLATFORMS)}")
    state = on_platform(nothing(state_type), PLATFORMS[platform.lower()])
    for text in entries:
        page, _, right = text.partition("=")
        state = assigned(state, f"{prefix_of(state)}rmp[{page}]={right}", "--rmp")
    for text in settings:
        state = assigned(state, text, "--set")
    return state


def on_platform(state: Any, platform: Platform) -> Any:
    """A state on another platform."""
    for name in HOLDERS:
        if hasattr(state, name):
            return replace(state, **{name: on_platform(getattr(state, name), platform)})
    return replace(state, platform=platform)


def prefix_of(state: Any) -> str:
    """Where the RMP is in a state."""
    name = next((name for name in HOLDERS if hasattr(state, name)), None)
    return "" if name is None else f"{name}.{prefix_of(getattr(state, name))}"


def show(name: str, before: Any, op: Any, outcome: Outcome) -> None:
    """The result, the check that decided, where it stands, and what changed."""
    known = next(s for s in catalogue().steps if s.name == name)
    places = {check.name: number for number, check in reversed(list(enumerate(known.checks, 1)))}
    at = f" at check {places[outcome.check]} of {len(known.checks)}" if outcome.check in places else ""
    lines = [f"{name_of(outcome.result)}{at}, {outcome.check}"]
    for check in known.checks:
        if check.name == outcome.check:
            lines += [f"  {check.sentence.text}"] if check.sentence.text else []
            lines += [f"  {known.info.manual}; {check.place}"]
            break
    lines.append(f"  step    {words(op)}")
    changes = list(differences(before, outcome.system)) or ["nothing changes"]
    lines += [f"  {'after' if i == 0 else '':<7} {line}" for i, line in enumerate(changes)]
    if outcome.output is not None:
        lines.append(f"  output  {encoded(outcome.output)}")
    for line in lines:
        console().print(line, markup=False, soft_wrap=True)


def replay(path: Path, index: int | None, json: bool) -> int:
    """Run the cases of a file again."""
    name, cases = loaded(path)
    if index is not None and index >= len(cases):
        raise Refused(f"--index: {path} has {len(cases)} cases, from 0")
    chosen = range(len(cases)) if index is None else [index]
    found = {number: replayed(name, cases[number]) for number in chosen}
    wrong = {number: lines for number, lines in found.items() if lines}
    if json:
        disagreements = [{"index": number, "differences": lines} for number, lines in wrong.items()]
        print_json({"schema": SCHEMA, "transition": name, "cases": len(found), "disagreements": disagreements})
        return 1 if wrong else 0
    out = console()
    for number, lines in wrong.items():
        out.print(f"FAILED  {cases[number]['name']} ({number})", markup=False)
        for line in lines:
            out.print(f"  {line}", markup=False, soft_wrap=True)
    if index is not None and not wrong:
        case = cases[index]
        out.print(
            f"{case['name']}: {case['result']['name']} at {case['check']}; the specification agrees", markup=False
        )
    else:
        out.print(f"{len(found) - len(wrong)} of {len(found)} cases agree", markup=False)
    return 1 if wrong else 0
