"""The files and options of `sevspec verify-report`; one line says what is wrong with one."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from impl.attestation.certificates import Bundle, read_bundle
from impl.attestation.report import Malformed, SignedReport, read_report
from sevspec.refused import Refused

REPORT_DATA_BYTES = 64


def report_in(path: Path) -> SignedReport:
    """The report of a file."""
    try:
        return read_report(content_of(path))
    except Malformed as malformed:
        raise Refused(f"{path}: {malformed}") from None


def bundle_in(paths: Sequence[Path]) -> Bundle:
    """The certificates and revocation lists of files, and of folders' files."""
    try:
        return read_bundle((str(path), content_of(path)) for path in files_of(paths))
    except Malformed as malformed:
        raise Refused(f"--certs: {malformed}") from None


def files_of(paths: Sequence[Path]) -> Iterator[Path]:
    """Files, and the files of folders."""
    for path in paths:
        if path.is_dir():
            yield from sorted(inner for inner in path.iterdir() if inner.is_file())
        else:
            yield path


def content_of(path: Path) -> bytes:
    """A file's bytes."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}") from None


def nonce_of(text: str) -> bytes:
    """The report data that a nonce makes: zeros follow it."""
    try:
        nonce = bytes.fromhex(text)
    except ValueError:
        raise Refused(f"--nonce: '{text}' is not bytes in hexadecimal") from None
    if not 0 < len(nonce) <= REPORT_DATA_BYTES:
        raise Refused(f"--nonce: 1 to {REPORT_DATA_BYTES} bytes, these are {len(nonce)}")
    return nonce.ljust(REPORT_DATA_BYTES, b"\0")


def time_of(text: str) -> datetime:
    """The time of judgement; without one, now."""
    if not text:
        return datetime.now(UTC)
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(f"--at: '{text}' is not a date or time such as 2026-11-30 or 2026-11-30T12:00") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
