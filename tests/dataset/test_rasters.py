"""Scenes of satellites and microscopes: bands, stretch, nodata and windows, against files that rasterio writes."""

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from click.testing import CliRunner, Result
from PIL import Image
from rasterio.transform import from_origin

from weakseg.cli import weakseg
from weakseg.dataset.images import nodata_pixels, read_image
from weakseg.dataset.index import Index
from weakseg.dataset.rasters import open_raster, parse_stretch
from weakseg.dataset.records import Record
from weakseg.dataset.tiles import starts
from weakseg.errors import InputError
from weakseg.storage.labels import write_labels

Save = Callable[..., Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def write(values: np.ndarray, name: str = "scene.tif", **profile: Any) -> Path:
        count, height, width = values.shape
        shape = {"count": count, "height": height, "width": width, "dtype": values.dtype}
        place = {"crs": "EPSG:32633", "transform": from_origin(500_000, 5_200_000, 10, 10)}
        with rasterio.open(tmp_path / name, "w", driver="GTiff", **shape, **place, **profile) as file:
            file.write(values)
        return tmp_path / name

    return write


def values_of(bands: int, height: int = 40, width: int = 50, kind: str = "uint16") -> np.ndarray:
    return np.random.default_rng(0).integers(1, 3000, (bands, height, width)).astype(kind)


def tiles(*arguments: object) -> Result:
    return CliRunner().invoke(weakseg, ["tiles", *map(str, arguments)])


def test_the_chosen_bands_are_stretched_between_two_values(save: Save) -> None:
    values = values_of(6)
    with open_raster(save(values), (4, 3, 2), parse_stretch("500,2500")) as raster:
        picture, valid = raster.read(5, 10, 20, 30)
    part = values[[3, 2, 1], 5:25, 10:40].transpose(1, 2, 0).astype(float)
    assert valid.all()
    np.testing.assert_array_equal(picture, np.clip(np.rint((part - 500) * (255 / 2000)), 0, 255))


def test_percentiles_are_those_of_each_band_without_nodata(save: Save) -> None:
    values = values_of(4)
    values[:, :20] = 0
    with open_raster(save(values, nodata=0), (1, 2, 3), parse_stretch("percentile:10,90")) as raster:
        measured = values[:3, 20:].reshape(3, -1)
    np.testing.assert_allclose(raster.low, np.percentile(measured, 10, axis=1))
    np.testing.assert_allclose(raster.high, np.percentile(measured, 90, axis=1))


def test_eight_bits_are_read_as_they_are(save: Save) -> None:
    values = np.random.default_rng(0).integers(0, 256, (3, 20, 30), dtype=np.uint8)
    with open_raster(save(values)) as raster:
        picture, _ = raster.read(0, 0, 20, 30)
    np.testing.assert_array_equal(picture, values.transpose(1, 2, 0))


@pytest.mark.parametrize(
    ("bands", "kind", "arguments", "sentence"),
    [
        (6, "uint16", ["--stretch", "percentile"], "has 6 bands of uint16; .* set --bands"),
        (
            4,
            "uint16",
            ["--bands", "4,3,2"],
            "has 4 bands of uint16, of which nothing .* --stretch percentile",
        ),
        (6, "uint16", ["--bands", "7,3,2"], "the bands 7,3,2 were given; .* from 1 to 6"),
        (3, "uint16", ["--stretch", "9,1"], "stretch '9,1' was given"),
        (3, "uint16", ["--stretch", "percentile:1,200"], "stretch 'percentile:1,200' was given"),
    ],
)
def test_what_is_missing_is_said_in_one_sentence(
    save: Save, tmp_path: Path, bands: int, kind: str, arguments: list[str], sentence: str
) -> None:
    done = tiles(save(values_of(bands, kind=kind)), "--out", tmp_path / "out", *arguments)
    assert isinstance(done.exception, InputError)
    assert not (tmp_path / "out").exists()
    with pytest.raises(InputError, match=sentence):
        raise done.exception


@pytest.mark.parametrize(("bands", "sentence"), [(1, "1 band of 16 bits"), (6, "6 bands of 16 bits")])
def test_an_image_that_is_such_a_raster_names_the_command(save: Save, bands: int, sentence: str) -> None:
    with pytest.raises(InputError, match=f"{sentence}; .*weakseg tiles scene.tif .*--stretch percentile"):
        read_image(save(values_of(bands)))


def test_a_stack_of_pages_and_a_damaged_file_are_refused(save: Save, tmp_path: Path) -> None:
    pages = [Image.fromarray(np.full((20, 20), value, np.uint8)) for value in (1, 2, 3)]
    pages[0].save(tmp_path / "stack.tif", save_all=True, append_images=pages[1:])
    for read in (read_image, lambda path: open_raster(path).__enter__()):
        with pytest.raises(InputError, match=r"has 3 pages; .*tiffsplit stack.tif"):
            read(tmp_path / "stack.tif")
    (tmp_path / "odd.tif").write_bytes(b"II*\0nothing")
    with (
        pytest.raises(InputError, match=r"raster .*odd.tif cannot be read"),
        open_raster(tmp_path / "odd.tif"),
    ):
        pass


def test_without_rasterio_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rasterio", None)
    with pytest.raises(InputError, match=r"pip install 'weakseg\[geo\]'"), open_raster(tmp_path / "a.tif"):
        pass


def test_windows_cover_a_side_with_one_size() -> None:
    assert starts(100, 40, 40) == [0, 40, 60]
    assert starts(80, 40, 40) == [0, 40]
    assert starts(30, 40, 40) == [0]


def test_a_scene_becomes_windows_with_a_table(save: Save, tmp_path: Path) -> None:
    values = values_of(4, 100, 120)
    values[:, :40, :40] = 0
    values[:, 40:50, :40] = 0
    out = tmp_path / "tiles"
    scene = save(values, nodata=0)
    done = tiles(
        scene, "--out", out, "--window", 40, "--bands", "4,3,2", "--stretch", "0,3000", "--labels", "crop"
    )
    assert done.exit_code == 0, done.output
    assert "wrote 8 windows of 1 scenes; 1 more show nothing but nodata" in done.output
    with (out / "labels.csv").open() as file:
        rows = [*csv.DictReader(file)]
    assert rows[0] == {"image": "scene/00000_00040.png", "labels": "crop", "scene": "scene"}
    assert json.loads((out / "tiles.json").read_text())["scenes"]["scene"]["crs"] == "EPSG:32633"
    with open_raster(scene, (4, 3, 2), parse_stretch("0,3000")) as raster:
        for row in rows:
            top, left = (int(number) for number in Path(row["image"]).stem.split("_"))
            np.testing.assert_array_equal(read_image(out / row["image"]), raster.read(top, left, 40, 40)[0])


def test_pixels_without_data_are_not_scored(save: Save, tmp_path: Path) -> None:
    values = values_of(3, 40, 40)
    values[:, :10] = 0
    tiles(save(values, nodata=0), "--out", tmp_path / "tiles", "--window", 40, "--stretch", "percentile")
    image = tmp_path / "tiles" / "scene" / "00000_00000.png"
    nodata = nodata_pixels(image)
    assert nodata is not None
    assert nodata[:10].all()
    assert not nodata[10:].any()
    write_labels(tmp_path / "mask.png", np.ones((40, 40), np.uint8))
    record = Record("a", image, "val", ("crop",), tmp_path / "mask.png")
    mask = Index([record], ("crop",), (0, 1)).read_mask(record)
    assert (mask[:10] == 255).all()
    assert (mask[10:] == 1).all()


def test_other_transparent_pictures_keep_their_masks(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((9, 9, 4), np.uint8)).save(tmp_path / "logo.png")
    assert nodata_pixels(tmp_path / "logo.png") is None
