"""The generated demo: reproducible, consistent with its own table, and not solvable by colour."""

import csv
from pathlib import Path

import numpy as np
import pytest

from indexed import index_table
from weakseg.dataset.images import read_image
from weakseg.dataset.index import Index
from weakseg.dataset.indexing import list_source
from weakseg.dataset.records import SPLITS
from weakseg.dataset.settings import DatasetConfig
from weakseg.dataset.sources.demo import draw, generate
from weakseg.dataset.sources.demo_shapes import CLASSES, FAMILIES, OUTLINES, TEXTURES
from weakseg.errors import InputError
from weakseg.storage.labels import read_labels

COUNTS = {"train": 48, "val": 12, "saliency": 24}
SIZE = 64


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("demo")
    generate(path, 3, COUNTS["train"], COUNTS["val"], COUNTS["saliency"], SIZE)
    return path


@pytest.fixture(scope="module")
def index(folder: Path) -> Index:
    return index_table(folder / "images", folder / "labels.csv", folder / "masks", CLASSES, CLASSES)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_there_are_six_classes_with_distinct_textures() -> None:
    assert len(CLASSES) == len(set(CLASSES)) == len(set(FAMILIES.values())) == 6
    assert set(CLASSES) < set(OUTLINES)
    assert set(FAMILIES.values()) < set(TEXTURES)


def test_generating_again_writes_the_same_bytes(tmp_path: Path) -> None:
    generate(tmp_path, 5, 3, 2, 2, SIZE)
    first = contents(tmp_path)
    (tmp_path / "images" / "train-00001.png").write_bytes(b"damaged")
    (tmp_path / "masks" / "val-00000.png").unlink()
    generate(tmp_path, 5, 3, 2, 2, SIZE)
    assert contents(tmp_path) == first
    assert len(first) == 2 * (3 + 2 + 2) + 1  # nothing temporary is left


def test_an_image_does_not_depend_on_the_counts(folder: Path, tmp_path: Path) -> None:
    generate(tmp_path, 3, 2, 5, 1, SIZE)
    few, many = contents(tmp_path), contents(folder)
    few.pop("labels.csv")
    assert len(few) == 2 * (2 + 5 + 1)
    assert all(many[name] == data for name, data in few.items())


def test_seed_split_and_number_each_change_the_image() -> None:
    images = [
        draw(seed, split, number, SIZE)[0]
        for seed, split, number in [(0, "train", 0), (1, "train", 0), (0, "val", 0), (0, "train", 6)]
    ]
    for k, image in enumerate(images):
        assert all(np.abs(image.astype(int) - other).mean() > 5 for other in images[:k])


@pytest.mark.parametrize("size", [64, 97, 160])
@pytest.mark.parametrize("split", SPLITS)
def test_sizes_and_types(split: str, size: int) -> None:
    image, mask = draw(0, split, 0, size)
    assert (image.shape, image.dtype) == ((size, size, 3), np.uint8)
    assert (mask.shape, mask.dtype) == ((size, size), np.uint8)


def test_index_takes_the_demo_whole(index: Index) -> None:
    assert {split: len(index.split(split)) for split in SPLITS} == COUNTS
    assert index.classes == CLASSES
    assert len({record.id for record in index.records}) == sum(COUNTS.values())


def test_labels_are_the_classes_of_the_masks(index: Index) -> None:
    for record in index.split("train") + index.split("val"):
        share = np.bincount(index.read_mask(record).ravel(), minlength=len(CLASSES) + 1) / SIZE**2
        present = tuple(name for name, part in zip(CLASSES, share[1:], strict=True) if part > 0)
        assert record.labels == present
        assert 1 <= len(present) <= 3
        assert share[1:][share[1:] > 0].min() >= 0.01
        assert 0.09 <= share[1:].sum() <= 0.51


