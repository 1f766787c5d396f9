"""Rasters of satellites and microscopes: chosen bands of any number and depth as RGB `uint8`, read window by window."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import numpy as np

from weakseg.errors import InputError

LOW, HIGH = 2.0, 98.0
"""Percentiles that `percentile` takes as black and white."""
SAMPLE = 1024
"""Longer side, in pixels, of the reduced picture from which percentiles are computed: memory does not grow."""
CACHE = 64
"""Megabytes of decoded blocks that GDAL keeps; by itself it takes a twentieth of the machine's memory."""


@dataclass(frozen=True)
class Stretch:
    """Which values become black and white.

    Attributes:
        low, high: percentiles of each band, or values of the file.
        is_percentile: which of the two they are.
    """

    low: float
    high: float
    is_percentile: bool


def parse_stretch(text: str) -> Stretch:
    """`percentile` (2 and 98), `percentile:1,99` or `0,3000`.

    Raises:
        InputError: something else, or the low value is not below the high one.
    """
    word, _, given = text.rpartition(":") if text != "percentile" else (text, "", f"{LOW},{HIGH}")
    try:
        low, high = (float(number) for number in given.split(","))
        good = word in ("", "percentile") and low < high and (not word or 0 <= low < high <= 100)
    except ValueError:
        good = False
    if not good:
        raise InputError(
            f"stretch {text!r} was given; 'percentile', percentiles as 'percentile:1,99' or two values as '0,3000' "
            "were expected, the lower one first: correct it."
        )
    return Stretch(low, high, bool(word))


