"""`weakseg init`: what it sees in a folder and a table, what it writes, and what it never replaces."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from weakseg.config import Config
from weakseg.config.layers import layered
from weakseg.errors import InputError
from weakseg.run.init import chosen
from weakseg.run.init.chosen import iterations, shards, sizes
from weakseg.run.init.masks import mask_classes
from weakseg.run.init.seen import see
from weakseg.settings.reading import parse
from weakseg.storage.labels import write_labels

ROOT = Path(__file__).parents[2]
Init = Callable[..., list[str]]
Configuration = Callable[[str], dict[str, Any]]


def _photographs(
    folder: Path, labels: Sequence[str], splits: Sequence[str] = (), side: int = 500, kind: str = "jpg"
) -> None:
    """Images `photos/0.jpg`, … and `photos.csv`, without the column split where none is given."""
    (folder / "photos").mkdir()
    lines = ["image,labels" + (",split" if splits else "")]
    for number, shown in enumerate(labels):
        Image.new("RGB", (side, side * 3 // 4)).save(folder / f"photos/{number}.{kind}")
        lines.append(f"{number},{shown}" + (f",{splits[number]}" if splits else ""))
    (folder / "photos.csv").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _masks(folder: Path, values: Sequence[Sequence[int]]) -> None:
    """A mask `masks/0.png`, … with the given values in it."""
    for number, held in enumerate(values):
        mask = np.zeros((30, 40), np.uint8)
        mask[0, : len(held)] = held
        (folder / "masks").mkdir(exist_ok=True)
        write_labels(folder / f"masks/{number}.png", mask)


def test_an_empty_folder_gets_the_demo_and_what_runs_it(
    init: Init, here: Path, written: Configuration
) -> None:
    lines = init("--demo")
    assert [lines[-1], lines[-3]] == ["snakemake --cores all", "weakseg check demo.yaml"]
    assert {path.name for path in here.iterdir()} == {"demo.yaml", "Snakefile", "profiles"}
    assert written("demo")["dataset"]["source"] == "demo"
    for name in ("default", "slurm"):
        profile = yaml.safe_load((here / "profiles" / name / "profile.yaml").read_text(encoding="utf-8"))
        assert profile["configfile"] == ["demo.yaml"]
        assert profile["nolock"] is True


def test_a_second_run_in_the_same_folder_leaves_the_first_one_alone(init: Init, here: Path) -> None:
    init("--demo")
    before = {path: path.read_bytes() for path in here.rglob("*") if path.is_file()}
    assert init("again", "--demo")[-1] == "snakemake --cores all --configfile again.yaml"
    assert {path: path.read_bytes() for path in before} == before
    assert {path.name for path in here.iterdir()} == {"demo.yaml", "again.yaml", "Snakefile", "profiles"}


def test_a_checkout_gets_the_configuration_alone(init: Init, here: Path) -> None:
    (here / "workflow" / "rules").mkdir(parents=True)
    for name in ("Snakefile", "workflow/rules/common.smk"):
        (here / name).write_text("rule all:\n", encoding="utf-8")
    assert init("--demo")[-1] == "snakemake --cores all --configfile demo.yaml"
    assert {path.name for path in here.iterdir()} == {"demo.yaml", "Snakefile", "workflow"}
    assert (here / "Snakefile").read_text(encoding="utf-8") == "rule all:\n"
    first = (here / "demo.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert first == (ROOT / "config.yaml").read_text(encoding="utf-8").splitlines()[0]  # for editors


def test_files_are_replaced_only_by_force(init: Init, here: Path, written: Configuration) -> None:
    (here / "Snakefile").write_text("rule mine:\n", encoding="utf-8")
    with pytest.raises(InputError, match="the Snakefile here is not weakseg's"):
        init("--demo")
    assert [path.name for path in here.iterdir()] == ["Snakefile"]  # all or nothing
    (here / "Snakefile").unlink()
    (here / "demo.yaml").write_text("run: mine\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"demo\.yaml exists already and is not replaced"):
        init("--demo")
    assert (here / "demo.yaml").read_text(encoding="utf-8") == "run: mine\n"
    init("--demo", "--force")
    assert written("demo")["run"] == "demo"


def test_classes_split_and_iterations_are_seen(init: Init, here: Path, written: Configuration) -> None:
    _photographs(here, ["dog"] * 6 + ["cat|dog"] * 3 + [""], ["train"] * 8 + ["val"] * 2)
    lines = init("mine", "--images", "photos", "--labels", "photos.csv")
    assert lines[0] == "10 images in photos, labelled by photos.csv: 8 train, 2 val."
    assert [line.split() for line in lines[2:6]] == [
        ["class", "train", "val"],
        ["dog", "8", "1"],
        ["cat", "2", "1"],
        ["no", "label", "0", "1"],
    ]
    values = written("mine")
    assert values["dataset"]["classes"] == ["dog", "cat"]  # the most frequent first
    assert values["dataset"]["table"] == {"images": "photos", "labels": "photos.csv", "masks": None}
    assert values["attention"] == {"training": {"iterations": 300}}
    assert values["preset"] == chosen.preset()


def test_folder_and_table_are_found_where_they_are_the_only_ones(
    init: Init, here: Path, written: Configuration
) -> None:
    _photographs(here, ["dog", "cat"], ["train", "val"])
    _masks(here, [[1], [2]])  # named like the images, but PNGs
    assert init("mine")[0] == "2 images in photos, labelled by photos.csv: 1 train, 1 val."
    assert written("mine")["dataset"]["table"]["masks"] == "masks"
    (here / "more.csv").write_text("image,labels\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"several files may be the table of labels: more\.csv, photos\.csv"):
        init("other")


def test_two_folders_that_may_hold_the_images_are_asked_about(init: Init, here: Path) -> None:
    _photographs(here, ["dog", "cat"], ["train", "val"])
    (here / "small").mkdir()
    Image.new("RGB", (8, 8)).save(here / "small/0.jpg")
    with pytest.raises(
        InputError, match=r"several folders hold files named like the images .*: photos, small"
    ):
        init("mine")


def test_rows_without_an_image_are_told(init: Init, here: Path, written: Configuration) -> None:
    _photographs(here, ["dog", "cat", "dog"], ["train", "val", "train"])
    (here / "photos/2.jpg").unlink()
    lines = init("mine.yaml", "--images", "photos")  # the name of the run or of its file
    assert lines[0].startswith("2 images in photos")
    assert "Not found: 2. The run stops there; correct the table." in lines
    assert written("mine")["run"] == "mine"


def test_a_table_without_split_gets_one_that_is_written(
    init: Init, here: Path, written: Configuration
) -> None:
    _photographs(here, ["dog"] * 20 + ["cat"] * 20)
    lines = init("mine")
    assert lines[0] == "40 images in photos, labelled by photos.csv: 36 train, 4 val."
    lists = written("mine")["dataset"]["table"]["lists"]
    chosen = {split: Path(name).read_text(encoding="utf-8").split() for split, name in lists.items()}
    assert lists == {"train": "mine-train.txt", "val": "mine-val.txt"}
    assert sorted(chosen["train"] + chosen["val"], key=int) == [str(number) for number in range(40)]
    assert sum(int(name) < 20 for name in chosen["val"]) == 2  # a tenth of each class


def test_an_empty_column_split_is_none_and_a_half_empty_one_is_refused(
    init: Init, here: Path, written: Configuration
) -> None:
    _photographs(here, ["dog"] * 5, [""] * 5)
    assert "lists" in (init("mine"), written("mine"))[1]["dataset"]["table"]
    text = (here / "photos.csv").read_text(encoding="utf-8")
    (here / "photos.csv").write_text(text.replace("3,dog,", "3,dog,train"), encoding="utf-8")
    with pytest.raises(InputError, match="split"):
        init("other")


def test_no_table_gives_one_to_fill_in(init: Init, here: Path) -> None:
    _photographs(here, ["dog"] * 20)
    (here / "photos.csv").unlink()
    Image.new("RGB", (8, 8)).save(here / 'photos/a, "b".png')
    lines = init("mine", "--images", "photos")
    assert lines[-1] == "weakseg init mine --images photos --labels mine.csv"
    assert not (here / "mine.yaml").exists()
    table = here / "mine.csv"
    with pytest.raises(InputError, match=r"the column labels of mine\.csv is empty"):
        init("mine", "--images", "photos", "--labels", "mine.csv")
    filled = table.read_text(encoding="utf-8").replace(",,train", ",dog,train").replace(",,val", ",cat,val")
    table.write_text(filled, encoding="utf-8")
    assert init("mine", "--images", "photos", "--labels", "mine.csv")[0].startswith("21 images")
    assert {record.split for record in see(Path("photos"), table, None).records} == {"train", "val"}


def test_masks_tell_the_order_of_their_values(init: Init, here: Path, written: Configuration) -> None:
    _photographs(here, ["dog", "dog", "dog", "cat", "cat|dog"], ["train"] * 4 + ["val"])
    _masks(here, [[2], [2], [2], [1], [1, 2]])
    init("mine")
    dataset = written("mine")["dataset"]
    assert dataset["classes"] == ["cat", "dog"]  # 1 and 2, though dogs are more frequent
    assert dataset["table"]["masks"] == "masks"
    assert "all_classes" not in dataset["table"]


def test_masks_of_more_classes_name_the_others_by_their_value(
    init: Init, here: Path, written: Configuration
) -> None:
    _photographs(here, ["dog", "dog", "cat", "cat"], ["train", "train", "train", "val"])
    _masks(here, [[5], [5, 2], [3, 255], [3, 2]])
    init("mine")
    dataset = written("mine")["dataset"]
    assert dataset["table"]["all_classes"] == ["value-1", "value-2", "cat", "value-4", "dog"]
    assert set(dataset["classes"]) == {"cat", "dog"}


def test_pngs_that_are_no_masks_are_told_and_not_used(init: Init, here: Path, written: Configuration) -> None:
    _photographs(here, ["dog", "cat"], ["train", "val"])
    (here / "thumbnails").mkdir()
    for number in range(2):
        Image.new("RGB", (8, 8)).save(here / f"thumbnails/{number}.png")
    lines = init("mine", "--images", "photos")
    assert any(line.startswith("thumbnails is not used as masks: ") for line in lines)
    assert written("mine")["dataset"]["table"]["masks"] is None
    with pytest.raises(InputError, match="thumbnails is not used as masks"):
        init("other", "--images", "photos", "--masks", "thumbnails")


def test_labels_that_do_not_tell_two_classes_apart_leave_the_masks_out(here: Path) -> None:
    _photographs(here, ["cat|dog"] * 3, ["train"] * 3)
    _masks(here, [[1], [1], [1]])
    records = see(Path("photos"), Path("photos.csv"), None).records
    assert isinstance(mask_classes(Path("masks"), records, ["cat", "dog"]), str)


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        (["dog", "Dog"], r"has the classes 'dog' \(1\) and 'Dog' \(1\); one spelling was expected"),
        (['"cat, dog"', "dog"], "cat, dog"),
        (["", ""], "the column labels of photos.csv is empty"),
    ],
)
def test_a_wrong_table_is_one_sentence(init: Init, here: Path, labels: list[str], sentence: str) -> None:
    _photographs(here, labels, ["train", "val"])
    with pytest.raises(InputError, match=sentence):
        init("mine")
    assert {path.name for path in here.iterdir()} == {"photos", "photos.csv"}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "a name for the run was expected"),
        (("a/b", "--demo"), "NAME: 'run'"),
        (("mine", "--demo", "--preset", "photo"), "preset is 'photo'; one of "),
        (("mine", "--demo", "--images", "."), "--demo makes its own images"),
        (("mine",), "no table of labels is here"),
        (("mine", "--images", "nowhere"), "--images nowhere is not a folder"),
        (("mine", "--images", "."), "holds no image"),
    ],
)
def test_a_mistake_is_one_sentence_and_writes_nothing(
    init: Init, here: Path, words: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        init(*words)
    assert [*here.iterdir()] == []


def test_hostile_names_survive_the_configuration(init: Init, here: Path, written: Configuration) -> None:
    names = ["it's", "a: b", "#x", "yes", "1", "Bär", "{run}"]
    _photographs(here, names, ["train"] * 6 + ["val"])
    init("mine")
    assert sorted(written("mine")["dataset"]["classes"]) == sorted(names)


@pytest.mark.parametrize(("gpu", "preset"), [(False, "quick"), (True, "photographs")])
def test_the_preset_suits_the_machine(
    init: Init, here: Path, monkeypatch: pytest.MonkeyPatch, gpu: bool, preset: str, written: Configuration
) -> None:
    monkeypatch.setattr(chosen, "may_have_gpu", lambda: gpu)
    _photographs(here, ["dog", "cat"] * 200, ["train"] * 390 + ["val"] * 10)
    assert any(f"preset {preset}" in line for line in init("mine"))
    values = written("mine")
    assert values["preset"] == preset
    assert values["segmenter"]["training"]["iterations"] == 800  # follows from the images, in both
    config = parse(Config, layered([Path("mine.yaml")]), "mine")
    assert config.segmenter.backbone.architecture == ("vgg16" if gpu else "timm/tf_efficientnet_lite0")


def test_another_preset_keeps_its_schedule(init: Init, here: Path, written: Configuration) -> None:
    _photographs(here, ["dog", "cat"], ["train", "val"], side=100)
    init("mine", "--preset", "voc")
    assert set(written("mine")) == {"run", "preset", "shards", "dataset"}


def test_small_images_are_not_enlarged(init: Init, here: Path, written: Configuration) -> None:
    _photographs(here, ["dog", "cat"], ["train", "val"], side=128)
    init("mine")
    values = written("mine")
    assert values["attention"]["training"]["resize"] == values["attention"]["maps"]["size"] == 128
    assert values["segmenter"]["training"]["resize"] == values["segmenter"]["prediction"]["longest"] == 128


@pytest.mark.parametrize("side", [16, 64, 100, 200, 300, 399, 400, 4000])
def test_sizes_are_valid_for_any_images(side: int) -> None:
    values = sizes([side] * 3)
    config = parse(Config, values, "sizes")
    assert (values == {}) == (side >= 400)
    if values:
        training = config.segmenter.training
        assert training.resize is not None and training.resize <= max(64, side + 16)
        assert training.crop <= training.resize * training.scales[1]
        assert config.attention.training.crop <= (config.attention.training.resize or 0)


def test_iterations_are_eight_epochs_but_a_few_hundred() -> None:
    assert [iterations(images, 16, 300) for images in (24, 600, 1200)] == [300, 300, 600]
    assert iterations(1201, 16, 300) == 625


def test_shards_keep_all_cores_at_work_without_being_tiny() -> None:
    assert [shards(images, 4) for images in (5, 24, 300, 5000)] == [1, 2, 4, 50]
