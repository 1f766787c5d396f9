"""Where a window of a scene shows nothing measured, proxies are undecided, whatever maps and CRF say."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from weakseg.cli import weakseg
from weakseg.dataset.images import NODATA
from weakseg.dataset.index import Index, write_index
from weakseg.dataset.records import Record
from weakseg.storage.labels import read_labels
from weakseg.storage.shards import write_shard

MISSING = np.zeros((24, 32), bool)
MISSING[:, 20:] = True


@pytest.fixture
def window(tmp_path: Path) -> Path:
    """A folder with an index of one window, a third of it without data, and its maps; all of it is a cat."""
    picture = np.random.default_rng(0).integers(0, 255, (24, 32, 3)).astype(np.uint8)
    alpha = np.where(MISSING, 0, 255).astype(np.uint8)
    text = PngInfo()
    text.add_text(*NODATA)
    Image.fromarray(np.dstack([picture, alpha])).save(tmp_path / "a.png", pnginfo=text)
    record = Record("a", tmp_path / "a.png", "train", ("cat",), None)
    write_index(tmp_path, Index((record,), ("cat", "dog"), (0, 1, 2)))
    full = np.ones((12, 16))
    write_shard(tmp_path / "attention.h5", [("a", {"cat": full})])
    write_shard(tmp_path / "saliency.h5", [("a", {"saliency": full})])
    return tmp_path


def invoke(*words: object) -> Result:
    return CliRunner().invoke(weakseg, list(map(str, words)), catch_exceptions=False)


@pytest.mark.parametrize("enabled", [False, True])
def test_pixels_without_data_are_undecided_in_fused_and_refined_proxies(window: Path, enabled: bool) -> None:
    refine = {"enabled": enabled, "undecided": "resolve"} if enabled else {"enabled": False}
    for name, values in (("fuse", {"rule": "threshold"}), ("refine", refine)):
        (window / f"{name}.json").write_text(json.dumps(values), encoding="utf-8")
    data = ["--index", window / "index.csv", "--classes", window / "classes.csv", "--shard", "1-of-1"]
    fused = invoke(
        *("proxy", "fuse", "--config", window / "fuse.json", *data, "--labels", window / "fused"),
        *("--attention", window / "attention.h5", "--saliency", window / "saliency.h5"),
        *("--out", window / "fused.csv"),
    )
    assert fused.exit_code == 0, fused.output
    refined = invoke(
        *("proxy", "refine", "--config", window / "refine.json", *data, "--labels", window / "refined"),
        *("--fused", window / "fused", "--out", window / "refined.csv"),
    )
    assert refined.exit_code == 0, refined.output
    for stage in ("fused", "refined"):
        labels = read_labels(window / stage / "a.png")
        assert (labels[MISSING] == 255).all()
        assert (labels[~MISSING] == 1).all()
