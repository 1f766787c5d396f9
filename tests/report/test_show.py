"""`weakseg show`: a run's stages in a file or in the terminal."""

import base64
import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from weakseg.cli import weakseg
from weakseg.dataset.index import Index, write_index
from weakseg.dataset.records import Record
from weakseg.errors import InputError
from weakseg.report.figures import terminal
from weakseg.report.figures.montage import CAPTION, CELL, EMPTY, GAP, HEAD, MARGIN, TITLES
from weakseg.report.figures.terminal import choose, encode
from weakseg.storage.labels import write_labels
from weakseg.storage.shards import write_shard


@pytest.fixture
def run(tmp_path: Path, configure: Callable[..., Path]) -> Path:
    """A checkout whose run `tiny` has come as far as the refined proxies; the index holds relative paths."""
    root = tmp_path / "checkout"
    folder = root / "results" / "tiny"
    labels = np.zeros((20, 20), np.uint8)
    labels[5:15, 5:15] = 1
    records = []
    for part, name in enumerate(("a", "b"), 1):
        (root / "images").mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((20, 20, 3), 90, np.uint8)).save(root / "images" / f"{name}.png")
        write_labels(root / "masks" / f"{name}.png", labels)
        write_labels(folder / "proxy" / "refined" / f"{name}.png", labels)
        write_shard(folder / f"attention/maps/shard-{part}-of-2.h5", [(name, {"cat": labels.astype(float)})])
        paths = (Path("images") / f"{name}.png", Path("masks") / f"{name}.png")
        records.append(Record(name, paths[0], "train", ("cat",), paths[1]))
    write_index(folder / "dataset", Index(tuple(records), ("cat",), (0, 1)))
    return configure(folder, shards=2)


def show(*arguments: object) -> Result:
    command = ["show", *map(str, arguments)]
    return CliRunner().invoke(weakseg, command, catch_exceptions=False)


def pixels(png: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image.convert("RGB"))


def filled(picture: np.ndarray) -> list[str]:
    """The stages of the first row that show something."""
    tops = slice(HEAD + CAPTION, HEAD + CAPTION + CELL)
    cells = {
        title: picture[tops, MARGIN + column * (CELL + GAP) :][:, :CELL]
        for column, title in enumerate(TITLES)
    }
    return [title for title, cell in cells.items() if (cell != EMPTY).any()]