@dataclass(frozen=True)
class Raster:
    """An open raster.

    Attributes:
        path: of the file.
        file: rasterio's reader.
        bands: numbers of the bands for red, green and blue, from 1.
        low, high: value of each of these bands that becomes 0, and 255.
    """

    path: Path
    file: Any
    bands: tuple[int, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return int(self.file.height), int(self.file.width)

    def read(self, top: int, left: int, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
        """A window that lies inside the raster.

        Returns:
            RGB `uint8` height×width×3, black where nothing was measured, and `bool` height×width: where something was.
            A pixel has none if all chosen bands are nodata, by the file's value, mask or alpha, or not finite.
        """
        with _reading(self.path):
            window = _rasterio().windows.Window(left, top, width, height)
            values = self.file.read(self.bands, window=window)
            valid = self.file.read_masks(self.bands, window=window).astype(bool) & np.isfinite(values)
        picture = np.zeros((height, width, len(self.bands)), np.uint8)
        for number, (low, high) in enumerate(zip(self.low, self.high, strict=True)):
            scaled = (np.nan_to_num(values[number].astype(np.float32)) - low) * (255 / (high - low))
            picture[..., number] = np.clip(np.rint(scaled), 0, 255) * valid[number]
        if len(self.bands) == 1:
            picture = np.repeat(picture, 3, axis=2)
        return picture, valid.any(axis=0)


@contextmanager
def open_raster(path: Path, bands: Sequence[int] = (), stretch: Stretch | None = None) -> Iterator[Raster]:
    """Open a raster; memory is that of the windows read.

    Args:
        path: a GeoTIFF or another file that GDAL reads.
        bands: for red, green and blue, or one for grey; without any, the only one or the first three of at most four.
        stretch: of values to 0…255; only 8 bits need none.

    Raises:
        InputError: it cannot be read, has several pages, or more bands or bits than are chosen of.
    """
    rasterio = _rasterio()
    warnings.filterwarnings(
        "ignore", category=rasterio.errors.NotGeoreferencedWarning
    )  # microscopes' are not
    with rasterio.Env(GDAL_CACHEMAX=CACHE), _reading(path), rasterio.open(path) as file:
        refuse_pages(path, len(file.subdatasets))
        chosen = _bands(path, file, bands)
        low, high = _limits(path, file, chosen, stretch)
        yield Raster(path, file, chosen, low, high)


def refuse_pages(path: Path, count: int) -> None:
    """Refuse a file of several pages.

    Raises:
        InputError: it has more than one.
    """
    if count > 1:
        raise InputError(
            f"{path} has {count} pages; one image a file was expected: split it, by `tiffsplit {path.name}` or with "
            "tifffile in Python, and give the pages that you want as files of their own."
        )


def _bands(path: Path, file: Any, bands: Sequence[int]) -> tuple[int, ...]:
    count, bits = int(file.count), file.dtypes[0]
    if not bands and count <= 4:  # grey, grey and alpha, RGB, RGB and alpha or infrared
        return (1,) if count < 3 else (1, 2, 3)
    if len(bands) in (1, 3) and all(1 <= band <= count for band in bands):
        return tuple(bands)
    given = f"; the bands {','.join(map(str, bands))} were given" if bands else ""
    raise InputError(
        f"{path} has {count} bands of {bits}{given}; the numbers of the three for red, green and blue, or of one for "
        f"grey, from 1 to {count}, were expected: set --bands, for example --bands {'4,3,2' if count > 3 else '1'}."
    )


def _limits(
    path: Path, file: Any, bands: tuple[int, ...], stretch: Stretch | None
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Black and white of each band, in the file's values."""
    kinds = {file.dtypes[band - 1] for band in bands}
    if stretch is None:
        if kinds == {"uint8"}:
            return (0.0,) * len(bands), (255.0,) * len(bands)
        raise InputError(
            f"{path} has {file.count} bands of {', '.join(sorted(kinds))}, of which nothing says what is white; set "
            "--stretch percentile, or the two values that become black and white, such as --stretch 0,3000."
        )
    if not stretch.is_percentile:
        return (stretch.low,) * len(bands), (stretch.high,) * len(bands)
    shrink = min(1.0, SAMPLE / max(file.height, file.width))
    shape = tuple(max(1, round(side * shrink)) for side in (file.height, file.width))
    pairs = [_percentiles(file.read(band, out_shape=shape, masked=True), stretch) for band in bands]
    return tuple(low for low, _ in pairs), tuple(high for _, high in pairs)


def _percentiles(values: Any, stretch: Stretch) -> tuple[float, float]:
    """Two percentiles of what was measured; the high one is above the low one even if all values are equal."""
    known = np.asarray(values.compressed(), np.float64)
    known = known[np.isfinite(known)]
    if not known.size:
        return 0.0, 1.0
    low, high = np.percentile(known, (stretch.low, stretch.high)).tolist()
    return low, max(high, low + 1e-6 * max(1.0, abs(low)))


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """GDAL's errors as one sentence."""
    try:
        yield
    except _rasterio().errors.RasterioError as error:
        said = " ".join(str(error.__cause__ or error).split())[:160]
        raise InputError(
            f"raster {path} cannot be read ({said}); a whole GeoTIFF or another raster that GDAL reads was expected: "
            "replace it or leave it out."
        ) from None


def _rasterio() -> ModuleType:
    try:
        import rasterio
        import rasterio.windows
    except ImportError:
        raise InputError(
            "rasterio, which reads and writes GeoTIFF, is not installed; run pip install 'weakseg[geo]', in a checkout "
            "pip install -e '.[geo]'."
        ) from None
    return cast(ModuleType, rasterio)


@contextmanager
def new_geotiff(path: Path, like: Raster, classes: Sequence[str], colours: dict[int, Any]) -> Iterator[Any]:
    """A GeoTIFF of labels with the size, CRS and transform of a raster, 255 for nodata, to be filled by windows.

    Args:
        path: where it is written.
        like: the raster.
        classes: names, background first; its tag `classes` has them, joined by `|`.
        colours: label → red, green, blue and alpha.

    Yields:
        Writes labels H'×W `uint8` below a row: `write(top, labels)`.
    """
    rasterio, (height, width) = _rasterio(), like.size
    layout = {
        "tiled": True,
        "blockxsize": 256,
        "blockysize": 256,
        "compress": "deflate",
        "bigtiff": "if_safer",
    }
    place = {"crs": like.file.crs, "transform": like.file.transform, "nodata": 255}
    shape = {"driver": "GTiff", "width": width, "height": height, "count": 1, "dtype": "uint8"}
    with rasterio.open(path, "w", **shape, **layout, **place) as file:
        file.write_colormap(1, colours)
        file.update_tags(classes="|".join(classes))

        def write(top: int, labels: np.ndarray) -> None:
            file.write(labels, 1, window=rasterio.windows.Window(0, top, width, len(labels)))

        yield write
