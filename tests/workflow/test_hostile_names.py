"""Names that mean something to a shell stay names: no command is made of them, and nothing is written elsewhere."""

import csv
import json
import re
import shlex
import shutil
import subprocess
import sys
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import h5py
import numpy as np
import pytest
import yaml
from PIL import Image

pytestmark = pytest.mark.slow

HOSTILE = "; touch pwned $(touch pwned) `touch pwned` 'q' \"d\" & > < * ~ # !x $HOME %s \\n -rf"
CLASSES = [HOSTILE.replace("\\", ""), "-x", "$(touch pwned)", "{run}", "<run>"]
IDS = [
    HOSTILE.replace("\\", ""),
    "-rf",
    "$(touch pwned)",
    "deep/`touch pwned`",
    "=1+1",
    "{run}",
    "a,b",
    'say "x"',
]


@pytest.fixture(scope="module")
def hostile(planned: Any) -> dict[str, Any]:
    """A configuration in which every text is hostile, and the files that it names."""
    folder = planned.folder / f"data {HOSTILE}"
    rows = [("image", "labels", "split")]
    for number, name in enumerate(IDS):
        shown = CLASSES[number % len(CLASSES)]
        pixels = np.full((8, 9, 3), number, np.uint8)
        for path, values in (
            (folder / "images" / f"{name}.png", pixels),
            (folder / "maps" / name / f"{shown}.png", pixels[..., 0]),
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(values).save(path)
        rows.append((f"{name}.png", shown, "val" if number % 2 else "train"))
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    for name in ("weights.pth", "saliency.onnx", "boxes.csv"):
        (folder / name).touch()
    here = folder.name
    table = {"images": f"{here}/images", "labels": f"{here}/labels.csv", "masks": f"{here}/images"}
    return {
        "run": "hostile",
        "shards": 1,
        "dataset": {"source": "table", "classes": CLASSES, "table": table | {"masks": None}},
        "saliency": {"method": "onnx", "onnx": {"file": f"{here}/saliency.onnx"}},
        "attention": {"method": "folder", "folder": {"folder": f"{here}/maps"}},
        "segmenter": {"backbone": {"architecture": "vgg16", "weights": f"{here}/weights.pth"}},
        "evaluation": {"boxes": f"{here}/boxes.csv"},
        "supervision": {"files": {f"{here}/saliency.onnx": {"data": HOSTILE}}},
    }


def written(folder: Path, settings: dict[str, Any]) -> str:
    (folder / "hostile.yaml").write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")
    return "hostile.yaml"


def commands(output: str) -> list[list[str]]:
    """The words of every planned `weakseg` command, as the shell would take them."""
    found = re.findall(r"^(?:Shell command: |\s+)(weakseg .*)$", output, re.MULTILINE)
    chains = [shlex.split(line) for line in found]
    return [
        [*words] for chain in chains for is_and, words in groupby(chain, "&&".__eq__) if not is_and
    ]  # a rule may run a check first


def test_every_text_reaches_its_command_as_one_word(planned: Any, hostile: dict[str, Any]) -> None:
    here = f"data {HOSTILE}"
    status, output = planned.snakemake("-n", "-p", "--configfile", written(planned.folder, hostile))
    assert status == 0, output
    words = [word for command in commands(output) for word in command]
    assert f"{here}/maps" in words
    pieces = {piece for word in words if here not in word for piece in word.split()}
    assert not pieces & {"touch", "pwned", "-rf", "$HOME"}


def test_corrected_label_maps_may_have_any_id(planned: Any, hostile: dict[str, Any]) -> None:
    review = planned.folder / "results/hostile/review"
    for name in (*IDS, "a{1}", "{{x}}", "{"):
        path = review / "corrected" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.ones((8, 9), np.uint8)).save(path)
    changes = {
        "segmenter": hostile["segmenter"] | {"rounds": 2},
        # Attention maps are made elsewhere, and no network with them.
        "detector": {"backbone": {"weights": "none"}},
    }
    file = written(planned.folder, hostile | changes)
    status, output = planned.snakemake("-n", "-p", "--configfile", file, "--", "all", "detector")
    assert status == 0, output
    shutil.rmtree(review)
    told = [words[1:3] for words in commands(output) if "results/hostile/review" in words]
    assert sorted(told) == [["proxy", "boxes"], ["segmenter", "train"], ["segmenter", "train"]]


def test_the_folder_of_a_download_is_one_word(planned: Any) -> None:
    root = f"data {HOSTILE}/VOCdevkit/VOC2012"
    settings = {"run": "voc", "dataset": {"source": "voc", "voc": {"root": root, "download": True}}}
    status, output = planned.snakemake("-n", "-p", "--configfile", written(planned.folder, settings))
    assert status == 0, output
    (command,) = (words for words in commands(output) if words[1:3] == ["dataset", "download"])
    assert command[3:5] == ["--root", f"data {HOSTILE}"]


def test_what_runs_writes_only_into_its_run(planned: Any, hostile: dict[str, Any]) -> None:
    before = {path for path in planned.folder.parent.rglob("*") if ".snakemake" not in path.parts}
    target = "results/hostile/attention/maps/shard-1-of-1.h5"
    file = written(planned.folder, hostile)
    status, output = planned.snakemake("--cores", "1", "--configfile", file, "--", target)
    assert status == 0, output
    run = planned.folder / "results" / "hostile"
    with h5py.File(run / "attention" / "maps" / "shard-1-of-1.h5") as shard:
        assert {unquote(name) for name in shard} == set(IDS)
        assert {name for group in shard.values() for name in group} == set(CLASSES)
    after = {path for path in planned.folder.parent.rglob("*") if ".snakemake" not in path.parts}
    new = {path for path in after - before if not path.is_relative_to(run)}
    assert new <= {planned.folder / file, run.parent}
    assert not [path for path in after if path.name.startswith("pwned")]
    assert not Path("pwned").exists()
    shutil.rmtree(run)


@pytest.mark.parametrize("name", ["../../x", "/etc/passwd", "x/../../../y", "..", "a\0b", "a\\b", "C:\\x"])
def test_ids_that_lead_out_end_in_one_sentence(planned: Any, hostile: dict[str, Any], name: str) -> None:
    """By the command that the rule runs; the workflow adds nothing to an id."""
    folder = planned.folder / "out"
    folder.mkdir(exist_ok=True)
    (folder / "labels.csv").write_bytes(f"image,labels,split\n{name},cat,train\n".encode())
    table = {"images": str(folder), "labels": str(folder / "labels.csv")}
    (folder / "dataset.json").write_text(json.dumps({"source": "table", "classes": ["cat"], "table": table}))
    code = "from weakseg.cli import main; main()"
    words = ["dataset", "index", "--config", str(folder / "dataset.json"), "--out", str(folder / "run")]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("weakseg: ")
    assert len(done.stderr.splitlines()) == 1
    assert not (folder / "run").exists()
