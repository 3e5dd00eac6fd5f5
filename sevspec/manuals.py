"""The documents that the specification is pinned to, and the line that names them."""

from typing import NamedTuple

from sevspec import __version__


class Manual(NamedTuple):
    """One pinned document: AMD's publication number and the revision that is followed."""

    title: str
    publication: str
    revision: str


MANUALS = (
    Manual("AMD64 APM Vol. 2", "24593", "with Segmented RMP (15.36.22) and Secure AVIC"),
    Manual("AMD64 APM Vol. 3", "24594", "of the same edition"),
    Manual("AMD64 APM Vol. 4", "26568", "of the same edition, for vector instructions"),
    Manual("GHCB", "56421", "2.0x"),
    Manual("VCEK certificates", "57230", "with structVersion 0 and 1"),
    Manual("SEV API", "55766", "as firmware 1.55.25 behaves"),
    Manual("SEV-SNP firmware ABI", "56860", "1.55, as firmware 1.55.25 behaves"),
)


def version_text() -> str:
    """What `sevspec --version` prints."""
    return "\n".join([f"sevspec {__version__}", *(f"{m.title} ({m.publication}), {m.revision}" for m in MANUALS)])
