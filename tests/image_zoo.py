"""Specimens of whatever people call a photograph, each generated, with the pixels or the refusal that it must give."""

import io
import os
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import rasterio
import rasterio.transform
from PIL import Image, ImageCms

HEIGHT, WIDTH = 24, 32
ROWS, COLUMNS = np.mgrid[:HEIGHT, :WIDTH]
PICTURE = np.stack([COLUMNS * 8, ROWS * 10, 255 - 4 * (ROWS + COLUMNS)], axis=-1).astype(np.uint8)
"""Smooth, so that JPEG keeps it, and no two turns of it are alike."""
GREY = PICTURE[..., 2]
WIDE = (GREY.astype(np.uint16) << 8) | 77  # 16 bits, of which the lower eight must not count
EXIF_ORIENTATION = 0x0112
NOT_AN_IMAGE = "not in a supported image format"
OTHERS = "HEIC, AVIF and other formats"
STORED: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.swapaxes(0, 1),
    6: lambda upright: np.rot90(upright),
    7: lambda upright: upright[::-1, ::-1].swapaxes(0, 1),
    8: lambda upright: np.rot90(upright, -1),
}
"""EXIF orientation → how an upright picture lies in the file (EXIF 2.32, table 6)."""


@dataclass(frozen=True)
class Specimen:
    """A file and what becomes of it.

    Attributes:
        kind: its row in docs/images.md.
        name: the file's.
        write: makes it.
        answer: pixels that are read, or a part of the sentence that refuses it.
        tolerance: largest difference of a pixel, for lossy formats.
    """

    kind: str
    name: str
    write: Callable[[Path], Any]
    answer: np.ndarray | str
    tolerance: int = 0

    @property
    def id(self) -> str:
        """Its place without the extension, in a folder named after that."""
        return f"{Path(self.name).suffix[1:]}/{Path(self.name).stem}"


def rgb(grey: np.ndarray) -> np.ndarray:
    return np.repeat(grey[..., None], 3, axis=2)


def saved(pixels: np.ndarray | Image.Image, **options: Any) -> Callable[[Path], None]:
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(np.ascontiguousarray(pixels))
    return partial(image.save, **options)


def content(data: bytes | str) -> Callable[[Path], Any]:
    return lambda path: path.write_bytes(data.encode() if isinstance(data, str) else data)


def bytes_of(pixels: np.ndarray, form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form, **options)
    return buffer.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_header(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))


def tiff(bits: int, photometric: int, data: bytes, shape: tuple[int, int]) -> bytes:
    """A little-endian grey TIFF of one strip."""
    tags = {256: shape[1], 257: shape[0], 258: bits, 259: 1, 262: photometric}
    tags |= {273: 8, 277: 1, 278: shape[0], 279: len(data)}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    start = 8 + len(data)
    return struct.pack("<2sHI", b"II", 42, start) + data + struct.pack("<H", len(tags)) + entries + bytes(4)


JPEG = bytes_of(PICTURE, "JPEG", quality=95, subsampling=0)
PNG = bytes_of(PICTURE, "PNG")


def two(pixels: np.ndarray, **options: Any) -> Callable[[Path], None]:
    """Frames or pages, the second with other pixels."""
    return saved(pixels, save_all=True, append_images=[Image.fromarray(255 - pixels)], **options)


def in_jpeg(marker: int, data: bytes) -> bytes:
    """A JPEG with one more segment of metadata."""
    return JPEG[:2] + b"\xff" + bytes([marker]) + struct.pack(">H", len(data) + 2) + data + JPEG[2:]


def in_png(name: bytes, data: bytes) -> bytes:
    return PNG[:33] + chunk(name, data) + PNG[33:]


def bomb_jpeg() -> bytes:
    start = JPEG.index(b"\xff\xc0") + 5
    return JPEG[:start] + struct.pack(">HH", 20_000, 20_000) + JPEG[start + 4 :]


