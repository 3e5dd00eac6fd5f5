"""Reading the inputs of a launch: bounded, and with one line for whatever is wrong with a file."""

import errno
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from impl.hypervisor.errors import ImageError
from impl.hypervisor.pages import PAGE_SIZE

MAX_IMAGE_SIZE = 16 << 20
"""Bytes. QEMU's upper bound for firmware (`max-fw-size`): a larger image would reach down to the I/O APIC."""
MAX_PAYLOAD_SIZE = (1 << 32) - 1
"""Bytes. The fw_cfg items that hand a kernel and an initrd to the guest have 32-bit sizes."""
CHUNK = 1 << 20


def check_image(data: bytes | bytearray, role: str) -> None:
    """The sizes that an image mapped page by page below 4 GiB can have. `role` names the image in messages."""
    if not data:
        raise ImageError(f"{role}: the image is empty")
    if len(data) > MAX_IMAGE_SIZE:
        raise ImageError(f"{role}: the image is larger than {MAX_IMAGE_SIZE >> 20} MiB")
    if len(data) % PAGE_SIZE:
        raise ImageError(f"{role}: the image has {len(data)} bytes, not a whole number of {PAGE_SIZE}-byte pages")


def read_image(path: Path, role: str) -> bytes:
    """The bytes of a firmware or SVSM image. Stops reading soon after the limit."""
    data = bytearray()
    for piece in _pieces(path, role):
        data += piece
        if len(data) > MAX_IMAGE_SIZE:
            break
    check_image(data, f"{role} {str(path)!r}")
    return bytes(data)


def digest_payload(path: Path, role: str) -> tuple[bytes, int]:
    """SHA-256 and size of a kernel or an initrd, read in pieces."""
    digest = hashlib.sha256()
    size = 0
    for piece in _pieces(path, role):
        size += len(piece)
        if size > MAX_PAYLOAD_SIZE:
            raise ImageError(f"{role} {str(path)!r}: the file is larger than 4 GiB - 1")
        digest.update(piece)
    return digest.digest(), size


def file_size(path: Path, role: str) -> int:
    """Bytes. Of a variable store only its size matters: the launch does not measure what it holds."""
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        return path.stat().st_size
    except (OSError, ValueError) as error:
        raise _unreadable(path, role, error) from None


def _pieces(path: Path, role: str) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while piece := file.read(CHUNK):
                yield piece
    except (OSError, ValueError) as error:
        raise _unreadable(path, role, error) from None


def _unreadable(path: Path, role: str, error: Exception) -> ImageError:
    """The operating system's reason, in lower case, without its number."""
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return ImageError(f"{role} {str(path)!r}: {reason.lower()}")
