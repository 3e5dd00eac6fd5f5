"""Files, vCPU choices and kernel command lines, as a user gives them."""

from pathlib import Path

import pytest

from impl.hypervisor import files
from impl.hypervisor.cpu_types import choose_signature
from impl.hypervisor.errors import ImageError, OptionError
from impl.hypervisor.files import MAX_IMAGE_SIZE, file_size, read_image
from impl.hypervisor.kernel_hashes import PADDED_SIZE, TABLE_SIZE, hash_kernel, hash_kernel_files


def test_directory_is_refused(tmp_path: Path) -> None:
    for read in (read_image, file_size):
        with pytest.raises(ImageError) as caught:
            read(tmp_path, "firmware")

        assert str(caught.value) == f"firmware {str(tmp_path)!r}: is a directory"


def test_missing_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "none"

    for read in (read_image, file_size):
        with pytest.raises(ImageError) as caught:
            read(path, "SVSM")

        assert str(caught.value) == f"SVSM {str(path)!r}: no such file or directory"


def test_path_that_no_system_call_takes_is_refused_in_one_line() -> None:
    with pytest.raises(ImageError) as caught:
        read_image(Path("a\0\nb"), "firmware")

    assert str(caught.value) == r"firmware 'a\x00\nb': embedded null byte"


@pytest.mark.parametrize(
    ("size", "message"),
    [
        (0, "the image is empty"),
        (4097, "the image has 4097 bytes, not a whole number of 4096-byte pages"),
        (MAX_IMAGE_SIZE + 1, "the image is larger than 16 MiB"),
    ],
)
def test_file_of_impossible_size_is_refused(size: int, message: str, tmp_path: Path) -> None:
    path = tmp_path / "image"
    with path.open("wb") as file:
        file.truncate(size)

    with pytest.raises(ImageError) as caught:
        read_image(path, "firmware")

    assert str(caught.value) == f"firmware {str(path)!r}: {message}"


def test_endless_file_is_refused() -> None:
    endless = Path("/dev/zero")

    with pytest.raises(ImageError, match=r"^firmware '/dev/zero': the image is larger than 16 MiB$"):
        read_image(endless, "firmware")


def test_payload_beyond_its_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "kernel"
    path.write_bytes(b"kernel")
    monkeypatch.setattr(files, "MAX_PAYLOAD_SIZE", 5)

    with pytest.raises(ImageError) as caught:
        hash_kernel_files(path, None, None)

    assert str(caught.value) == f"kernel {str(path)!r}: the file is larger than 4 GiB - 1"


def test_variable_store_counts_by_its_size(tmp_path: Path) -> None:
    (tmp_path / "vars").write_bytes(bytes(8192))

    assert file_size(tmp_path / "vars", "variable store") == 8192


def test_kernel_hashes_of_files_are_those_of_their_bytes(tmp_path: Path) -> None:
    kernel, initrd = tmp_path / "kernel", tmp_path / "initrd"
    kernel.write_bytes(b"kernel")
    initrd.write_bytes(b"initrd")

    assert hash_kernel_files(kernel, initrd, "quiet") == hash_kernel(b"kernel", b"initrd", "quiet")
    assert hash_kernel_files(kernel, None, None) == hash_kernel(b"kernel")
    assert hash_kernel_files(None, None, "") is None


def test_hash_table_is_padded_to_sixteen_bytes() -> None:
    table = hash_kernel(b"kernel").table()

    assert (TABLE_SIZE, PADDED_SIZE, len(table)) == (168, 176, 176)
    assert table[168:] == bytes(8)


def test_empty_kernel_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "kernel"
    path.touch()

    with pytest.raises(ImageError, match=r"^kernel: the file is empty$"):
        hash_kernel(b"")
    with pytest.raises(ImageError) as caught:
        hash_kernel_files(path, None, None)

    assert str(caught.value) == f"kernel {str(path)!r}: the file is empty"


@pytest.mark.parametrize(("initrd", "append"), [(Path("initrd"), None), (None, "quiet")])
def test_initrd_or_append_without_kernel_is_refused(initrd: Path | None, append: str | None) -> None:
    with pytest.raises(OptionError, match=r"^initrd and append: they need a kernel$"):
        hash_kernel_files(None, initrd, append)


@pytest.mark.parametrize(
    ("append", "message"),
    [
        ("a\0b", "append: a kernel command line cannot hold a zero byte"),
        ("ab\ud800", "append: character 2 cannot be encoded in UTF-8"),
    ],
)
def test_command_line_that_cannot_be_is_refused(append: str, message: str) -> None:
    with pytest.raises(OptionError) as caught:
        hash_kernel(b"kernel", append=append)

    assert str(caught.value) == message


def test_most_exact_choice_of_vcpu_wins() -> None:
    assert choose_signature("EPYC-v4") == 0x800F12
    assert choose_signature("EPYC-v4", signature=0) == 0
    assert choose_signature("EPYC-v4", 0, 25, 1, 1) == 0xA00F11
    assert choose_signature() is None


def test_unknown_vcpu_is_refused() -> None:
    with pytest.raises(OptionError, match=r"^vCPU type 'Xeon' is unknown; known are EPYC, EPYC-v1, "):
        choose_signature("Xeon")
    with pytest.raises(OptionError, match=r"^vCPU: family, model and stepping must be given together$"):
        choose_signature(family=25)
    with pytest.raises(OptionError, match=r"^vCPU family: 271 is not in 0\.\.270$"):
        choose_signature(family=271, model=0, stepping=0)
