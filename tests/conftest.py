"""Small data that several rooms test on."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

if "PYTEST_XDIST_WORKER" in os.environ:  # several test processes: one core each, said before torch is loaded
    os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

from weakseg.config import Config
from weakseg.storage.atomic import write_text
from weakseg.storage.labels import write_labels

pytest_plugins = ["tiny_run"]
settings.register_profile("weakseg", deadline=None)  # a busy machine is no failure
settings.register_profile("long", deadline=None, max_examples=3000)  # --hypothesis-profile=long, by hand
settings.load_profile("weakseg")
# A shell lets what it starts in the background ignore Ctrl-C; what is interrupted here would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole pipelines first: begun last, one process would run them while the others wait."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


TABLE = {
    "a": ("cat", "train"),
    "b": ("dog", "train"),
    "c": ("cat|bird", "train"),
    "d": ("bird", "train"),
    "e": ("dog|cat", "val"),
    "f": ("bird", "val"),
}
NAMES = ["bird", "cat", "dog"]


@pytest.fixture(scope="session")
def configure() -> Callable[..., Path]:
    """Writes the configuration into a run's folder that a test makes by hand, as the workflow does."""

    def write(folder: Path, **values: Any) -> Path:
        config = Config.model_validate({"run": folder.name, "shards": 1, **values})
        write_text(folder / "configs" / "run.json", config.model_dump_json())
        return folder

    return write


@pytest.fixture
def table_data(tmp_path: Path) -> Path:
    """A table data set: `images/` (six JPEGs, 32×24 pixels), `masks/`, `labels.csv`; bird 1, cat 2, dog 3."""
    folder = tmp_path / "data"
    (folder / "images").mkdir(parents=True)
    rng = np.random.default_rng(0)
    rows = ["image,labels,split"]
    for name, (labels, split) in TABLE.items():
        pixels = rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "images" / f"{name}.jpg")
        mask = np.zeros((24, 32), np.uint8)
        for place, label in enumerate(labels.split("|")):
            mask[4:12, 4 + 14 * place : 14 + 14 * place] = NAMES.index(label) + 1
        mask[0] = 255
        write_labels(folder / "masks" / f"{name}.png", mask)
        rows.append(f"{name}.jpg,{labels},{split}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder
