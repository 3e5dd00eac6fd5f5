"""The JSON Schema of a policy file: what a relying party asks of a report."""

from typing import Any

from spec.vocabulary import GuestPolicy, PlatformInfo, Product

SCHEMA = "sevspec.policy/1"
PRODUCTS = {product.name.lower(): product for product in Product}
PLATFORM_BITS = {bit.name.lower(): bit for bit in PlatformInfo if bit.name}
POLICY_BITS = {bit.name.lower(): bit for bit in GuestPolicy if bit.name and bit is not GuestPolicy.RESERVED_ONE}
BYTE = r"(25[0-5]|2[0-4]\d|1?\d?\d)"
SVNS = ("fmc", "boot_loader", "tee", "snp", "microcode")


def hexadecimal(length: int) -> dict[str, Any]:
    """So many bytes."""
    return {"type": "string", "pattern": f"^[0-9a-fA-F]{{{2 * length}}}$"}


def several(item: dict[str, Any]) -> dict[str, Any]:
    """Any of these is accepted."""
    return {"type": "array", "items": item}


def optional(properties: dict[str, Any], description: str) -> dict[str, Any]:
    """An object of which every part may be missing."""
    return {
        "type": "object",
        "description": description,
        "properties": properties,
        "additionalProperties": False,
    }


def number(bits: int) -> dict[str, Any]:
    """An unsigned number."""
    return {"type": "integer", "minimum": 0, "maximum": (1 << bits) - 1}


def bit_names(names: dict[str, Any]) -> dict[str, Any]:
    """Bits that must be 1, and bits that must be 0."""
    listed = several({"enum": list(names)})
    return {"required": listed, "forbidden": listed}


def policy_schema() -> dict[str, Any]:
    """Whatever is missing is not asked for; but debugging and migration are forbidden unless `policy` says else."""
    version = {"type": "string", "pattern": rf"^{BYTE}\.{BYTE}$"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "sevspec verify-report --policy",
        **optional(
            {
                "schema": {"const": SCHEMA},
                "roots": several(hexadecimal(32)) | {"description": "SHA-256 of public keys of ARKs, instead of AMD's"},
                "products": several({"enum": list(PRODUCTS)}),
                "vlek": {"type": "boolean", "description": "false: only a VCEK may have signed"},
                "revocation_list_required": {"type": "boolean"},
                "chips": several(hexadecimal(64)),
                "masked_chip": {"type": "boolean", "description": "CHIP_ID may be masked"},
                "services": several({"type": "string"}) | {"description": "cspID of a VLEK"},
                "tcb": optional(
                    {name: optional({svn: number(8) for svn in SVNS}, "lowest SVNs") for name in PRODUCTS},
                    "per product",
                ),
                "firmware": {
                    "type": "string",
                    "pattern": rf"^{BYTE}\.{BYTE}\.{BYTE}$",
                    "description": "lowest committed version",
                },
                "mitigations": number(64),
                "platform": optional(bit_names(PLATFORM_BITS), "PLATFORM_INFO"),
                "policy": optional(bit_names(POLICY_BITS) | {"abi": version}, "guest policy"),
                "migration_agent": {"type": "boolean", "description": "the guest may be bound to one"},
                "measurements": several(hexadecimal(48)),
                "id_keys": several(hexadecimal(48)),
                "author_keys": several(hexadecimal(48)),
                "family_id": hexadecimal(16),
                "image_id": hexadecimal(16),
                "guest_svn": number(32),
                "host_data": hexadecimal(32),
                "vmpl": {"enum": [0, 1, 2, 3]},
                "report_data": hexadecimal(64),
            },
            "What a relying party asks of a report besides that it is genuine.",
        ),
    }
