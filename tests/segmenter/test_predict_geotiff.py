"""`weakseg predict --format geotiff`: labels that lie where the scene lies, read back by rasterio."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from click.testing import Result
from rasterio.transform import from_origin

import weakseg
from weakseg.errors import InputError

Invoke = Callable[..., Result]
TRANSFORM = from_origin(500_000, 5_200_000, 10, 10)


@pytest.fixture
def scene(tmp_path: Path, photo: Callable[..., np.ndarray]) -> Path:
    """A photo of 4 bands of 16 bits in the order infrared, blue, green, red; two corners without data."""
    values = np.zeros((4, 300, 420), np.uint16)
    values[[3, 2, 1]] = photo(300, 420).transpose(2, 0, 1).astype(np.uint16) * 10 + 5
    values[:, :50, :60] = 0
    values[:, 290:, 400:] = 0
    shape = {"count": 4, "height": 300, "width": 420, "dtype": "uint16", "nodata": 0}
    path = tmp_path / "scene.tif"
    with rasterio.open(path, "w", driver="GTiff", crs="EPSG:32633", transform=TRANSFORM, **shape) as file:
        file.write(values)
    return path


def predict(invoke: Invoke, scene: Path, run: Path, out: Path, *more: object) -> Result:
    how = ("--format", "geotiff", "--bands", "4,3,2", "--stretch", "5,2555")
    return invoke("predict", scene, "--run", run, "--out", out, *how, *more)


@pytest.mark.parametrize("window", [128, 512])
def test_labels_are_those_of_the_picture_and_lie_where_the_scene_lies(
    scene: Path,
    trained_run: Path,
    invoke: Invoke,
    photo: Callable[..., np.ndarray],
    tmp_path: Path,
    window: int,
) -> None:
    done = predict(invoke, scene, trained_run, tmp_path / "out", "--window", window)
    assert done.exit_code == 0, done.output
    picture = photo(300, 420)
    picture[:50, :60] = picture[290:, 400:] = 0
    expected = weakseg.load(trained_run, window=window).predict(picture)
    expected[:50, :60] = expected[290:, 400:] = 255
    with rasterio.open(tmp_path / "out" / "scene.tif") as file:
        assert (file.crs, file.transform, file.nodata) == ("EPSG:32633", TRANSFORM, 255)
        assert (file.count, file.dtypes, file.tags()["classes"][:14]) == (1, ("uint8",), "background|cat")
        np.testing.assert_array_equal(file.read(1), expected)


def test_a_scene_that_fits_one_window_has_the_labels_of_the_whole(
    scene: Path, fcn_run: Path, invoke: Invoke, photo: Callable[..., np.ndarray], tmp_path: Path
) -> None:
    predict(invoke, scene, fcn_run, tmp_path / "out")
    picture = photo(300, 420)
    picture[:50, :60] = picture[290:, 400:] = 0
    whole = weakseg.load(fcn_run).predict(picture)
    with rasterio.open(tmp_path / "out" / "scene.tif") as file:
        labels = file.read(1)
    known = labels != 255
    assert (labels[known] == whole[known]).mean() > 0.999


def test_options_of_the_other_kind_are_refused(
    scene: Path, trained_run: Path, invoke: Invoke, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="--overlays or --scores was given with --format geotiff"):
        predict(invoke, scene, trained_run, tmp_path / "out", "--scores", tmp_path / "s.h5")
    with pytest.raises(InputError, match="add --format geotiff"):
        invoke("predict", scene, "--run", trained_run, "--out", tmp_path / "out", "--bands", "1")
