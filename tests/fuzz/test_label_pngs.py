"""Label PNGs with changed bytes: the same labels or a refusal, never other labels; images: pixels or a refusal."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from weakseg.dataset.images import image_size, read_image
from weakseg.errors import InputError
from weakseg.storage.labels import decode_labels, voc_palette

few_values = arrays(
    np.uint8, st.tuples(st.integers(1, 24), st.integers(1, 24)), elements=st.sampled_from([0, 1, 15, 255])
)
any_values = arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12)))


def png(labels: np.ndarray, bits: int | None) -> bytes:
    """A palette PNG of so many bits a pixel, or with `None` a grey one."""
    image = Image.fromarray(labels)
    options = {} if bits is None else {"bits": bits}
    if bits is not None:
        image = image.convert("P")
        image.putpalette(voc_palette().tobytes())
    buffer = io.BytesIO()
    image.save(buffer, "PNG", **options)
    return buffer.getvalue()


def changed(content: bytes, data: st.DataObject) -> bytes:
    """Some bytes flipped, dropped, put in, or the end cut off."""
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(content) - 1))
        how = data.draw(st.sampled_from(["flip", "flip", "flip", "drop", "insert", "cut", "swap"]))
        if how == "flip":
            flipped = content[place] ^ data.draw(st.integers(1, 255))
            content = content[:place] + bytes([flipped]) + content[place + 1 :]
        elif how == "drop":
            content = content[:place] + content[place + data.draw(st.integers(1, 9)) :]
        elif how == "insert":
            content = content[:place] + data.draw(st.binary(min_size=1, max_size=9)) + content[place:]
        elif how == "swap":
            content = content[:place] + content[place : place + 2][::-1] + content[place + 2 :]
        else:
            content = content[: max(place, 1)]
        content = content or b"\0"
    return content


def same_or_refused(content: bytes, labels: np.ndarray) -> None:
    try:
        found = decode_labels(content, "x.png")
    except InputError as error:
        assert str(error).startswith("x.png ")
        assert "\n" not in str(error)
    else:
        assert np.array_equal(found, labels)


@given(labels=few_values | any_values, bits=st.sampled_from([8, 8, None]), data=st.data())
def test_never_other_labels(labels: np.ndarray, bits: int | None, data: st.DataObject) -> None:
    same_or_refused(changed(png(labels, bits), data), labels)


@given(labels=any_values, bits=st.sampled_from([1, 2, 4]), data=st.data())
def test_never_other_labels_in_small_palettes(labels: np.ndarray, bits: int, data: st.DataObject) -> None:
    labels %= 1 << bits
    content = png(labels, bits)
    assert np.array_equal(decode_labels(content, "x.png"), labels)
    same_or_refused(changed(content, data), labels)


def test_every_bit_of_a_file() -> None:
    """Of single flips none is left to luck."""
    labels = np.zeros((20, 30), np.uint8)
    labels[4:12, 5:20], labels[0] = 3, 255
    content = png(labels, None)
    for place in range(len(content)):
        for bit in range(8):
            flipped = content[place] ^ (1 << bit)
            same_or_refused(content[:place] + bytes([flipped]) + content[place + 1 :], labels)


@pytest.mark.parametrize("mode", ["1", "I;16", "RGB", "RGBA", "LA"])
def test_pixels_that_are_no_indices(mode: str) -> None:
    buffer = io.BytesIO()
    Image.new(mode, (4, 4)).save(buffer, "PNG")
    with pytest.raises(InputError, match=f"pixel mode {mode}"):
        decode_labels(buffer.getvalue(), "x.png")


@pytest.mark.parametrize("bits", [2, 4])
def test_grey_of_few_bits_is_refused(bits: int) -> None:
    """Pillow would stretch its values: 1 of 4 bits becomes 17."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 1, bits, 0, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"\0" + bytes([1 << (8 - bits)])))
    with pytest.raises(InputError, match=f"pixel mode L of {bits} bits"):
        decode_labels(b"\x89PNG\r\n\x1a\n" + header + pixels + chunk(b"IEND", b""), "x.png")


@pytest.mark.parametrize("form", ["JPEG", "GIF", "BMP", "TIFF", "WEBP"])
def test_other_formats_called_png_are_refused(form: str) -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.ones((8, 8), np.uint8)).save(buffer, form)
    with pytest.raises(InputError, match="it is not a PNG"):
        decode_labels(buffer.getvalue(), "x.png")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("images")


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@given(form=st.sampled_from(["JPEG", "PNG", "BMP", "WEBP", "TIFF", "GIF"]), data=st.data())
def test_images_with_changed_bytes_are_read_or_refused(folder: Path, form: str, data: st.DataObject) -> None:
    values = np.random.default_rng(0).integers(0, 256, (13, 17, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = data.draw(st.integers(1, 8))
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, form, **({"exif": exif} if form not in ("BMP", "GIF") else {}))
    path = folder / "x.jpg"
    path.write_bytes(changed(buffer.getvalue(), data))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Image, "MAX_IMAGE_PIXELS", 500_000)  # a changed header may ask for half a gigabyte
        try:
            pixels = read_image(path)
        except InputError as error:
            assert "\n" not in str(error)
            assert len(str(error)) < 500
        else:
            assert pixels.dtype == np.uint8
            assert pixels.ndim == 3
            assert image_size(path) == pixels.shape[:2]