def plain() -> Iterator[Specimen]:
    for extension in ("png", "bmp", "tif"):
        yield Specimen("RGB", f"rgb.{extension}", saved(PICTURE), PICTURE)
    yield Specimen("RGB", "lossless.webp", saved(PICTURE, lossless=True), PICTURE)
    yield Specimen("RGB", "lossy.webp", saved(PICTURE, quality=95), PICTURE, 16)
    yield Specimen("RGB", "baseline.jpg", content(JPEG), PICTURE, 8)
    progressive = saved(PICTURE, progressive=True, quality=95, subsampling=0)
    yield Specimen("progressive JPEG", "progressive.jpg", progressive, PICTURE, 8)
    cmyk = Image.fromarray(PICTURE).convert("CMYK")
    yield Specimen("CMYK", "cmyk.jpg", saved(cmyk, quality=95), PICTURE, 8)
    yield Specimen("CMYK", "cmyk.tif", saved(cmyk), PICTURE)
    yield Specimen("YCbCr", "ycbcr.tif", saved(Image.fromarray(PICTURE).convert("YCbCr")), PICTURE, 4)
    yield Specimen("YCbCr", "jpeg.tif", saved(PICTURE, compression="jpeg", quality=95), PICTURE, 8)
    yield Specimen("grey", "grey.png", saved(GREY), rgb(GREY))
    yield Specimen("grey", "grey.jpg", saved(GREY, quality=95), rgb(GREY), 8)
    yield Specimen(
        "grey with transparency", "la.png", saved(np.stack([GREY, ROWS], -1).astype(np.uint8)), rgb(GREY)
    )
    hidden = np.dstack([PICTURE, np.zeros_like(GREY)])
    for extension, options in (("png", {}), ("tif", {}), ("webp", {"lossless": True, "exact": True})):
        yield Specimen("RGBA", f"rgba.{extension}", saved(hidden, **options), PICTURE)


