"""Reference values: what a relying party asks of a genuine report. None and empty sets mean that nothing is asked."""

from dataclasses import dataclass, field

from impl.attestation.chain import AMD_ROOTS
from spec.vocabulary import GuestPolicy, Product

FirmwareVersion = tuple[int, int, int]
"""Major, minor, build."""


@dataclass(frozen=True)
class Reference:
    """Byte strings are as they stand in the report. The defaults take any guest that nobody may debug or move."""

    roots: frozenset[str] = frozenset(AMD_ROOTS)
    """SHA-256 of the public keys of the ARKs that are believed, in hexadecimal."""
    products: frozenset[Product] = frozenset(Product)
    vlek_accepted: bool = True
    list_required: bool = False
    """Without a revocation list nothing is accepted."""
    chips: frozenset[bytes] | None = None
    masked_chip_accepted: bool = False
    services: frozenset[str] | None = None
    """cspID of accepted VLEKs."""
    tcb_floors: dict[Product, int] = field(default_factory=dict)
    firmware_floor: FirmwareVersion = (0, 0, 0)
    mitigations: int = 0
    platform_required: int = 0
    platform_forbidden: int = 0
    policy_required: int = 0
    policy_forbidden: int = int(GuestPolicy.DEBUG | GuestPolicy.MIGRATE_MA)
    policy_abi_floor: tuple[int, int] = (0, 0)
    """Major and minor."""
    agent_accepted: bool = False
    measurements: frozenset[bytes] | None = None
    id_keys: frozenset[bytes] | None = None
    author_keys: frozenset[bytes] | None = None
    family_id: bytes | None = None
    image_id: bytes | None = None
    guest_svn: int = 0
    host_data: bytes | None = None
    vmpl: int | None = None
    report_data: bytes | None = None
