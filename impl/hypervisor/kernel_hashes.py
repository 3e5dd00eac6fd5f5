"""The kernel hashes table: how a directly booted kernel, its initrd and its command line become part of the digest.

Layout (QEMU, target/i386/sev.c; read by edk2, OvmfPkg/AmdSev/BlobVerifierLibSevHashes): a header of GUID and length
(u16), then one entry each for command line, initrd and kernel of GUID, length (u16) and SHA-256; padded with zeros to
16 bytes. Both lengths count the GUID and themselves; neither counts the padding.
"""

import hashlib
import struct
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from impl.hypervisor.errors import ImageError, OptionError
from impl.hypervisor.files import digest_payload
from impl.hypervisor.footer import HashTableArea
from impl.hypervisor.metadata import Section
from impl.hypervisor.pages import PAGE_SIZE

TABLE_GUID = UUID("9438d606-4f22-4cc9-b479-a793d411fd21")
CMDLINE_GUID = UUID("97d02dd8-bd20-4c94-aa78-e7714d36ab2a")
INITRD_GUID = UUID("44baf731-3a2f-4bd7-9af1-41e29169781d")
KERNEL_GUID = UUID("4de79437-abd2-427f-b835-d5b172d2045b")

HEADER = struct.Struct("<16sH")
ENTRY = struct.Struct("<16sH32s")
TABLE_SIZE = HEADER.size + 3 * ENTRY.size
PADDED_SIZE = -(-TABLE_SIZE // 16) * 16


@dataclass(frozen=True)
class KernelHashes:
    """SHA-256 digests. The command line is hashed with its terminating zero; a missing initrd as an empty one."""

    kernel: bytes
    initrd: bytes
    cmdline: bytes

    def table(self) -> bytes:
        """The padded table, `PADDED_SIZE` bytes."""
        entries = ((CMDLINE_GUID, self.cmdline), (INITRD_GUID, self.initrd), (KERNEL_GUID, self.kernel))
        table = HEADER.pack(TABLE_GUID.bytes_le, TABLE_SIZE)
        table += b"".join(ENTRY.pack(guid.bytes_le, ENTRY.size, digest) for guid, digest in entries)
        return table.ljust(PADDED_SIZE, b"\0")

    def page(self, area: HashTableArea, section: Section, role: str) -> bytes:
        """The page of the KERNEL_HASHES section, with the table where the footer says that the guest looks for it."""
        if area.gpa == 0 or area.size < PADDED_SIZE:
            raise ImageError(
                f"{role}: footer table: SEV hash table at {area.gpa:#x}, {area.size} bytes: no room for kernel hashes"
            )
        if not section.gpa <= area.gpa <= section.end - PADDED_SIZE:
            raise ImageError(f"{role}: footer table: SEV hash table at {area.gpa:#x} is not inside {section}")
        return (bytes(area.gpa - section.gpa) + self.table()).ljust(PAGE_SIZE, b"\0")


def hash_kernel(kernel: bytes, initrd: bytes = b"", append: str = "") -> KernelHashes:
    """The hashes of a kernel already in memory."""
    if not kernel:
        raise ImageError("kernel: the file is empty")
    return KernelHashes(_sha256(kernel), _sha256(initrd), _sha256(_c_string(append)))


def hash_kernel_files(kernel: Path | None, initrd: Path | None, append: str | None) -> KernelHashes | None:
    """The hashes for these options; None without a kernel."""
    if kernel is None:
        if initrd is not None or append:
            raise OptionError("initrd and append: they need a kernel")
        return None
    kernel_digest, size = digest_payload(kernel, "kernel")
    if size == 0:
        raise ImageError(f"kernel {str(kernel)!r}: the file is empty")
    initrd_digest = _sha256(b"") if initrd is None else digest_payload(initrd, "initrd")[0]
    return KernelHashes(kernel_digest, initrd_digest, _sha256(_c_string(append or "")))


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _c_string(text: str) -> bytes:
    if "\0" in text:
        raise OptionError("append: a kernel command line cannot hold a zero byte")
    try:
        return text.encode(errors="surrogateescape") + b"\0"
    except UnicodeEncodeError as error:
        raise OptionError(f"append: character {error.start} cannot be encoded in UTF-8") from None
