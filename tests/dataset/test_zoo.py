"""The image zoo: whatever people call a photograph is read right, or refused by name at indexing.

Every specimen is generated, and docs/images.md has a row for each kind, with the answer that is tested.
"""

import csv
import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from image_zoo import NOT_AN_IMAGE, ZOO, Specimen
from indexed import index_table
from weakseg.dataset.images import image_size, read_image
from weakseg.dataset.index import Index
from weakseg.errors import InputError

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # of what is wrong beside the pixels
DOCS = Path(__file__).parents[2] / "docs" / "images.md"
READ = [specimen for specimen in ZOO if not isinstance(specimen.answer, str)]
REFUSED = [specimen for specimen in ZOO if isinstance(specimen.answer, str)]
each = partial(pytest.mark.parametrize, "specimen", ids=lambda specimen: ascii(specimen.name[:30]))


def place(folder: Path, specimen: Specimen) -> Path:
    return (folder / specimen.id).with_name(specimen.name)


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All specimens in one folder, and a table that names them."""
    folder = tmp_path_factory.mktemp("zoo") / "images"
    for specimen in ZOO:
        path = place(folder, specimen)
        path.parent.mkdir(parents=True, exist_ok=True)
        specimen.write(path)
    splits = ("val" if number % 3 == 0 else "train" for number in range(len(ZOO)))
    with (folder.parent / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(
            [
                ("image", "labels", "split"),
                *((f"{item.id}{Path(item.name).suffix}", "cat", next(splits)) for item in ZOO),
            ]
        )
    return folder


@pytest.fixture(scope="module")
def index(zoo: Path) -> Index:
    return index_table(zoo, zoo.parent / "labels.csv", None, ["cat"])


@each(READ)
def test_read_right(zoo: Path, index: Index, specimen: Specimen) -> None:
    assert isinstance(specimen.answer, np.ndarray)
    path = place(zoo, specimen)
    assert path in [record.image for record in index.records if record.id == specimen.id]
    pixels = read_image(path)
    assert pixels.dtype == np.uint8
    assert pixels.flags.writeable
    assert image_size(path) == pixels.shape[:2] == specimen.answer.shape[:2]
    assert np.abs(pixels.astype(int) - specimen.answer).max() <= specimen.tolerance


@each(REFUSED)
def test_refused_by_name(index: Index, specimen: Specimen) -> None:
    assert isinstance(specimen.answer, str)
    (reason,) = (
        item.reason for item in index.bad if item.id.removesuffix(".jpg").removesuffix(".png") == specimen.id
    )
    assert specimen.name in reason
    assert re.search(specimen.answer, reason)
    assert re.search(r"add the file|replace|convert|shrink|leave it out", reason)  # what to do
    assert "\n" not in reason


def test_all_bad_ones_are_found_at_once(index: Index) -> None:
    assert (len(index.records), len(index.bad)) == (len(READ), len(REFUSED))
    assert len(ZOO) >= 30


def test_the_documentation_says_the_same() -> None:
    table = DOCS.read_text(encoding="utf-8").partition("|---|---|\n")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| ([^|]+) \| (read|refused)\b", table, re.MULTILINE)
    kinds: dict[str, set[str]] = {}
    for specimen in ZOO:
        kinds.setdefault(specimen.kind, set()).add("refused" if isinstance(specimen.answer, str) else "read")
    assert {kind: {answer} for kind, answer in rows} == kinds


def test_a_postscript_file_starts_no_program(zoo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("subprocess.Popen", lambda *_, **__: pytest.fail("a program was started"))
    with pytest.raises(InputError, match=NOT_AN_IMAGE):
        read_image(zoo / "jpg" / "postscript.jpg")
