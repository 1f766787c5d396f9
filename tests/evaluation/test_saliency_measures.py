"""Measures of saliency maps: against the library's own numbers, and the plain error by hand."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from weakseg.cli import weakseg
from weakseg.errors import InputError
from weakseg.evaluation.saliency_measures import MEASURES, folder_pairs, score_quality

sod = pytest.importorskip("py_sod_metrics", reason="the extra 'quality' is not installed")


def write(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Two videos of different lengths, maps of half the masks' size, and masks of a video without maps."""
    rng = np.random.default_rng(0)
    for name in ("bear/0", "bear/1", "bear/2", "cow/0", "other/0"):
        mask = np.zeros((24, 32), np.uint8)
        mask[6:18, 8:24] = 255
        write(tmp_path / "masks" / f"{name}.png", mask)
        noisy = mask[::2, ::2] * 0.5 + rng.uniform(0, 100, (12, 16))
        if name != "other/0":
            write(tmp_path / "maps" / f"{name}.png", noisy.astype(np.uint8))
    return tmp_path / "maps", tmp_path / "masks"


def test_numbers_are_the_librarys_own(folders: tuple[Path, Path]) -> None:
    pairs = list(folder_pairs(*folders, "bright"))
    assert [name for name, _, _ in pairs] == ["bear/0", "bear/1", "bear/2", "cow/0"]
    whole = [(name, np.kron(values, np.ones((2, 2))), mask) for name, values, mask in pairs]
    found = score_quality(whole)["measures"]
    each = [sod.MAE(), sod.Fmeasure(), sod.WeightedFmeasure(), sod.Smeasure(), sod.Emeasure()]
    for _, values, mask in whole:
        for measure in each:
            measure.step(pred=np.rint(values * 255).astype(np.uint8), gt=mask * 255)
    error, f, weighted, s, e = (measure.get_results() for measure in each)
    assert found["MAE"] == pytest.approx(error["mae"])
    assert found["maxF"] == pytest.approx(f["fm"]["curve"].max())
    assert found["meanF"] == pytest.approx(f["fm"]["curve"].mean())
    assert found["weightedF"] == pytest.approx(weighted["wfm"])
    assert found["S"] == pytest.approx(s["sm"])
    assert found["maxE"] == pytest.approx(e["em"]["curve"].max())
    assert set(found) == set(MEASURES)


def test_error_by_hand() -> None:
    values = np.array([[0.0, 0.2], [1.0, 0.6]])
    mask = np.array([[0, 0], [1, 1]], np.uint8)
    found = score_quality([("a", values, mask)])["measures"]
    assert found["plainMAE"] == pytest.approx((0.2 + 0.4) / 4)
    assert found["MAE"] == pytest.approx((0.2 + 0.4) / 4)  # 0 and 1 occur: nothing to stretch
    halved = score_quality([("a", values / 2, mask)])["measures"]
    assert halved["plainMAE"] == pytest.approx((0.1 + 0.5 + 0.7) / 4, abs=2 / 255)
    assert halved["MAE"] == pytest.approx((0.2 + 0.4) / 4, abs=2 / 255)
    left_out = score_quality([("a", values, np.array([[0, 255], [1, 1]], np.uint8))])["measures"]
    assert left_out["plainMAE"] == pytest.approx(0.4 / 4)


def test_command_scores_each_sequence(folders: tuple[Path, Path], tmp_path: Path) -> None:
    maps, masks = folders
    out = tmp_path / "quality.json"
    arguments = ["evaluate", "saliency", "--maps", str(maps), "--masks", str(masks), "--sequences"]
    result = CliRunner().invoke(weakseg, [*arguments, "--out", str(out)])
    assert result.exit_code == 0, result.output
    content = json.loads(out.read_text(encoding="utf-8"))
    assert {name: item["images"] for name, item in content["sequences"].items()} == {"bear": 3, "cow": 1}
    scores = [item["measures"]["S"] for item in content["sequences"].values()]
    assert content["measures"]["S"] == pytest.approx(np.mean(scores), abs=1e-4)
    lines = result.output.splitlines()
    assert lines[0].split() == ["images", *MEASURES]
    assert [line.split()[0] for line in lines[1:]] == ["bear", "cow", "mean"]


def test_mistakes(folders: tuple[Path, Path], tmp_path: Path) -> None:
    maps, masks = folders
    (maps / "bear" / "1.png").unlink()
    with pytest.raises(InputError, match="one grey PNG per mask"):
        list(folder_pairs(maps, masks, "bright"))
    with pytest.raises(InputError, match="is not a folder"):
        list(folder_pairs(tmp_path / "none", masks, "bright"))
    with pytest.raises(InputError, match="at least one"):
        score_quality([])
    result = CliRunner().invoke(weakseg, ["evaluate", "saliency", "--out", str(tmp_path / "x.json")])
    assert isinstance(result.exception, InputError)