def test_it_finds_the_runs_files_from_anywhere(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert show(run, "a", "b", "--out", "two.png").output == "drew 2 images in two.png\n"
    assert show(run, "b", "--out", "one.png").exit_code == 0
    two, one = (pixels((elsewhere / f"{name}.png").read_bytes()) for name in ("two", "one"))
    assert two.shape[0] > 1.5 * one.shape[0]
    assert filled(one) == ["image", "attention", "refined proxy", "truth"]


def test_predictions_after_the_crf_come_first(run: Path, tmp_path: Path) -> None:
    plain, crf = (run / "segmenter/round-1/predictions" / kind / "a.png" for kind in ("plain", "crf"))
    write_labels(plain, np.zeros((20, 20), np.uint8))
    show(run, "a", "--out", tmp_path / "plain.png")
    write_labels(crf, np.ones((20, 20), np.uint8))
    show(run, "a", "--out", tmp_path / "crf.png")
    pictures = [pixels((tmp_path / f"{kind}.png").read_bytes()) for kind in ("plain", "crf")]
    assert all("prediction" in filled(picture) for picture in pictures)
    assert (pictures[0] != pictures[1]).any()


def test_predictions_are_those_of_the_last_trained_round(
    run: Path, tmp_path: Path, configure: Callable[..., Path]
) -> None:
    configure(run, shards=2, segmenter={"rounds": 2})
    shown = []
    for number, value in ((1, 0), (2, 1)):
        folder = run / f"segmenter/round-{number}"
        write_labels(folder / "predictions/crf/a.png", np.full((20, 20), value, np.uint8))
        show(run, "a", "--out", tmp_path / "untrained.png")
        (folder / "weights.pt").touch()
        show(run, "a", "--out", tmp_path / "trained.png")
        shown += [pixels((tmp_path / f"{name}.png").read_bytes()) for name in ("untrained", "trained")]
    assert np.array_equal(shown[1], shown[2]), "the second round has predicted, with a network that is gone"
    assert not np.array_equal(shown[2], shown[3])


def test_maps_and_labels_of_another_run_are_shown(
    run: Path, tmp_path: Path, configure: Callable[..., Path]
) -> None:
    reused = {room: {"from_run": "tiny"} for room in ("attention", "saliency", "proxy")}
    other = configure(run.with_name("other"), shards=2, **reused)
    (run / "dataset").rename(other / "dataset")
    show(other, "a", "--out", tmp_path / "a.png")
    assert filled(pixels((tmp_path / "a.png").read_bytes())) == [
        "image",
        "attention",
        "refined proxy",
        "truth",
    ]


def test_shards_of_other_settings_are_passed_over(
    run: Path, tmp_path: Path, configure: Callable[..., Path]
) -> None:
    configure(run, shards=3)
    show(run, "a", "--out", tmp_path / "a.png")
    assert "attention" not in filled(pixels((tmp_path / "a.png").read_bytes()))


def test_mistakes(run: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'nobody' is not in the index; .*: give one such as 'a'"):
        show(run, "nobody", "--out", tmp_path / "x.png")
    with pytest.raises(InputError, match=r"does not exist; .*runs in .*: tiny"):
        show(run.with_name("tny"), "a", "--out", tmp_path / "x.png")
    with pytest.raises(InputError, match="name of a PNG file was expected"):
        show(run, "a", "--out", tmp_path / "x.jpg")
    with pytest.raises(InputError, match=r"is not a terminal; give --out stages\.png"):
        show(run, "a")
    bare = run.with_name("bare")  # of which Snakemake was asked for single files
    (bare / "configs").mkdir(parents=True)
    with pytest.raises(InputError, match=r"bare is not a run \(it has no configs/run\.json\)"):
        show(bare, "a", "--out", tmp_path / "x.png")
    (run / "dataset/index.csv").unlink()
    with pytest.raises(InputError, match="run the dataset stage first"):
        show(run, "a", "--out", tmp_path / "x.png")
    assert not list(tmp_path.glob("x.*"))


# ---------------------------------------------------------------------------------------------- terminals


@pytest.mark.parametrize(
    ("environment", "protocol"),
    [
        ({"KITTY_WINDOW_ID": "1", "TERM": "xterm-kitty"}, "kitty"),
        ({"TERM": "xterm-kitty"}, "kitty"),
        ({"TERM_PROGRAM": "ghostty"}, "kitty"),
        ({"TERM_PROGRAM": "iTerm.app"}, "iterm2"),
        ({"TERM_PROGRAM": "WezTerm"}, "iterm2"),
        ({"LC_TERMINAL": "iTerm2", "TERM": "xterm-256color"}, "iterm2"),
    ],
)
def test_terminals_that_show_pictures(environment: dict[str, str], protocol: str) -> None:
    assert choose(environment, True) == protocol
    with pytest.raises(InputError, match="is not a terminal"):
        choose(environment, False)
    with pytest.raises(InputError, match="runs in tmux or screen"):
        choose(environment | {"TMUX": "/tmp/tmux"}, True)


def test_other_terminals() -> None:
    with pytest.raises(InputError, match=r"this output has neither; give --out stages\.png"):
        choose({"TERM": "xterm-256color"}, True)


def test_kitty_sequences_carry_the_picture() -> None:
    png = bytes(range(256)) * 40
    parts = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", encode("kitty", png))
    assert [control for control, _ in parts] == ["a=T,f=100,m=1", "m=1", "m=1", "m=0"]
    assert all(len(chunk) == terminal.CHUNK for _, chunk in parts[:-1])
    assert base64.b64decode("".join(chunk for _, chunk in parts)) == png


def test_one_kitty_sequence_is_the_last() -> None:
    assert encode("kitty", b"png") == f"\x1b_Ga=T,f=100,m=0;{base64.b64encode(b'png').decode()}\x1b\\"


def test_the_picture_appears_in_the_terminal(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "choose", lambda environment, is_terminal: "iterm2")
    found = re.fullmatch(r"\x1b\]1337;File=inline=1;size=(\d+);[^:]*:([^\x07]*)\x07\n", show(run, "a").output)
    assert found is not None
    png = base64.b64decode(found[2])
    assert len(png) == int(found[1])
    assert "image" in filled(pixels(png))
