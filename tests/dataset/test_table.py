"""Your own images: what is read, and one clear sentence for everything that can be wrong."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from indexed import index_table
from weakseg.dataset.check import refuse_bad_images
from weakseg.dataset.index import Index
from weakseg.errors import InputError
from weakseg.storage.labels import voc_palette, write_labels

CLASSES = ["bird", "cat", "dog"]


def index(data: Path, **changes: Any) -> Index:
    arguments = {
        "images": data / "images",
        "labels": data / "labels.csv",
        "masks": data / "masks",
        "classes": CLASSES,
    }
    found = index_table(**(arguments | changes))
    refuse_bad_images(found, "stop", data / "bad_images.csv")
    return found


def refuses(data: Path, *parts: str, **changes: Any) -> None:
    """Indexing ends in one sentence that holds every part; bad images follow it, one a line."""
    with pytest.raises(InputError) as caught:
        index(data, **changes)
    listed = str(caught.value).splitlines()[1:]
    assert bool(listed) == ("cannot be used" in str(caught.value))
    assert str(caught.value)[-1] in ".?"
    for part in parts:
        assert part in str(caught.value)


def edit(data: Path, old: str, new: str) -> None:
    text = (data / "labels.csv").read_text(encoding="utf-8")
    assert text.count(old) == 1
    (data / "labels.csv").write_text(text.replace(old, new), encoding="utf-8")


# ---------------------------------------------------------------------------------------- what is read


def test_records(table_data: Path) -> None:
    found = index(table_data)
    assert [record.id for record in found.records] == list("abcdef")
    assert [record.split for record in found.records] == ["train"] * 4 + ["val"] * 2
    assert found.records[2].labels == ("bird", "cat")  # in the order of the classes, not of the table
    assert found.records[0].image == table_data / "images" / "a.jpg"
    assert found.records[0].mask == table_data / "masks" / "a.png"
    assert found.mask_values == (0, 1, 2, 3)
    assert found.class_vector(found.records[2]).tolist() == [1.0, 1.0, 0.0]


def test_masks_are_optional(table_data: Path) -> None:
    (table_data / "masks" / "b.png").unlink()
    found = index(table_data)
    assert [record.id for record in found.records if record.mask is None] == ["b"]
    with pytest.raises(InputError, match="'b' has no mask"):
        found.read_mask(found.records[1])
    assert all(record.mask is None for record in index(table_data, masks=None).records)


def test_mask_values_follow_all_classes_and_the_rest_is_not_scored(table_data: Path) -> None:
    edit(table_data, "b.jpg,dog", "b.jpg,dog|bird")
    edit(table_data, "a.jpg,cat,train\n", "")
    found = index(table_data, classes=["dog", "bird"], all_classes=CLASSES)
    assert found.mask_values == (0, 3, 1)
    assert found.records[1].labels == ("bird",)  # cat is known but not chosen
    image = next(record for record in found.records if record.id == "e")  # holds dog 3 and cat 2
    raw = np.asarray(Image.open(table_data / "masks" / "e.png"))
    expected = np.full(raw.shape, 255, np.uint8)
    expected[raw == 0] = 0
    expected[raw == 3] = 1
    assert np.array_equal(found.read_mask(image), expected)
    assert {2, 3, 255} <= set(np.unique(raw))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_byte_order_mark_and_windows_line_ends(table_data: Path, encoding: str, newline: str) -> None:
    before = index(table_data)
    text = (table_data / "labels.csv").read_text(encoding="utf-8")
    (table_data / "labels.csv").write_text(text, encoding=encoding, newline=newline)
    lists = {"train": table_data / "train.txt", "val": table_data / "val.txt"}
    lists["train"].write_text("a.jpg\nb.jpg\n\nc.jpg\nd.jpg\n", encoding=encoding, newline=newline)
    lists["val"].write_text("e.jpg\nf.jpg", encoding=encoding, newline=newline)
    assert index(table_data) == before
    assert index(table_data, lists=lists) == before


def test_names_without_extension_in_folders_and_in_capitals(table_data: Path) -> None:
    (table_data / "images" / "deep").mkdir()
    (table_data / "masks" / "deep").mkdir()
    (table_data / "images" / "a.jpg").rename(table_data / "images" / "deep" / "a.v1.JPG")
    (table_data / "masks" / "a.png").rename(table_data / "masks" / "deep" / "a.v1.png")
    edit(table_data, "a.jpg", "deep/a.v1")
    first = index(table_data).records[0]
    assert first.id == "deep/a.v1"
    assert first.image == table_data / "images" / "deep" / "a.v1.JPG"
    assert first.mask == table_data / "masks" / "deep" / "a.v1.png"


def test_lists_replace_the_split_column(table_data: Path) -> None:
    train, val = table_data / "train.txt", table_data / "val.txt"
    train.write_text("f.jpg\ne.jpg\n")
    val.write_text("a.jpg\n")
    found = index(table_data, lists={"train": train, "val": val})
    assert [(record.id, record.split) for record in found.records] == [
        ("a", "val"),
        ("e", "train"),
        ("f", "train"),
    ]


def test_upright_by_exif(table_data: Path) -> None:
    sideways = Image.open(table_data / "images" / "a.jpg").copy()
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by a quarter: 24×32 instead of 32×24
    sideways.save(table_data / "images" / "a.jpg", exif=exif)
    refuses(table_data, "a.png is 32×24", "24×32")
    write_labels(table_data / "masks" / "a.png", np.full((32, 24), 2, np.uint8))
    assert len(index(table_data).records) == 6


# -------------------------------------------------------------------------------------- what is refused


def test_missing_image(table_data: Path) -> None:
    (table_data / "images" / "c.jpg").unlink()
    refuses(table_data, "image 'c.jpg' was not found", "drop its row")


def test_truncated_image(table_data: Path) -> None:
    path = table_data / "images" / "c.jpg"
    path.write_bytes(path.read_bytes()[:-200])
    refuses(table_data, "c.jpg cannot be decoded", "truncated")


def test_file_that_is_no_image(table_data: Path) -> None:
    (table_data / "images" / "c.jpg").write_text("<html>not found</html>")
    refuses(table_data, "c.jpg is not in a supported image format")


def test_image_with_wide_pixels(table_data: Path) -> None:
    (table_data / "images" / "c.jpg").unlink()
    Image.fromarray(np.full((24, 32), 40_000, np.int32)).save(table_data / "images" / "c.tif")
    edit(table_data, "c.jpg", "c.tif")
    refuses(table_data, "c.tif has pixel mode I", "8 or 16 bits")


def test_unknown_class_suggests_the_nearest(table_data: Path) -> None:
    edit(table_data, "b.jpg,dog", "b.jpg,dgo")
    refuses(table_data, "'b.jpg' has the unknown class 'dgo'", "did you mean 'dog'?")


def test_unknown_class_far_from_all_lists_them(table_data: Path) -> None:
    edit(table_data, "b.jpg,dog", "b.jpg,xylophone")
    refuses(table_data, "xylophone (1)", "bird, cat, dog", "'b.jpg'")


def test_chosen_class_that_the_masks_do_not_name(table_data: Path) -> None:
    refuses(
        table_data,
        "'cow' is not in the list of all",
        "all_classes",
        "cat",
        classes=["cow"],
        all_classes=CLASSES,
    )


@pytest.mark.parametrize(
    ("text", "part"), [("", "has the columns []"), ("image,labels,split\n", "has no rows")]
)
def test_empty_labels_file(table_data: Path, text: str, part: str) -> None:
    (table_data / "labels.csv").write_text(text)
    refuses(table_data, str(table_data / "labels.csv"), part)


def test_missing_labels_file(table_data: Path) -> None:
    (table_data / "labels.csv").unlink()
    refuses(table_data, "labels.csv cannot be read", "dataset.table.labels")


@pytest.mark.parametrize(
    "content", [b"image,labels,split\na.jpg,caf\xe9,train\n", b"\x89PNG\r\n\x1a\n\0\0\0"]
)
def test_labels_file_that_is_no_text(table_data: Path, content: bytes) -> None:
    (table_data / "labels.csv").write_bytes(content)
    refuses(table_data, "labels.csv cannot be read", "UTF-8")


def test_missing_column(table_data: Path) -> None:
    edit(table_data, "image,labels,split", "image,label,split")
    refuses(table_data, "columns ['image', 'label', 'split']", "add 'labels'")


def test_short_row(table_data: Path) -> None:
    edit(table_data, "b.jpg,dog,train", "b.jpg,dog")
    refuses(table_data, "line 3 has fewer than 3 columns")


def test_unknown_split(table_data: Path) -> None:
    edit(table_data, "b.jpg,dog,train", "b.jpg,dog,trian")
    refuses(table_data, "'b.jpg'", "split 'trian'", "train, val")


def test_split_without_images(table_data: Path) -> None:
    text = (table_data / "labels.csv").read_text()
    (table_data / "labels.csv").write_text(text.replace(",val", ",train"))
    refuses(table_data, "no image is in the split 'val'")


def test_validation_image_without_label_is_fine(table_data: Path) -> None:
    edit(table_data, "f.jpg,bird,val", "f.jpg,,val")
    assert index(table_data).records[-1].labels == ()


def test_mask_of_another_size(table_data: Path) -> None:
    write_labels(table_data / "masks" / "b.png", np.zeros((24, 31), np.uint8))
    refuses(table_data, "b.png is 31×24 pixels", "32×24", "export the mask again")


def test_palette_index_out_of_range(table_data: Path) -> None:
    mask = np.zeros((24, 32), np.uint8)
    mask[3, 3] = 4
    write_labels(table_data / "masks" / "b.png", mask)
    refuses(table_data, "b.png holds the index 4", "0…3 or 255")


def test_mask_in_colours(table_data: Path) -> None:
    colours = voc_palette()[np.ones((24, 32), np.uint8)]
    Image.fromarray(colours).save(table_data / "masks" / "b.png")
    refuses(table_data, "b.png has pixel mode RGB", "palette")


def test_damaged_mask(table_data: Path) -> None:
    path = table_data / "masks" / "b.png"
    path.write_bytes(path.read_bytes()[:20])  # inside the header: Pillow raises no OSError here
    refuses(table_data, "b.png cannot be read as a PNG")


@pytest.mark.parametrize("second", ["b.jpg,dog,train", "b.jpg,cat,val", "b,dog,train"])
def test_duplicate_id(table_data: Path, second: str) -> None:
    edit(table_data, "b.jpg,dog,train", f"b.jpg,dog,train\n{second}")
    refuses(table_data, "'b' occurs twice")


def test_two_files_of_one_id(table_data: Path) -> None:
    Image.open(table_data / "images" / "b.jpg").save(table_data / "images" / "b.png")
    edit(table_data, "b.jpg,dog,train", "b.jpg,dog,train\nb.png,dog,train")
    refuses(table_data, "'b' occurs twice")


@pytest.mark.parametrize(
    "name",
    ["../secret.jpg", "/etc/passwd.jpg", "x/../../secret.jpg", "..\\y.jpg", "", ".", "x//y.jpg", "x\ty.jpg"],
)
def test_id_that_leads_out_of_the_folder(table_data: Path, name: str) -> None:
    Image.open(table_data / "images" / "b.jpg").save(table_data / "secret.jpg")
    edit(table_data, "b.jpg,dog", f"{name},dog")
    refuses(table_data, repr(name), "leads out of the data folder")


def test_lists_name_only_rows_and_each_once(table_data: Path) -> None:
    train, val = table_data / "train.txt", table_data / "val.txt"
    train.write_text("a.jpg\nz.jpg\n")
    val.write_text("f.jpg\n")
    refuses(table_data, "image 'z.jpg'", "is not in", lists={"train": train, "val": val})
    train.write_text("a.jpg\nf.jpg\n")
    refuses(table_data, "'f.jpg' occurs twice in the split lists", lists={"train": train, "val": val})
    refuses(table_data, "none.txt cannot be read", lists={"train": table_data / "none.txt", "val": val})
    train.write_bytes(b"\xff\xfea")
    refuses(table_data, "train.txt cannot be read", "UTF-8", lists={"train": train, "val": val})
