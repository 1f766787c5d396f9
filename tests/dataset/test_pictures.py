"""Images are opened once, and copies of one picture are found whatever their size and format."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from weakseg.dataset.images import read_image
from weakseg.dataset.indexing import check_data
from weakseg.dataset.pictures import alike, picture, read_pictures
from weakseg.dataset.settings import DatasetConfig


def scene(seed: int) -> Image.Image:
    """Smooth random patches, 160×120."""
    cells = np.random.default_rng(seed).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    return Image.fromarray(cells).resize((160, 120), Image.Resampling.BICUBIC)


def test_a_smaller_copy_in_jpeg_looks_the_same_and_other_pictures_do_not(tmp_path: Path) -> None:
    copy = scene(3).resize((80, 60), Image.Resampling.LANCZOS)
    copy.save(tmp_path / "copy.jpg", quality=50)
    train = [picture(np.array(scene(seed))) for seed in range(6)]
    val = [picture(np.array(scene(9))), picture(read_image(tmp_path / "copy.jpg"))]
    assert alike(val, train) == [(1, 3)]
    assert alike(val, []) == []


def test_images_of_one_grey_do_not_look_alike() -> None:
    flat = [picture(np.full((40, 60, 3), grey, np.uint8)) for grey in (0, 0, 200)]
    assert [item.look for item in flat] == ["", "", ""]
    assert alike(flat, flat) == []


def settings(data: Path) -> DatasetConfig:
    table = {"images": str(data / "images"), "labels": str(data / "labels.csv"), "masks": str(data / "masks")}
    return DatasetConfig.model_validate(
        {"source": "table", "classes": ["bird", "cat", "dog"], "table": table}
    )


def test_an_image_is_opened_once_and_its_mask_is_still_compared(
    table_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = check_data(settings(table_data), table_data / "out").index
    assert len(read_pictures(table_data / "out")) == 6
    assert first.largest == (24, 32)

    def never(path: Path) -> np.ndarray:
        raise AssertionError(f"{path} is opened again")

    monkeypatch.setattr("weakseg.dataset.check.read_image", never)
    again = check_data(settings(table_data), table_data / "out").index
    assert again.pictures == first.pictures
    assert again.largest == (24, 32)
    Image.new("P", (5, 5)).save(table_data / "masks" / "b.png")
    with pytest.raises(Exception, match=r"b\.png is 5×5 pixels, its image .* 32×24"):
        check_data(settings(table_data), table_data / "out")
