"""A tiny run with everything that is scored, made without training."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from weakseg.dataset.index import Index, read_index, write_index
from weakseg.dataset.records import Record
from weakseg.evaluation.commands import evaluate
from weakseg.storage.labels import write_labels
from weakseg.storage.shards import write_shard

CLASSES = ("cat", "dog")
LABELS = {
    "fused": ("train", "proxy/fused"),
    "refined": ("train", "proxy/refined"),
    "segmenter": ("val", "segmenter/round-1/predictions/plain"),
    "segmenter-crf": ("val", "segmenter/round-1/predictions/crf"),
}


class Tiny:
    """A run of five training and three validation images in two shards; every label map is a bit off."""

    def __init__(self, folder: Path, configure: Callable[..., Path], masks: bool) -> None:
        self.folder, self._configure = folder, configure
        self.truths: dict[str, np.ndarray] = {}
        self.configure()
        records = [self._image(number, masks and number != 4) for number in range(8)]
        write_index(folder / "dataset", Index(tuple(records), CLASSES, (0, 1, 2)))
        self._write_artefacts()

    def configure(self, **values: Any) -> None:
        """Write other values than the defaults; montages show nothing unless that is asked for."""
        values["evaluation"] = {"sample": 0, "worst": 0} | values.get("evaluation", {})
        self._configure(self.folder, shards=2, **values)

    def _image(self, number: int, masked: bool) -> Record:
        split = "train" if number < 5 else "val"
        truth = np.zeros((30, 40), np.uint8)
        truth[5:20, 5 + number : 20 + number] = 1 + number % 2
        truth[5, :] = 255
        self.truths[f"{split}/{number}"] = truth
        image = self.folder / "images" / f"{number}.png"
        image.parent.mkdir(exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 255, (30, 40, 3))
        Image.fromarray(pixels.astype(np.uint8)).save(image)
        mask = self.folder / "masks" / f"{number}.png" if masked else None
        if mask is not None:
            write_labels(mask, truth)
        return Record(f"{split}/{number}", image, split, (CLASSES[number % 2],), mask)

    def _write_artefacts(self) -> None:
        attention, saliency = [], []
        for number, (name, truth) in enumerate(self.truths.items()):
            soft = np.where((truth > 0) & (truth < 255), 0.8, 0.1)[::2, ::2]
            attention.append((name, {CLASSES[number % 2]: soft}))
            saliency.append((name, {"saliency": soft}))
            off = np.roll(truth, number, axis=0)
            off[off == 255] = 0
            write_labels(self.labels("refined") / f"{name}.png", off)
            off = off.copy()
            off[:, 10:14] = 255
            write_labels(self.labels("fused") / f"{name}.png", off)
            if name.startswith("val"):
                for kind in ("segmenter", "segmenter-crf"):
                    write_labels(self.labels(kind) / f"{name}.png", np.roll(truth, number, axis=1) % 255)
        for shard, chosen in enumerate((slice(0, 4), slice(4, None))):
            write_shard(self.shards("attention")[shard], attention[chosen])
            write_shard(self.shards("saliency")[shard], saliency[chosen])

    def labels(self, name: str) -> Path:
        return self.folder / LABELS[name][1]

    def shards(self, room: str) -> list[Path]:
        return [self.folder / room / "maps" / f"shard-{part}-of-2.h5" for part in (1, 2)]

    @property
    def data(self) -> list[Path | str]:
        dataset = self.folder / "dataset"
        return ["--index", dataset / "index.csv", "--classes", dataset / "classes.csv"]

    @property
    def index(self) -> Index:
        return read_index(self.folder / "dataset/index.csv", self.folder / "dataset/classes.csv")

    def evaluate(self, *arguments: object) -> Result:
        """Run a command; what it raises is raised here too."""
        return CliRunner().invoke(evaluate, [str(argument) for argument in arguments], catch_exceptions=False)

    def score(self, name: str) -> Result:
        """Score the label maps of a stage."""
        split, folder = LABELS[name]
        return self.evaluate("labels", *self.data, "--split", split, "--stage", name,
                             "--labels", self.folder / folder, "--out", self.path(f"{name}.json"))  # fmt: skip

    def score_all(self) -> list[Path]:
        """Score everything; the five score files."""
        sweep, out = self.path("sweep.png"), self.path("attention.json")
        results = [self.evaluate("attention", *self.data, "--maps", *self.shards("attention"),
                                 "--curve", sweep, "--out", out), *map(self.score, LABELS)]  # fmt: skip
        assert sweep.read_bytes().startswith(b"\x89PNG")
        assert [result.exit_code for result in results] == [0] * 5, [result.output for result in results]
        return [out, *(self.path(f"{name}.json") for name in LABELS)]

    def summary(self) -> Result:
        return self.evaluate("summary", "--run", self.folder)

    def path(self, name: str) -> Path:
        return self.folder / "evaluation" / name

    def read(self, name: str) -> Any:
        return json.loads(self.path(f"{name}.json").read_text(encoding="utf-8"))

    def write(self, path: str, text: str) -> Path:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def picture(self, name: str) -> np.ndarray:
        with Image.open(self.path(name)) as image:
            return np.asarray(image.convert("RGB"))


@pytest.fixture
def tiny(tmp_path: Path, configure: Callable[..., Path]) -> Tiny:
    """Nothing is scored yet."""
    return Tiny(tmp_path / "results" / "tiny", configure, masks=True)


@pytest.fixture
def unmasked(tmp_path: Path, configure: Callable[..., Path]) -> Tiny:
    """No image has a mask."""
    return Tiny(tmp_path / "results" / "tiny", configure, masks=False)


@pytest.fixture
def scored(tiny: Tiny) -> Tiny:
    """Everything is scored."""
    tiny.score_all()
    return tiny
