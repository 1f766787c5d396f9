"""What the data are and where they lie: the keys that Snakemake compares."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from weakseg.dataset.files import FILES, read_files, write_files
from weakseg.dataset.index import read_index, write_index, write_masks
from weakseg.dataset.indexing import BAD_IMAGES, check_data, plan
from weakseg.dataset.settings import DatasetConfig
from weakseg.dataset.survey import FIRST, MADE_FROM, Keys, Origin, read_origins, write_origin
from weakseg.errors import InputError


def configured(data: Path, **dataset: str) -> DatasetConfig:
    table = {"images": str(data / "images"), "labels": str(data / "labels.csv"), "masks": str(data / "masks")}
    return DatasetConfig.model_validate(
        {"source": "table", "classes": ["bird", "cat", "dog"], "table": table} | dataset
    )


def indexed(data: Path, out: Path) -> Keys:
    """Index as the two rules do, under the keys of the plan."""
    settings = configured(data)
    keys = plan(settings, out)
    data = check_data(settings, out)
    write_origin(out, "data", Origin(keys.data, data.data, data.index.largest))
    write_index(out, data.index, data.found)
    write_origin(out, "masks", Origin(keys.masks, data.masks))
    write_files(out, data.index.records, data.found)
    write_masks(out / "masks.csv", data.index, data.found)
    return keys


@pytest.fixture
def out(table_data: Path) -> Path:
    """The folder of a finished index."""
    assert indexed(table_data, table_data / "out") == Keys(FIRST, FIRST)
    return table_data / "out"


def test_nothing_changed_keeps_the_keys(table_data: Path, out: Path) -> None:
    assert plan(configured(table_data), out) == Keys(FIRST, FIRST)
    assert read_origins(out)["data"].largest == (24, 32)


def test_moved_files_keep_the_keys_and_are_found(table_data: Path, out: Path, tmp_path: Path) -> None:
    before = (out / "index.csv").read_bytes()
    for name in ("images", "masks", "labels.csv"):
        (tmp_path / "moved").mkdir(exist_ok=True)
        shutil.move(table_data / name, tmp_path / "moved" / name)
    assert plan(configured(tmp_path / "moved"), out) == Keys(FIRST, FIRST)
    index = read_index(out / "index.csv", out / "classes.csv")
    assert [record.image.parent for record in index.records] == [tmp_path / "moved" / "images"] * 6
    assert index.read_mask(index.records[0]).shape == (24, 32)
    assert (out / "index.csv").read_bytes() == before


def test_copied_files_of_another_time_are_read_once(table_data: Path, out: Path) -> None:
    for path in (table_data / "images").iterdir():
        os.utime(path, ns=(1, 1))
    assert plan(configured(table_data), out) == Keys(FIRST, FIRST)
    assert {files.image.time for files in read_files(out).rows.values()} == {1}


def test_a_replaced_image_changes_the_datas_key_alone(table_data: Path, out: Path) -> None:
    Image.fromarray(np.zeros((24, 32, 3), np.uint8)).save(table_data / "images" / "a.jpg")
    keys = plan(configured(table_data), out)
    assert keys.data != FIRST
    assert keys.masks == FIRST
    assert indexed(table_data, out) == keys
    assert plan(configured(table_data), out) == keys  # made under this key, it keeps it


def test_a_changed_or_added_mask_changes_the_masks_key_alone(table_data: Path, out: Path) -> None:
    mask = np.array(Image.open(table_data / "masks" / "a.png"))
    mask[-1] = 0
    mask[2] = 255
    Image.fromarray(mask).save(table_data / "masks" / "a.png")
    keys = plan(configured(table_data), out)
    assert keys.data == FIRST
    assert keys.masks != FIRST


def test_another_label_or_split_changes_the_datas_key(table_data: Path, out: Path) -> None:
    text = (table_data / "labels.csv").read_text()
    for old, new in (("b.jpg,dog,train", "b.jpg,dog|cat,train"), ("b.jpg,dog,train", "b.jpg,dog,val")):
        (table_data / "labels.csv").write_text(text.replace(old, new))
        assert plan(configured(table_data), out).data != FIRST


def test_missing_images_are_listed_before_there_is_an_index(table_data: Path) -> None:
    (table_data / "images" / "c.jpg").unlink()
    with pytest.raises(InputError, match="1 of 6 images cannot be used"):
        plan(configured(table_data), table_data / "new")
    assert "c.jpg" in (table_data / "new" / BAD_IMAGES).read_text()
    assert plan(configured(table_data, bad_images="skip"), table_data / "new") == Keys(FIRST, FIRST)


@pytest.mark.parametrize("name", [MADE_FROM, FILES])
def test_damaged_memory_is_no_traceback(table_data: Path, out: Path, name: str) -> None:
    """Without what is remembered the images are read again; without the keys the index is made again."""
    (out / name).write_text("{")
    keys = plan(configured(table_data), out)
    assert keys == Keys(FIRST, FIRST)
    assert json.loads(json.dumps(vars(keys))) == {"data": FIRST, "masks": FIRST}


def test_an_empty_split_is_told_before_anything_runs(table_data: Path) -> None:
    text = (table_data / "labels.csv").read_text()
    (table_data / "labels.csv").write_text(text.replace(",val", ",train"))
    with pytest.raises(
        InputError, match=r"no image is in the split 'val'.*write val into the column split of a"
    ):
        plan(configured(table_data), table_data / "new")
