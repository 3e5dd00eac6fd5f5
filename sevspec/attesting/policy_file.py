"""A policy file as reference values."""

import json
from pathlib import Path
from typing import Any

import jsonschema

from impl.attestation.reference import Reference
from impl.attestation.tcb import PLACES, packed
from sevspec.attesting.policy_schema import PLATFORM_BITS, POLICY_BITS, PRODUCTS, policy_schema
from sevspec.refused import Refused
from spec.vocabulary import Product

Given = dict[str, Any]


def reference_in(path: Path) -> Reference:
    """The reference values of a file; one line says what is wrong with it."""
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Refused(f"--policy: {path}: {error.strerror}") from None
    except ValueError as error:
        raise Refused(f"--policy: {path}: not JSON: {error}") from None
    wrong = next(iter(jsonschema.Draft202012Validator(policy_schema()).iter_errors(given)), None)
    if wrong is not None:
        where = ".".join(str(part) for part in wrong.absolute_path)
        raise Refused(f"--policy: {path}: {where + ': ' if where else ''}{wrong.message}")
    return reference_of(given)


def reference_of(given: Given) -> Reference:
    """The reference values of a document that keeps to the schema."""
    default = Reference()
    platform, policy = given.get("platform", {}), given.get("policy", {})
    forbidden = policy.get("forbidden")
    return Reference(
        roots=frozenset(root.lower() for root in given["roots"]) if "roots" in given else default.roots,
        products=frozenset(PRODUCTS[name] for name in given.get("products", PRODUCTS)),
        vlek_accepted=given.get("vlek", True),
        list_required=given.get("revocation_list_required", False),
        chips=listed(given, "chips"),
        masked_chip_accepted=given.get("masked_chip", False),
        services=frozenset(given["services"]) if "services" in given else None,
        tcb_floors={PRODUCTS[name]: floor(svns, PRODUCTS[name]) for name, svns in given.get("tcb", {}).items()},
        firmware_floor=version(given.get("firmware", "0.0.0")),  # type: ignore[arg-type]  # the schema says: three
        mitigations=given.get("mitigations", 0),
        platform_required=mask(platform.get("required", ()), PLATFORM_BITS),
        platform_forbidden=mask(platform.get("forbidden", ()), PLATFORM_BITS),
        policy_required=mask(policy.get("required", ()), POLICY_BITS),
        policy_forbidden=default.policy_forbidden if forbidden is None else mask(forbidden, POLICY_BITS),
        policy_abi_floor=version(policy.get("abi", "0.0")),  # type: ignore[arg-type]  # the schema says: two
        agent_accepted=given.get("migration_agent", False),
        measurements=listed(given, "measurements"),
        id_keys=listed(given, "id_keys"),
        author_keys=listed(given, "author_keys"),
        family_id=content(given, "family_id"),
        image_id=content(given, "image_id"),
        guest_svn=given.get("guest_svn", 0),
        host_data=content(given, "host_data"),
        vmpl=given.get("vmpl"),
        report_data=content(given, "report_data"),
    )


def listed(given: Given, name: str) -> frozenset[bytes] | None:
    """A list of byte strings, if there is one."""
    return frozenset(bytes.fromhex(item) for item in given[name]) if name in given else None


def content(given: Given, name: str) -> bytes | None:
    """A byte string, if there is one."""
    return bytes.fromhex(given[name]) if name in given else None


def mask(names: list[str], bits: dict[str, Any]) -> int:
    """Bits by their names."""
    return sum({int(bits[name]) for name in names})


def version(text: str) -> tuple[int, ...]:
    """The numbers of a version."""
    return tuple(int(part) for part in text.split("."))


def floor(svns: dict[str, int], product: Product) -> int:
    """A TCB version from its parts."""
    for name in svns:
        if name not in PLACES[product]:
            raise Refused(f"--policy: tcb.{product.name.lower()}: this product has no {name}")
    return packed(svns, product)