def test_saliency_split_has_binary_masks_and_no_labels(index: Index, folder: Path) -> None:
    for record in index.split("saliency"):
        assert record.mask is not None
        mask = read_labels(record.mask)
        assert set(np.unique(mask)) == {0, 1}
        assert 0.09 <= mask.mean() <= 0.51
    with (folder / "labels.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "saliency"]
    assert len(rows) == COUNTS["saliency"]
    assert all(row["labels"] == "" for row in rows)


def test_classes_are_balanced_and_half_of_the_images_have_one() -> None:
    masks = [draw(0, "train", number, SIZE)[1] for number in range(120)]
    present = np.array([[(mask == i).any() for i in range(1, len(CLASSES) + 1)] for mask in masks])
    assert present.sum(axis=0).max() <= 1.6 * present.sum(axis=0).min()
    assert 0.35 <= (present.sum(axis=1) == 1).mean() <= 0.65


def test_mask_follows_the_drawn_edge() -> None:
    """Brightness changes more along the mask's outline than along the same outline moved by two pixels."""
    shifts = [(0, 0), (2, 2), (2, -2), (-2, 2), (-2, -2)]
    change = np.zeros(len(shifts))
    for number in range(40):
        image, mask = draw(0, "train", number, 128)
        gradient = np.hypot(*np.gradient(image.astype(float).mean(axis=2)))
        outline = (mask != np.roll(mask, 1, axis=0)) | (mask != np.roll(mask, 1, axis=1))
        change += [gradient[np.roll(outline, shift, axis=(0, 1))].mean() for shift in shifts]
    assert change[0] > 1.3 * change[1:].max()


def test_colour_alone_does_not_give_the_class(index: Index) -> None:
    """Nearest class mean of colours, pixel by pixel and object by object, stays near chance."""
    pixels: dict[str, list[np.ndarray]] = {"train": [], "val": []}
    labels: dict[str, list[np.ndarray]] = {"train": [], "val": []}
    for part, split, count in (("train", "train", 120), ("val", "val", 90)):
        for number in range(count):
            image, mask = draw(1, split, number, SIZE)
            pixels[part].append(image[mask > 0].astype(float))
            labels[part].append(mask[mask > 0])
    train, target = np.concatenate(pixels["train"]), np.concatenate(labels["train"])
    means = np.stack([train[target == i].mean(axis=0) for i in range(1, len(CLASSES) + 1)])

    def nearest(colours: np.ndarray) -> np.ndarray:
        return ((colours[:, None] - means) ** 2).sum(axis=2).argmin(axis=1) + 1

    hits = [nearest(p) == t for p, t in zip(pixels["val"], labels["val"], strict=True)]
    objects = [
        nearest(p[t == i].mean(axis=0, keepdims=True))[0] == i
        for p, t in zip(pixels["val"], labels["val"], strict=True)
        for i in np.unique(t)
    ]
    assert np.concatenate(hits).mean() < 2 / len(CLASSES)
    assert np.mean(objects) < 2 / len(CLASSES)


def test_files_hold_what_was_drawn(folder: Path) -> None:
    image, mask = draw(3, "val", 4, SIZE)
    assert np.array_equal(read_image(folder / "images" / "val-00004.png"), image)
    assert np.array_equal(read_labels(folder / "masks" / "val-00004.png"), mask)


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("a file where the folder should be")
    with pytest.raises(InputError, match="could not be written"):
        generate(tmp_path / "demo", 0, 1, 1, 1, SIZE)


def test_the_source_generates_what_it_lists(tmp_path: Path) -> None:
    values = {"source": "demo", "demo": {"train": 4, "val": 2, "saliency": 1, "size": 64}}
    settings = DatasetConfig.model_validate(values)
    assert list_source(settings, tmp_path) is None
    settings.own.generate(tmp_path)
    found = list_source(settings, tmp_path)
    assert found is not None and len(found.index.records) == 7
    assert settings.own.ahead().images == {"train": 4, "val": 2}
