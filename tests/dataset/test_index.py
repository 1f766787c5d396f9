"""The index on disk, and its cut into shards."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weakseg.dataset.index import Index, proxy_records, read_index, shard, write_index
from weakseg.dataset.records import Record
from weakseg.errors import InputError


def record(number: int, split: str = "train") -> Record:
    return Record(f"{number}", Path(f"{number}.jpg"), split, ("cat",), None)


INDEX = Index(
    records=(
        Record("deep/a, b", Path("images/deep/a, b.jpg"), "train", ("cat", "sea lion"), Path("masks/a.png")),
        Record('quote"d', Path('images/quote"d.png'), "val", (), None),
        Record("Möwe", Path("images/Möwe.jpg"), "saliency", ("cat",), Path("masks/Möwe.png")),
    ),
    classes=("cat", "sea lion"),
    mask_values=(0, 7, 3),
)


def test_round_trip(tmp_path: Path) -> None:
    write_index(tmp_path, INDEX)
    assert read_index(tmp_path / "index.csv", tmp_path / "classes.csv") == INDEX
    assert (tmp_path / "classes.csv").read_text() == (
        "index,name,mask_value\n0,background,0\n1,cat,7\n2,sea lion,3\n"
    )
    header = (tmp_path / "index.csv").read_bytes().splitlines()[0]
    assert header == b"id,split,labels,image_sha256"  # nothing of where the images lie


@pytest.mark.parametrize("name", ['"big" dog', "it's", "a;b", "=1+1", "Größe 海"])
def test_names_of_classes_come_back_as_they_were(tmp_path: Path, name: str) -> None:
    index = Index((Record("a", Path("a.jpg"), "train", (name,), None),), ("cat", name), (0, 1, 2))
    write_index(tmp_path, index)
    assert read_index(tmp_path / "index.csv", tmp_path / "classes.csv") == index


def test_rows_are_read_when_asked_for(tmp_path: Path) -> None:
    splits = ("train", "val", "saliency")
    records = tuple(record(number, splits[number % 3]) for number in range(3000))
    write_index(tmp_path, Index(records, ("cat",), (0, 1)))
    index = read_index(tmp_path / "index.csv", tmp_path / "classes.csv")
    held = pickle.loads(pickle.dumps(index)).records  # as a data worker receives them
    assert len(pickle.dumps(index)) < 33 * len(records)  # bytes an image
    assert held[-1] == records[-1]
    assert list(index.split("val", "saliency")[5:9]) == [r for r in records if r.split != "train"][5:9]
    assert shard(index.split("train"), "2-of-10") == [r for r in records if r.split == "train"][100:200]


def test_class_vector_and_proxy_records() -> None:
    assert INDEX.class_vector(INDEX.records[0]).tolist() == [1.0, 1.0]
    assert INDEX.class_vector(INDEX.records[1]).tolist() == [0.0, 0.0]
    assert INDEX.class_vector(INDEX.records[1]).dtype == np.float32
    assert [item.id for item in proxy_records(INDEX)] == ["deep/a, b", 'quote"d']
    assert [item.id for item in INDEX.split("saliency")] == ["Möwe"]


@pytest.mark.parametrize(
    ("file", "content", "part"),
    [
        ("index.csv", b"id,image\n1,2\n", "has the columns"),
        ("index.csv", b"", "has the columns None"),
        ("index.csv", b"id,split,labels,image_sha256\na,tr", "line 2 is damaged"),
        ("index.csv", b"id,split,labels,image_sha256\n\xff\n", "is damaged"),
        ("index.csv", b"id,split,labels,image_sha256\n\0\n", "is damaged"),
        ("files.csv", b"id,image\n1,2\n", "has the columns"),
        ("files.csv", None, "run the dataset stage first"),
        ("classes.csv", b"index,name,mask_value\n0,background,zero\n", "mask_value that is not a number"),
        ("classes.csv", None, "cannot be read"),
        ("index.csv", None, "run the dataset stage first"),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, file: str, content: bytes | None, part: str) -> None:
    write_index(tmp_path, INDEX)
    if content is None:
        (tmp_path / file).unlink()
    else:
        (tmp_path / file).write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_index(tmp_path / "index.csv", tmp_path / "classes.csv")
    assert file in str(caught.value)
    assert part in str(caught.value)


@given(total=st.integers(0, 200), count=st.integers(1, 60))
def test_shards_are_a_partition(total: int, count: int) -> None:
    records = [record(number) for number in range(total)]
    parts = [shard(records, f"{part}-of-{count}") for part in range(1, count + 1)]
    assert [item for part in parts for item in part] == records  # disjoint, in order, complete
    sizes = {len(part) for part in parts}
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("item", ["0-of-2", "3-of-2", "1", "a-of-b", "", "1-of-2-of-3", "-1-of-2", "1-of-0"])
def test_wrong_shard_names(item: str) -> None:
    with pytest.raises(InputError, match="'i-of-n' such as"):
        shard([record(1)], item)
