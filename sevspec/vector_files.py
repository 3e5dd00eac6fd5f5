"""Test vectors as files: one for each transition, with all its cases; and their replay."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from proofs.vectors import Case, targets
from sevspec.encoding import Malformed, decoded, encoded, result_data
from sevspec.refused import Refused
from spec.features import Platform
from spec.registry import operands_of, transition_info

SCHEMA = 1
HOLDERS = ("world", "system")
"""Parts of a state that have the platform, or a part that has it."""
CASE_FIELDS = ("name", "platform", "pre", "step", "result", "check", "output", "post", "invariant")


def transition_named(name: str) -> tuple[Any, Any]:
    """The type of state and the transition of this name; LookupError if there is none."""
    for suite, transition in targets():
        if transition_info(transition).name == name:
            return suite.state_type, transition
    raise LookupError(name)


def case_data(case: Case) -> dict[str, Any]:
    """One case; the platform stands beside the states, which do not change it."""
    pre, post = encoded(case.before), encoded(case.outcome.system)
    platform = take_platform(pre)
    take_platform(post)
    return {
        "name": case.name,
        "platform": platform,
        "pre": pre,
        "step": encoded(case.op),
        "result": result_data(case.outcome.result),
        "check": case.outcome.check,
        "output": encoded(case.outcome.output),
        "post": post,
        "invariant": case.invariant,
    }


def take_platform(state: dict[str, Any]) -> Any:
    """Remove the platform from an encoded state."""
    return platform_holder(state).pop("platform")


def platform_holder(state: dict[str, Any]) -> dict[str, Any]:
    """The part of an encoded state that the platform stands in."""
    inner = next((state[name] for name in HOLDERS if name in state), None)
    return state if inner is None else platform_holder(inner)


def with_platform(state: dict[str, Any], platform: Any) -> dict[str, Any]:
    """An encoded state with the platform back in its place."""
    for name in HOLDERS:
        if name in state:
            return {**state, name: with_platform(state[name], platform)}
    return {**state, "platform": platform}


def document(transition: Any, cases: Iterable[Case]) -> dict[str, Any]:
    """The file of one transition."""
    info = transition_info(transition)
    return {
        "schema": SCHEMA,
        "transition": info.name,
        "actor": info.actor.value,
        "manual": info.manual,
        "cases": [case_data(case) for case in cases],
    }


def loaded(path: Path) -> tuple[str, list[dict[str, Any]]]:
    """The transition and the cases of a file."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"cannot read {path}: {getattr(error, 'strerror', None) or 'it is not text'}") from error
    except json.JSONDecodeError as error:
        raise Refused(f"{path}: not JSON: {error}") from error
    if not isinstance(data, dict) or data.get("schema") != SCHEMA or not isinstance(data.get("cases"), list):
        raise Refused(f"{path}: not a vector file of schema {SCHEMA}")
    return str(data.get("transition")), data["cases"]


def replayed(transition: str, case: dict[str, Any]) -> list[str]:
    """What the specification answers differently from a case; nothing if they agree."""
    try:
        state_type, step = transition_named(transition)
    except LookupError:
        raise Refused(f"no transition '{transition}'") from None
    if not isinstance(case, dict) or (missing := [f for f in CASE_FIELDS if f not in case]):
        raise Refused(f"a case needs {', '.join(missing if isinstance(case, dict) else CASE_FIELDS)}")
    try:
        platform = encoded(decoded(Platform, case["platform"], "platform"))
        before = decoded(state_type, with_platform(case["pre"], platform), "pre")
        op = decoded(operands_of(step), case["step"], "step")
    except Malformed as wrong:
        raise Refused(str(wrong)) from wrong
    outcome = step(before, op)
    after = encoded(outcome.system)
    take_platform(after)
    found = {
        "result": result_data(outcome.result),
        "check": outcome.check,
        "output": encoded(outcome.output),
        "post": after,
    }
    return [
        f"{part}: the case says {brief(case[part])}, the specification {brief(found[part])}"
        for part in found
        if found[part] != case[part]
    ]


def brief(data: Any) -> str:
    """A value in a few words."""
    if isinstance(data, dict) and "name" in data:
        return str(data["name"])
    text = json.dumps(data)
    return text if len(text) <= 60 else "something else"
