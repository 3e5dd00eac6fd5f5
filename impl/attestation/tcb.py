"""TCB_VERSION: eight bytes whose places differ between products (firmware ABI 56860, "TCB Version")."""

from collections.abc import Mapping
from types import MappingProxyType

from spec.vocabulary import Product

_EARLIER = MappingProxyType({"boot_loader": 0, "tee": 1, "snp": 6, "microcode": 7})
PLACES: Mapping[Product, Mapping[str, int]] = {
    Product.MILAN: _EARLIER,
    Product.GENOA: _EARLIER,
    Product.TURIN: MappingProxyType({"fmc": 0, "boot_loader": 1, "tee": 2, "snp": 3, "microcode": 7}),
}
"""The byte of each security version number (SVN)."""
TCB_BYTES = 8


def packed(parts: Mapping[str, int], product: Product) -> int:
    """The SVNs as one number. Parts that a product does not have are left out."""
    places = PLACES[product]
    return sum(svn << 8 * places[name] for name, svn in parts.items() if name in places)


def unpacked(tcb: int, product: Product) -> dict[str, int]:
    """The SVNs by name."""
    return {name: tcb >> 8 * place & 0xFF for name, place in PLACES[product].items()}


def has_reserved(tcb: int, product: Product) -> bool:
    """Whether a byte without a meaning is not zero."""
    return packed(unpacked(tcb, product), product) != tcb


def reaches(tcb: int, floor: int) -> bool:
    """Whether no SVN is lower than in `floor`."""
    pairs = zip(tcb.to_bytes(TCB_BYTES, "little"), floor.to_bytes(TCB_BYTES, "little"), strict=True)
    return all(svn >= lowest for svn, lowest in pairs)


def shown(tcb: int, product: Product) -> str:
    """For people."""
    return ", ".join(f"{name.replace('_', ' ')} {svn}" for name, svn in unpacked(tcb, product).items())
