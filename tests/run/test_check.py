"""`weakseg check`: what a run would find, need and take, on one screen."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from click.testing import CliRunner, Result
from PIL import Image

from weakseg.cli import weakseg
from weakseg.config import Config
from weakseg.run.check import needs, timing
from weakseg.run.check.words import duration, fact, remarks, size
from weakseg.run.table import Table
from weakseg.training.settings import TrainingConfig

SMALL = {"architecture": "vgg_small", "weights": "none"}


def scene(number: int) -> Image.Image:
    cells = np.random.default_rng(number).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(cells).resize((64, 48), Image.Resampling.BICUBIC)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Six training and two validation images of cats and dogs, in a folder with a workflow."""
    (tmp_path / "workflow" / "rules").mkdir(parents=True)
    for name in ("Snakefile", "workflow/rules/common.smk"):
        (tmp_path / name).touch()
    (tmp_path / "photos").mkdir()
    rows = ["image,labels,split"]
    for number in range(8):
        scene(number).save(tmp_path / "photos" / f"{number}.png")
        rows.append(f"{number}.png,{'dog' if number % 2 else 'cat'},{'val' if number > 5 else 'train'}")
    (tmp_path / "labels.csv").write_text("\n".join(rows) + "\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def values(**changes: Any) -> dict[str, Any]:
    table = {"images": "photos", "labels": "labels.csv"}
    return {
        "run": "mine",
        "dataset": {"source": "table", "classes": ["cat", "dog"], "table": table},
        "saliency": {"method": "unsupervised"},
        "attention": {"method": "cam", "backbone": SMALL},
        "segmenter": {"backbone": SMALL},
    } | changes


def check(project: Path, *words: str, **changes: Any) -> Result:
    (project / "my-run.yaml").write_text(yaml.safe_dump(values(**changes)))
    return CliRunner().invoke(weakseg, ["check", "my-run.yaml", *(words or ("--no-time",))])


def facts(result: Result) -> dict[str, str]:
    assert result.exit_code == 0, (result.output, result.exception)
    lines = [line for line in result.output.splitlines() if line[:1].islower()]
    return {line[:11].strip(): line[11:] for line in lines}


def test_facts_and_the_command_that_starts_the_run(project: Path) -> None:
    result = check(project)
    found = facts(result)
    assert found["images"] == "6 train, 2 val"
    assert found["classes"] == "train/val cat 3/1, dog 3/1"
    assert found["masks"] == "none: nothing is scored"
    assert found["sizes"] == "64×48 pixels each"
    assert found["attention"] == "cam on vgg_small, from none"
    assert "this machine has" in found["memory"]
    assert "are free" in found["disk"]
    assert result.output.splitlines()[-1] == "Start it: snakemake --cores all --configfile my-run.yaml"


def test_all_that_a_run_would_refuse_is_told_and_the_exit_status_is_1(project: Path) -> None:
    for number in range(3):
        (project / "photos" / f"{number}.png").unlink()
    result = check(project, evaluation={"boxes": "none.csv", "ceiling": "other"})
    text = " ".join(result.output.split())
    assert result.exit_code == 1
    assert "✗ 3 of 8 images cannot be used: 3 images (0.png, 1.png, 2.png) are not in photos" in text
    assert "✗ evaluation.boxes is none.csv, which does not exist" in text
    assert "✗ evaluation.ceiling's score is results/other/evaluation/segmenter-crf.json" in text
    assert result.output.splitlines()[-1] == "Correct this, then: weakseg check my-run.yaml"


def test_copies_are_told_and_which_cross_the_splits(project: Path) -> None:
    for name in ("1", "6"):
        (project / "photos" / f"{name}.png").write_bytes((project / "photos" / "0.png").read_bytes())
    scene(2).resize((40, 30), Image.Resampling.LANCZOS).save(project / "photos" / "7.png")
    text = " ".join(check(project).output.split())
    assert (
        "! 2 images the same as another, 1 with other labels, 1 across train and val: 0 and 1, 0 and 6; drop one row of"
        in text
    )
    assert "! 1 of val nearly the same as an image of train: 7 and 2; scores on them say too much" in text


def test_classes_with_few_images_or_none_are_told(project: Path) -> None:
    (project / "labels.csv").write_text(
        "image,labels,split\n0,cat,train\n1,,train\n2,cat|ox,train\n3,cat,val\n"
    )
    dataset = values()["dataset"] | {"classes": ["cat", "dog", "ox"]}
    result = check(project, dataset=dataset)
    text = " ".join(result.output.split())
    assert "images 3 train, 1 val; 1 of train show none of the classes (negatives)" in text
    assert "! in no training image: dog; nothing can learn it" in text
    assert "! fewer than 20 training images: cat (2), ox (1)" in text
    assert "! in no image of val: ox; their score will be missing" in text


def test_a_check_is_what_the_run_need_not_do_again(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check(project)
    folder = project / "results" / "mine" / "dataset"
    assert sorted(path.name for path in folder.iterdir()) == ["files.csv", "pictures.csv"]

    def never(path: Path) -> np.ndarray:
        raise AssertionError(f"{path} is opened again")

    monkeypatch.setattr("weakseg.dataset.check.read_image", never)
    assert facts(check(project))["sizes"] == "64×48 pixels each"


def test_weights_are_named_with_size_and_place(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEAKSEG_CACHE", str(project / "cache"))
    monkeypatch.setenv("U2NET_HOME", str(project / "rembg"))
    saliency = {"method": "onnx", "onnx": {"file": "u2netp"}}
    found = facts(check(project, saliency=saliency))
    assert found["saliency"] == "onnx, u2netp"
    assert found["weights"] == "u2netp, 4.6 MB, to be fetched once"


def test_too_little_memory_and_disk_are_told(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = type("Usage", (), {"free": 1_000_000})
    monkeypatch.setattr(needs.shutil, "disk_usage", lambda path: free)
    monkeypatch.setattr(needs, "ram", lambda: 500_000_000)
    text = " ".join(check(project).output.split())
    assert "of memory, and this machine has 500 MB" in text
    assert "of disk, and 1.0 MB are free: free some, or start the run on another disk" in text


def test_files_of_scores_take_what_their_stride_makes_them() -> None:
    backbone = {"architecture": "timm/test_resnet", "weights": "none"}
    fine, coarse = (
        needs.disk(
            Table(Config(**values(segmenter={"method": method, "backbone": backbone}))),
            {"val": 1000},
            500 * 400,
        )
        for method in ("smp/unet", "smp/fpn")
    )
    assert fine - coarse == pytest.approx(1000 * 500 * 400 * 2 * 3 * (1 - 1 / 16))  # float16, three classes


def test_the_time_is_that_of_iterations_and_images(monkeypatch: pytest.MonkeyPatch) -> None:
    def table(iterations: int) -> Table:
        training = {"iterations": iterations, "batch_size": 2, "crop": 64}
        sections = {name: {"backbone": SMALL, "training": training} for name in ("attention", "segmenter")}
        return Table(
            Config.model_validate(
                {
                    "attention": sections["attention"] | {"method": "cam"},
                    "segmenter": sections["segmenter"],
                    "saliency": {"method": "unsupervised"},
                }
            )
        )

    monkeypatch.setattr(timing, "_seconds", lambda function: [function(), 1.0][1])  # each step takes a second
    few = timing.stages(table(100), {"train": 30, "val": 10}, (48, 64), 2)
    more = timing.stages(table(200), {"train": 30, "val": 10}, (48, 64), 2)
    assert few["saliency"] == 40
    assert few["proxies"] == 20
    assert few["attention"] == 100 + 40 / 2  # maps are measured on two images
    assert few["segmenter"] == 100 + 10 * (1 + 1 / 2)
    assert more["attention"] - few["attention"] == 100
    assert more["segmenter"] - few["segmenter"] == 100


def test_weights_that_are_not_fetched_leave_the_saliency_maps_uncounted(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("WEAKSEG_CACHE", "U2NET_HOME", "TORCH_HOME"):
        monkeypatch.setenv(name, str(project / "empty"))
    monkeypatch.setattr(timing, "_seconds", lambda function: [function(), 1.0][1])
    training = {"iterations": 1, "batch_size": 2, "crop": 32}
    sections = {name: {"backbone": SMALL, "training": training} for name in ("attention", "segmenter")}
    sections["attention"]["method"] = "cam"
    result = check(project, "--time", saliency={"method": "onnx", "onnx": {"file": "u2netp"}}, **sections)
    assert facts(result)["weights"] == "u2netp, 4.6 MB, to be fetched once"
    counted, _, left_out = " ".join(result.output.split()).partition(" time about ")[2].partition(";")
    assert "attention" in counted
    assert "saliency" not in counted
    assert left_out.startswith(" saliency maps not counted, since their weights are not fetched")


@pytest.mark.slow
@pytest.mark.parametrize("method", ["seenet", "acol", "spg", "oaa", "cam"])
def test_every_attention_method_is_measured(method: str) -> None:
    backbone = {"architecture": "inception_v3" if method == "spg" else "vgg16", "weights": "none"}
    training = {"iterations": 1, "batch_size": 2, "crop": 96 if method == "spg" else 64}
    config = Config.model_validate(
        {
            "attention": {"method": method, "backbone": backbone, "training": training, "maps": {"size": 64}},
            "segmenter": {"backbone": SMALL, "training": training},
            "saliency": {"method": "unsupervised"},
        }
    )
    assert timing.stages(Table(config), {"train": 1, "val": 1}, (48, 64), 1)["attention"] > 0


def test_a_large_batch_follows_from_two_small_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def step(network: Any, samples: Any, training: TrainingConfig, images: int) -> Any:
        sizes.append(images)
        return images

    monkeypatch.setattr(timing, "_step", step)
    monkeypatch.setattr(timing, "_seconds", lambda images: 1.0 + 0.5 * images)
    network = torch.nn.Conv2d(3, 3, 1)
    training = TrainingConfig(iterations=10, batch_size=16, crop=321)
    assert timing._training(network, [], training) == pytest.approx(10 * (1 + 0.5 * 16))
    assert sizes == [4, 2]
    small = TrainingConfig(iterations=10, batch_size=16, crop=96)
    assert timing._training(network, [], small) == pytest.approx(10 * (1 + 0.5 * 16))
    assert sizes == [4, 2, 16]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "1 s"),
        (40, "40 s"),
        (300, "5 min"),
        (89 * 60, "89 min"),
        (7790, "2 h 10 min"),
        (3600 * 30, "30 h"),
        (3600 * 75, "3 days"),
    ],
)
def test_durations_as_people_say_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_sizes_as_people_say_them() -> None:
    assert [size(count) for count in (3e5, 4.6e6, 5.3e8, 2.14e9)] == [
        *("less than 1 MB", "4.6 MB", "530 MB", "2.1 GB")
    ]


def test_lines_are_no_wider_than_the_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    lines = [*fact("classes", "cat 1/2, " * 30), *remarks("!", ["word " * 40, "one\n  two"])]
    assert max(map(len, lines)) <= 60
    assert lines[1].startswith(" " * 11)
    assert lines[-2:] == ["! one", "    two"]


def test_the_memory_of_a_container_is_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = needs.ram()
    (tmp_path / "memory.max").write_text("1000000\n")
    monkeypatch.setattr(needs, "_CGROUPS", (str(tmp_path / "memory.max"), str(tmp_path / "none")))
    assert needs.ram() == 1_000_000
    (tmp_path / "memory.max").write_text("max\n")
    assert needs.ram() >= whole