def few_colours() -> Iterator[Specimen]:
    bits = GREY > 127
    black_white = rgb(np.where(bits, 255, 0).astype(np.uint8))
    for extension in ("png", "bmp", "tif", "gif"):
        yield Specimen("1 bit", f"one.{extension}", saved(Image.fromarray(bits)), black_white)
    colours = np.array([[250, 10, 20], [30, 240, 50], [60, 70, 230], [5, 6, 7]], np.uint8)
    indices = (COLUMNS // 8).astype(np.uint8)
    palette = Image.fromarray(indices)
    palette.putpalette(colours.tobytes())
    for extension in ("png", "bmp", "tif", "gif"):
        yield Specimen("palette", f"palette.{extension}", saved(palette), colours[indices])
    for extension in ("png", "gif"):
        clear = saved(palette, transparency=2)
        yield Specimen("palette with transparency", f"clear.{extension}", clear, colours[indices])


def wide() -> Iterator[Specimen]:
    yield Specimen("16 bits", "wide.png", saved(WIDE), rgb(GREY))
    yield Specimen("16 bits", "wide.tif", saved(WIDE), rgb(GREY))
    yield Specimen("16 bits", "wide_big.tif", saved(WIDE.astype(">u2")), rgb(GREY))
    colour = (PICTURE.astype(np.uint16) << 8) | 200
    for extension in ("png", "tif"):
        write = lambda path: cv2.imwrite(str(path), colour[..., ::-1])  # noqa: E731  # Pillow writes none
        yield Specimen("16 bits", f"wide_colour.{extension}", write, PICTURE)
    negative = tiff(16, 0, (65_535 - WIDE).astype("<u2").tobytes(), WIDE.shape)
    yield Specimen("TIFF whose white is zero", "negative_wide.tif", content(negative), rgb(GREY))
    negative = tiff(8, 0, (255 - GREY).tobytes(), GREY.shape)
    yield Specimen("TIFF whose white is zero", "negative.tif", content(negative), rgb(GREY))
    pairs = (WIDE >> 4).reshape(-1, 2).astype(np.uint32)
    packed = ((pairs[:, 0] << 12) | pairs[:, 1]).astype(">u4").view(np.uint8).reshape(-1, 4)[:, 1:]
    yield Specimen(
        "TIFF of 12 bits", "twelve.tif", content(tiff(12, 1, packed.tobytes(), WIDE.shape)), rgb(GREY)
    )
    for name, kind in (("float", np.float32), ("integer", np.int32)):
        yield Specimen("32 bits and floats", f"{name}.tif", saved(WIDE.astype(kind)), "pixel mode")
    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    turn = ImageCms.buildTransform(*profiles, "RGB", "LAB")
    lab = ImageCms.applyTransform(Image.fromarray(PICTURE), turn)
    yield Specimen("L*a*b*", "lab.tif", saved(lab), "pixel mode LAB")


def several_frames() -> Iterator[Specimen]:
    kind = "several frames or pages"
    yield Specimen(kind, "animated.webp", two(PICTURE, lossless=True), PICTURE)
    yield Specimen(kind, "animated.png", two(PICTURE), PICTURE)
    yield Specimen(kind, "animated.gif", two(GREY), rgb(GREY))
    yield Specimen(kind, "phone.jpg", two(PICTURE, format="MPO", quality=95, subsampling=0), PICTURE, 8)


def scene(bands: int) -> Callable[[Path], None]:
    """A GeoTIFF of 16 bits."""

    def write(path: Path) -> None:
        values = np.zeros((bands, 20, 30), np.uint16)
        shape = {"count": bands, "height": 20, "width": 30, "dtype": "uint16"}
        place = {"crs": "EPSG:32633", "transform": rasterio.transform.from_origin(0, 0, 10, 10)}
        with rasterio.open(path, "w", driver="GTiff", **shape, **place) as file:
            file.write(values)

    return write


def scenes() -> Iterator[Specimen]:
    kind = "GeoTIFF of 16 bits, TIFF of more bands than four"
    for bands in (1, 3, 6):
        yield Specimen(kind, f"scene_{bands}.tif", scene(bands), f"has {bands} bands? of 16 bits")


def several_pages() -> Iterator[Specimen]:
    yield Specimen("TIFF of several pages", "pages.tif", two(PICTURE), "has 2 pages.*split it")


def turned() -> Iterator[Specimen]:
    kind = "turned by EXIF"
    for orientation, stored in STORED.items():
        exif = Image.Exif()
        exif[EXIF_ORIENTATION] = orientation
        lies = stored(PICTURE)
        jpeg = saved(lies, exif=exif, quality=95, subsampling=0)
        yield Specimen(kind, f"turned_{orientation}.jpg", jpeg, PICTURE, 8)
        yield Specimen(kind, f"turned_{orientation}.png", saved(lies, exif=exif), PICTURE)
        yield Specimen(kind, f"turned_{orientation}.webp", saved(lies, exif=exif, lossless=True), PICTURE)
        yield Specimen(kind, f"turned_{orientation}.tif", saved(lies, exif=exif), PICTURE)
        packed = saved(lies, exif=exif, compression="tiff_lzw")
        yield Specimen(kind, f"turned_lzw_{orientation}.tif", packed, PICTURE)
        yield Specimen(kind, f"turned_grey_{orientation}.tif", saved(stored(GREY), exif=exif), rgb(GREY))
        yield Specimen(kind, f"turned_wide_{orientation}.tif", saved(stored(WIDE), exif=exif), rgb(GREY))


def odd_metadata() -> Iterator[Specimen]:
    profile = content(in_jpeg(0xE2, b"ICC_PROFILE\0\x01\x01" + b"garbage" * 20))
    yield Specimen("damaged colour profile", "profile.jpg", profile, PICTURE, 8)
    yield Specimen(
        "damaged colour profile", "profile.png", content(in_png(b"iCCP", b"x\0\0garbage")), PICTURE
    )
    damaged = {
        "text": b"garbage" * 5,
        "offset": b"MM\0*\xff\xff\xff\xff",
        "tags": b"II*\0\x08\0\0\0\xff\xff" + b"\xff" * 30,
        "short": b"MM",
        "letters": b"II*\0\x08\0\0\0\x01\0\x12\x01\x02\0\x04\0\0\0abc\0\0\0\0\0",
        "ninth": b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x09\0\0\0\0\0\0\0",
    }
    for name, data in damaged.items():
        yield Specimen(
            "damaged EXIF", f"exif_{name}.jpg", content(in_jpeg(0xE1, b"Exif\0\0" + data)), PICTURE, 8
        )
        yield Specimen("damaged EXIF", f"exif_{name}.png", content(in_png(b"eXIf", data)), PICTURE)


def odd_sizes() -> Iterator[Specimen]:
    for height, width in ((1, 1), (1, 5000), (5000, 1)):
        pixels = np.resize(PICTURE, (height, width, 3))
        yield Specimen("very small, thin or flat", f"{width}x{height}.png", saved(pixels), pixels)
    bomb = png_header(20_000, 20_000) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    yield Specimen("more than 178,956,970 pixels", "bomb.png", content(bomb), "more pixels than")
    yield Specimen("more than 178,956,970 pixels", "bomb.jpg", content(bomb_jpeg()), "more pixels than")
    nothing = png_header(0, 5) + chunk(b"IDAT", zlib.compress(b"\0" * 5)) + chunk(b"IEND", b"")
    yield Specimen("no pixels", "none.png", content(nothing), "none.png is not in a supported image format")


def cut_short() -> Iterator[Specimen]:
    kind = "truncated"
    yield Specimen(kind, "cut.jpg", content(JPEG[: len(JPEG) // 2]), "cannot be decoded")
    yield Specimen(kind, "cut_end.jpg", content(JPEG[:-20]), "cannot be decoded")
    progressive = bytes_of(PICTURE, "JPEG", progressive=True)
    yield Specimen(
        kind, "cut_progressive.jpg", content(progressive[: -len(progressive) // 4]), "cannot be decoded"
    )
    noise = np.random.default_rng(0).integers(0, 256, PICTURE.shape, dtype=np.uint8)
    for form in ("PNG", "GIF", "BMP", "TIFF", "WEBP"):
        data = bytes_of(noise, form)
        cut = content(data[: len(data) * 3 // 4])
        yield Specimen(
            kind, f"cut.{form.lower()}", cut, "cannot be decoded|is not in a supported image format"
        )


def no_images() -> Iterator[Specimen]:
    yield Specimen("empty file", "empty.jpg", content(b""), "is empty")
    text = "<html><body>404 not found</body></html>\n" * 50
    yield Specimen("text called .jpg", "text.jpg", content(text), NOT_AN_IMAGE)
    for brand in (b"heic", b"avif"):
        data = struct.pack(">I", 24) + b"ftyp" + brand + bytes(4) + b"mif1" + brand + bytes(200)
        yield Specimen(OTHERS, f"{brand.decode()}.jpg", content(data), NOT_AN_IMAGE)
    eps = "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n9 9 rectfill\n%%EOF\n"
    yield Specimen(OTHERS, "postscript.jpg", content(eps), NOT_AN_IMAGE)
    yield Specimen(OTHERS, "portable.png", content(b"P6 1 1 255 abc"), NOT_AN_IMAGE)
    yield Specimen("wrong extension", "png_called.jpg", content(PNG), PICTURE)
    yield Specimen("wrong extension", "tiff_called.png", saved(PICTURE, format="TIFF"), PICTURE)


def odd_names() -> Iterator[Specimen]:
    kind = "odd names"
    odd = [
        "two words",
        "Möwe 海鷗 🐦",
        "-rf",
        "; touch pwned #",
        "$(touch pwned)",
        "`touch pwned`",
        'it\'s "so"',
        "a,b",
    ]
    for name in [*odd, "=1+1", "{id}", "%2F", "n" * 220, "ü" * 112]:
        yield Specimen(kind, f"{name}.png", content(PNG), PICTURE)


def odd_files() -> Iterator[Specimen]:
    yield Specimen("link to an image", "link.png", lambda path: path.symlink_to("rgb.png"), PICTURE)
    dangling = "dangling.png is a link to nowhere.png, which does not exist"
    yield Specimen("dangling link", "dangling.png", lambda path: path.symlink_to("nowhere.png"), dangling)
    yield Specimen(
        "dangling link", "loop.png", lambda path: path.symlink_to("loop.png"), "was not found|loop"
    )
    yield Specimen("folder called .jpg", "folder.jpg", lambda path: path.mkdir(), "folder.jpg is a folder")
    to_folder = Specimen(
        "folder called .jpg", "to_folder.jpg", lambda path: path.symlink_to("."), "is a folder"
    )
    yield to_folder
    yield Specimen("pipe or device", "pipe.jpg", os.mkfifo, "was not found")
    yield Specimen("missing", "missing.jpg", lambda path: None, "missing.jpg' was not found")


ZOO = [
    *(
        *plain(),
        *few_colours(),
        *wide(),
        *several_frames(),
        *several_pages(),
        *scenes(),
        *turned(),
        *odd_metadata(),
    ),
    *(*odd_sizes(), *cut_short(), *no_images(), *odd_names(), *odd_files()),
]
