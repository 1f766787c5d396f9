"""What cannot be opened as an ONNX model is said to be what it is."""

from pathlib import Path

import pytest

from weakseg.errors import InputError
from weakseg.storage.onnx_file import open_onnx


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "is a Git LFS pointer"),
        (b"\xef\xbb\xbf <html lang='en'>", "is a web page"),
        (b"", "is empty"),
    ],
)
def test_a_file_that_is_something_else_is_named(tmp_path: Path, content: bytes, word: str) -> None:
    path = tmp_path / "u2net.onnx"
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"^ONNX model {path} {word}"):
        open_onnx(path)


def test_onnxruntimes_reason_is_told_whole(tmp_path: Path) -> None:
    """It comes after the path, and was cut off behind a long one."""
    path = tmp_path / ("long" * 40) / "u2net.onnx"
    path.parent.mkdir()
    path.write_bytes(b"\x08\x08")  # the version of a format, and nothing else
    with pytest.raises(InputError, match=r"No graph was found.*an ONNX model was expected"):
        open_onnx(path)
