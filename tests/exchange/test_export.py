"""Which label maps are written for other tools, and what the command says."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from exchange_files import Exported
from weakseg.errors import InputError
from weakseg.formats import FORMATS
from weakseg.storage.labels import read_labels, write_labels
from weakseg.storage.review import write_list

TRAIN, VAL = [f"train/{n}" for n in range(5)], [f"val/{n}" for n in (5, 6, 7)]
SUFFIX = {name: form.suffix for name, form in FORMATS.items()}


def names(path: Path) -> list[str]:
    content = json.loads(path.read_text(encoding="utf-8"))
    return [image["file_name"] for image in content["images"]]


def test_the_proxies_of_a_run_with_the_corrected_ones_in_their_places(exported: Exported) -> None:
    write_labels(exported.run / "review" / "corrected" / "train" / "3.png", np.full((30, 40), 2, np.uint8))
    done = exported.invoke("export-masks", exported.run, "--format", "png", "--out", exported.root / "png")
    wrote, *lost, back = done.output.splitlines()
    assert wrote.startswith("wrote 5 label maps (refined proxies, 1 of them corrected) with ")
    assert lost == []
    assert (
        back
        == f"corrected there, they come back by: weakseg review import FILE --run {exported.run} --format png"
    )
    for number in range(5):
        found = read_labels(exported.root / "png" / "train" / f"{number}.png")
        own = exported.refined(f"train/{number}")
        assert np.array_equal(found, np.full((30, 40), 2) if number == 3 else own)


@pytest.mark.parametrize(
    ("options", "folder", "images"),
    [
        (["--stage", "fused"], "proxy/fused", TRAIN),
        (["--stage", "refined", "--split", "val"], "proxy/refined", VAL),
        (["--stage", "refined", "--split", "all"], "proxy/refined", [*TRAIN, *VAL]),
        (["--stage", "predictions"], "segmenter/round-1/predictions/crf", VAL),
    ],
)  # fmt: skip
def test_every_stage_is_written(
    exported: Exported, options: list[str], folder: str, images: list[str]
) -> None:
    out = exported.export("png", "png", *options)
    found = sorted(file.relative_to(out).as_posix()[:-4] for file in out.rglob("*.png"))
    assert found == images
    for name in images:
        assert np.array_equal(
            read_labels(out / f"{name}.png"), read_labels(exported.run / folder / f"{name}.png")
        )


def test_corrected_ones_alone_and_images_of_a_list(exported: Exported) -> None:
    with pytest.raises(InputError, match=r"has no corrected of the split all; at least one"):
        exported.export("coco", "c.json", "--stage", "corrected")
    write_labels(exported.run / "review" / "corrected" / "val" / "5.png", np.full((30, 40), 2, np.uint8))
    assert names(exported.export("coco", "c.json", "--stage", "corrected")) == ["val/5.png"]
    write_list(exported.run / "review", "flagged", ["train/1", "train/4"])
    flagged = exported.run / "review" / "flagged.csv"
    assert names(exported.export("coco", "d.json", "--ids", flagged)) == ["train/1.png", "train/4.png"]
    flagged.write_text("id\ncow\n")
    with pytest.raises(InputError, match="'cow' is not an image of the run"):
        exported.export("coco", "e.json", "--ids", flagged)


def test_what_was_lost_is_said(exported: Exported) -> None:
    done = exported.invoke(
        "export-masks", exported.run, "--format", "cvat", "--out", exported.root / "a.zip", "--stage", "fused"
    )
    assert done.output.splitlines()[1] == (
        "lost: 600 undecided pixels (they are background there), in 5 images"
    )


def test_a_folder_of_pngs_says_its_classes_or_is_told(exported: Exported, tmp_path: Path) -> None:
    folder = tmp_path / "masks"
    write_labels(folder / "b" / "1.png", np.full((4, 5), 2, np.uint8), ["cat", "dog"])
    out = exported.root / "a.zip"
    done = exported.invoke("export-masks", folder, "--format", "cvat", "--out", out)
    assert done.output == f"wrote 1 label maps (label maps of {folder}) with 1 regions to {out} (cvat)\n"
    with zipfile.ZipFile(out) as archive:
        assert archive.read("labelmap.txt").decode().splitlines()[1:] == [
            "background:0,0,0::", "cat:128,0,0::", "dog:0,128,0::"
        ]  # fmt: skip
        assert archive.read("ImageSets/Segmentation/default.txt") == b"b/1\n"
    write_labels(folder / "2.png", np.full((4, 5), 2, np.uint8))
    with pytest.raises(InputError, match=r"2\.png does not name its classes.*--classes cat,dog"):
        exported.invoke("export-masks", folder, "--format", "png", "--out", exported.root / "p")
    with pytest.raises(InputError, match=r"holds the index 2, but 1 classes are named"):
        exported.invoke(
            "export-masks", folder, "--format", "png", "--out", exported.root / "p", "--classes", "cat"
        )
    assert not (exported.root / "p").exists()
    exported.invoke(
        "export-masks", folder, "--format", "png", "--out", exported.root / "p", "--classes", "a,b"
    )
    write_labels(folder / "2.png", np.full((4, 5), 2, np.uint8), ["dog", "cat"])
    with pytest.raises(InputError, match="name different classes"):
        exported.invoke("export-masks", folder, "--format", "geojson", "--out", exported.root / "g")


def test_a_folder_needs_its_images_where_the_format_names_them(exported: Exported, tmp_path: Path) -> None:
    write_labels(tmp_path / "masks" / "5.png", np.full((30, 40), 2, np.uint8), ["cat", "dog"])
    out = exported.root / "yolo"
    words = ["export-masks", tmp_path / "masks", "--format", "yolo-seg", "--out", out]
    with pytest.raises(InputError, match="is no run, and yolo-seg names the image of each label map"):
        exported.invoke(*words)
    exported.invoke(*words, "--images", exported.run / "images")
    assert (out / "images" / "train" / "5.png").resolve() == (exported.run / "images" / "5.png").resolve()
    assert (out / "labels" / "train" / "5.txt").read_text() == "1 1 0 1 1 0 1 0 0\n"


@pytest.mark.parametrize("form", FORMATS)
def test_nothing_is_written_over_and_nothing_is_left_half_written(exported: Exported, form: str) -> None:
    out = exported.export(form, f"out{SUFFIX[form]}")
    before = sorted(exported.root.rglob("*"))
    with pytest.raises(InputError, match="exists already"):
        exported.export(form, out.name)
    (exported.run / "proxy" / "refined" / "train" / "3.png").write_bytes(b"damaged")
    with pytest.raises(InputError, match=r"3\.png cannot be read as a PNG"):
        exported.export(form, f"other{SUFFIX[form]}")
    assert sorted(exported.root.rglob("*")) == before


def test_a_file_of_another_kind_or_two_names_alike(exported: Exported, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cvat is a file that ends in \.zip"):
        exported.export("cvat", "out.rar")
    for name in ("a.jpg", "a"):
        write_labels(tmp_path / "masks" / f"{name}.png", np.full((30, 40), 2, np.uint8), ["cat", "dog"])
        (tmp_path / "photos").mkdir(exist_ok=True)
        (tmp_path / "photos" / "a.jpg").write_bytes((exported.run / "images" / "0.png").read_bytes())
    words = ["--images", tmp_path / "photos", "--format", "coco", "--out", exported.root / "c.json"]
    with pytest.raises(InputError, match="two images are named 'a' in coco"):
        exported.invoke("export-masks", tmp_path / "masks", *words)
    with pytest.raises(InputError, match="is a run, which knows its classes and images"):
        exported.export("coco", "c.json", "--classes", "cat")


def test_a_class_that_cvat_cannot_name(exported: Exported, tmp_path: Path) -> None:
    write_labels(tmp_path / "masks" / "a.png", np.full((3, 4), 1, np.uint8), ["a:b"])
    with pytest.raises(InputError, match="the class 'a:b' has one of the characters : , #"):
        exported.invoke(
            "export-masks", tmp_path / "masks", "--format", "cvat", "--out", exported.root / "a.zip"
        )
