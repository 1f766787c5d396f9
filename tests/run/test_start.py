"""What happens before a run's first job."""

import json
from pathlib import Path

import pytest

from weakseg.config import Config
from weakseg.errors import InputError
from weakseg.run import inputs
from weakseg.run.start import Again, lock, prepare
from weakseg.run.table import Table

SMALL = {"architecture": "vgg_small", "weights": "none"}


def configured(**attention: object) -> Config:
    sections = {"attention": {"backbone": SMALL} | attention, "segmenter": {"backbone": SMALL}}
    return Config.model_validate({"run": "mine"} | sections)


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    table = Table(configured(), tmp_path)
    held = lock(table)
    with pytest.raises(InputError, match=r"another snakemake works on .*mine and holds .*\.lock"):
        lock(table)
    held.release()
    lock(table).release()


def test_what_is_trained_again_is_named_and_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, now = configured(), configured(training={"learning_rate": 0.5})
    table = Table(now, tmp_path)
    weights, settings = table["attention_train"].weights, table.folder / "configs" / "attention-train.json"
    for path in (weights, settings):
        path.parent.mkdir(parents=True)
    weights.write_bytes(b"trained")
    settings.write_text(json.dumps(before.stages()["attention-train"]), encoding="utf-8")
    again = [Again("attention_train", weights, [settings], "params have changed")]
    prepare(table, now.stages(), again)
    weights.unlink()
    assert (table.folder / "previous" / "attention" / "weights.pt").read_bytes() == b"trained"
    assert "attention is trained again (training.learning_rate: 0.001 → 0.5)" in capsys.readouterr().err


def test_maps_that_are_made_again_are_not_called_a_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = Table(configured(), tmp_path)
    prepare(table, table.config.stages(), [Again("evaluate_labels", tmp_path / "x.json", [], "")])
    assert capsys.readouterr().err == ""


def test_missing_files_from_outside_are_refused_where_the_run_reads_them(tmp_path: Path) -> None:
    missing = {"architecture": "vgg16", "weights": "vgg.npz"}
    with pytest.raises(InputError, match=r"attention\.backbone\.weights is vgg\.npz, which does not exist"):
        inputs.initial_weights(Table(configured(backbone=missing), tmp_path), "attention")
    reused = configured(backbone=missing, from_run="other")
    assert inputs.initial_weights(Table(reused, tmp_path), "attention") == []


def test_a_backbone_starts_from_the_attention_network_of_its_run(tmp_path: Path) -> None:
    config = Config.model_validate(
        {
            "run": "mine",
            "attention": {"backbone": SMALL},
            "segmenter": {"backbone": SMALL | {"weights": "attention"}},
            "detector": {"backbone": {"weights": "attention"}},
        }
    )
    table = Table(config, tmp_path)
    assert inputs.attention_weights(table, "segmenter") == [tmp_path / "mine/attention/weights.pt"]
    assert inputs.initial_weights(table, "segmenter") == []
    with pytest.raises(
        InputError, match=r"whose backbone is vgg_small, but detector\.backbone\.architecture is vgg16"
    ):
        inputs.attention_weights(table, "detector")


def test_a_misspelt_file_is_told_with_its_neighbour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("vgg16.npz").touch()
    where = f"which does not exist in {tmp_path}, where the command was started"
    with pytest.raises(InputError, match=rf"weights is vgg_16\.npz, {where}; did you mean vgg16\.npz\?"):
        inputs.outside("attention.backbone.weights", "vgg_16.npz")
    with pytest.raises(InputError, match=rf"weights is resnet\.pt, {where}; correct the path"):
        inputs.outside("attention.backbone.weights", "resnet.pt")
