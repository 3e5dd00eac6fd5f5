"""The published JSON Schemas, made from the declarations of the records; `python -m sevspec.schemas` writes them."""

import json
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_origin

from proofs.solving import FAILED, PROVED, UNKNOWN
from proofs.vectors import targets
from sevspec.attesting.policy_schema import policy_schema
from sevspec.encoding import FAMILIES
from sevspec.proving import SCHEMA as PROVE_SCHEMA
from sevspec.vector_files import HOLDERS
from sevspec.vector_files import SCHEMA as VECTOR_SCHEMA
from spec.features import Platform
from spec.maps import Map
from spec.record import fields_of, is_record, width_of
from spec.registry import operands_of, transition_info

FOLDER = Path(__file__).parents[1] / "docs" / "schemas"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


class Definitions:
    """The `$defs` of a schema: one for each record, and one for each width of a number."""

    def __init__(self) -> None:
        self.made: dict[str, Any] = {}

    def of(self, kind: Any) -> dict[str, Any]:
        """The schema of a declared type."""
        if kind is bool:
            return {"type": "boolean"}
        if (width := width_of(kind)) is not None:
            return self.bits(width)
        if get_origin(kind) is Map:
            key, value = get_args(kind)
            entry = closed({"key": self.of(key), "value": self.of(value)})
            return closed({"default": self.of(value), "changed": {"type": "array", "items": entry}})
        if is_record(kind):
            return self.record(kind)
        raise TypeError(f"no schema for {kind!r}")

    def bits(self, width: int) -> dict[str, Any]:
        """A number of at most this many bits, in hexadecimal without zeros in front."""
        name = f"bits{width}"
        digits, rest = divmod(width, 4)
        top = f"[1-{(1 << rest) - 1:x}]" if rest == 1 or rest == 2 or rest == 3 else ""
        shorter = f"[1-9a-f][0-9a-f]{{0,{digits - 1}}}" if digits else ""
        longest = f"{top}[0-9a-f]{{{digits}}}" if top else ""
        pattern = "|".join(part for part in ("0", shorter, longest) if part)
        self.made[name] = {"type": "string", "pattern": f"^0x({pattern})$"}
        return {"$ref": f"#/$defs/{name}"}

    def record(self, kind: Any) -> dict[str, Any]:
        """A record by its name."""
        name = kind.__name__
        if name not in self.made:
            self.made[name] = {}
            self.made[name] = closed({field.name: self.of(field.type) for field in fields_of(kind)})
        return {"$ref": f"#/$defs/{name}"}


def closed(properties: dict[str, Any]) -> dict[str, Any]:
    """An object with exactly these fields."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def state_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """A state's schema without the platform, which stands beside the states; states inside it likewise."""
    inner = {name: {"$ref": f"#/$defs/State{name.capitalize()}"} for name in HOLDERS}
    properties = {name: inner.get(name, part) for name, part in schema["properties"].items() if name != "platform"}
    return closed(properties)


def result_schema() -> dict[str, Any]:
    """A result of any family."""

    def value(member: Enum) -> Any:
        return hex(member.value) if isinstance(member.value, int) else member.value

    return {
        "oneOf": [
            closed({"family": {"const": name}, "name": {"const": member.name}, "value": {"const": value(member)}})
            for name, family in FAMILIES.items()
            for member in family
        ]
    }


def vectors_schema() -> dict[str, Any]:
    """A file of test vectors: which operands and which states a case has depends on the transition."""
    definitions = Definitions()
    platform = definitions.of(Platform)
    rules = []
    for suite, transition in targets():
        definitions.of(suite.state_type)
        step = definitions.of(operands_of(transition))
        state = {"$ref": f"#/$defs/State{suite.state_type.__name__}"}
        rules.append(
            {
                "if": {"properties": {"transition": {"const": transition_info(transition).name}}},
                "then": {
                    "properties": {"cases": {"items": {"properties": {"step": step, "pre": state, "post": state}}}}
                },
            }
        )
    defs = definitions.made
    for name in dict.fromkeys(suite.state_type.__name__ for suite, _ in targets()):
        defs[f"State{name}"] = state_schema(defs[name])
    case = closed(
        {
            "name": {"type": "string"},
            "platform": platform,
            "pre": {"type": "object"},
            "step": {"type": "object"},
            "result": {"$ref": "#/$defs/result"},
            "check": {"type": "string"},
            "output": True,
            "post": {"type": "object"},
            "invariant": {"type": "boolean"},
        }
    )
    top = closed(
        {
            "schema": {"const": VECTOR_SCHEMA},
            "transition": {"enum": [transition_info(t).name for _, t in targets()]},
            "actor": {"type": "string"},
            "manual": {"type": "string"},
            "cases": {"type": "array", "items": case},
        }
    )
    return {
        "$schema": DIALECT,
        "title": "sevspec vectors",
        **top,
        "allOf": rules,
        "$defs": {**defs, "result": result_schema()},
    }


def prove_schema() -> dict[str, Any]:
    """The document of `sevspec prove --json`."""
    count = {"type": "integer", "minimum": 0}
    seconds = {"type": "number", "minimum": 0}
    text = {"type": "string"}
    row = closed(
        {
            "suite": text,
            "transition": text,
            "claim": text,
            "identifier": {"type": ["string", "null"]},
            "status": {"enum": [PROVED, FAILED, UNKNOWN]},
            "path": text,
            "seconds": seconds,
        }
    )
    no_invariant = closed({"identifier": text, "trace": {"type": "array", "items": text}})
    not_stated = closed({"identifier": text, "words": text, "waits_for": text})
    return {
        "$schema": DIALECT,
        "title": "sevspec prove",
        **closed(
            {
                "schema": {"const": PROVE_SCHEMA},
                "obligations": count,
                PROVED: count,
                FAILED: count,
                UNKNOWN: count,
                "seconds": seconds,
                "cached": count,
                "solvers": {"type": "object", "additionalProperties": text},
                "counterexamples": {"type": "array", "items": text},
                "not_invariants": {"type": "array", "items": no_invariant},
                "not_stated": {"type": "array", "items": not_stated},
                "list": {"type": "array", "items": row},
            }
        ),
    }


def documents() -> dict[str, str]:
    """The files of `docs/schemas/`, by name."""
    made = {"vectors.json": vectors_schema(), "prove.json": prove_schema(), "policy.json": policy_schema()}
    return {name: json.dumps(schema, indent=1) + "\n" for name, schema in made.items()}


def main() -> None:
    """Write them."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in documents().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
