"""Weights on disk: round trip, and nothing in a file is ever executed."""

import hashlib
import os
import pickle
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from weakseg.errors import InputError
from weakseg.storage.seal import seal
from weakseg.storage.weights import (
    FORMAT,
    Weights,
    file_sha256,
    load_weights,
    restore,
    save_weights,
)

WEIGHTS = Weights(
    room="attention",
    state={"layer.weight": torch.arange(6.0).reshape(2, 3), "steps": torch.tensor(7)},
    settings={"method": "seenet", "training": {"iterations": 3, "scales": [0.7, 1.3]}},
    classes=["cat", "dog"],
    initial={"source": "none", "sha256": ""},
)


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "attention" / "weights.pt"
    save_weights(path, WEIGHTS)
    found = load_weights(path, "attention")
    assert vars(found) | {"state": None} == vars(WEIGHTS) | {"state": None}
    assert list(found.state) == list(WEIGHTS.state)
    for name, value in WEIGHTS.state.items():
        assert torch.equal(found.state[name], value)
        assert found.state[name].dtype == value.dtype
    assert [item.name for item in path.parent.iterdir()] == ["weights.pt"]


def test_views_are_stored_without_what_they_look_into(tmp_path: Path) -> None:
    large = torch.zeros(1000, 1000)
    save_weights(tmp_path / "a.pt", Weights("saliency", {"w": large[:, 0]}, {}, []))
    assert (tmp_path / "a.pt").stat().st_size < 20_000
    assert load_weights(tmp_path / "a.pt", "saliency").state["w"].shape == (1000,)


class Malicious:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.folder),)


def test_no_flipped_bit_passes(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    save_weights(path, WEIGHTS)
    whole = path.read_bytes()
    wrong_without_check = 0
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=r"weights\.pt .* delete it and run snakemake again"):
            load_weights(path, "attention")
        wrong_without_check += _differs(path)
    assert wrong_without_check > 20  # torch alone would have used these


def _differs(path: Path) -> bool:
    """Whether torch reads a damaged file without complaint, and something else than was written."""
    try:
        with warnings.catch_warnings(action="ignore"):
            state = torch.load(path, weights_only=True)["state"]
        return any(not torch.equal(state[name], value) for name, value in WEIGHTS.state.items())
    except Exception:
        return False


def test_plain_torch_reads_over_the_checksum(tmp_path: Path) -> None:
    save_weights(tmp_path / "weights.pt", WEIGHTS)
    content = torch.load(tmp_path / "weights.pt", weights_only=True)
    assert content["classes"] == WEIGHTS.classes
    assert (tmp_path / "weights.pt").read_bytes().splitlines()[-1].startswith(b"weakseg sha256 ")


def sealed(path: Path) -> None:
    """Append the checksum to a file, whatever is in it."""
    with path.open("r+b", buffering=0) as file:
        seal(file)


@pytest.mark.parametrize("writer", ["pickle", "torch"])
def test_foreign_pickle_is_refused_and_not_executed(tmp_path: Path, writer: str) -> None:
    content = {"format": FORMAT, "room": "attention", "state": Malicious(tmp_path / "executed")}
    path = tmp_path / "weights.pt"
    if writer == "pickle":
        path.write_bytes(pickle.dumps(content, protocol=2))  # what torch itself writes
    else:
        torch.save(content, path)
    sealed(path)
    with pytest.raises(InputError, match=r"weights\.pt cannot be read as weakseg weights"):
        load_weights(path, "attention")
    assert not (tmp_path / "executed").exists()
    torch.load(path, weights_only=False) if writer == "torch" else pickle.loads(path.read_bytes())
    assert (tmp_path / "executed").exists()  # the file is a working attack: the test above means something


def test_missing_damaged_and_other_files(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    with pytest.raises(InputError, match="is missing; train the attention stage first"):
        load_weights(path, "attention")
    save_weights(path, WEIGHTS)
    whole = path.read_bytes()
    for content in (b"", b"text", whole[:100], whole[: len(whole) // 2], whole[:-100]):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"weights\.pt has no checksum at its end"):
            load_weights(path, "attention")
    torch.save({"layer.weight": torch.zeros(3)}, path)
    sealed(path)
    with pytest.raises(InputError, match="holds unknown weights; attention weights"):
        load_weights(path, "attention")
    torch.save(torch.zeros(3), path)
    sealed(path)
    with pytest.raises(InputError, match="holds Tensor weights"):
        load_weights(path, "attention")
    torch.save({"format": FORMAT, "room": "attention"}, path)
    sealed(path)
    with pytest.raises(InputError, match=f"lacks parts of {FORMAT}"):
        load_weights(path, "attention")


def test_weights_of_another_room(tmp_path: Path) -> None:
    save_weights(tmp_path / "weights.pt", WEIGHTS)
    with pytest.raises(InputError, match="holds attention weights; segmenter weights"):
        load_weights(tmp_path / "weights.pt", "segmenter")


def test_sha256(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert file_sha256(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()


def test_other_classes_are_refused(tmp_path: Path) -> None:
    save_weights(tmp_path / "weights.pt", Weights("segmenter", {}, {}, ["cat", "dog"]))
    assert load_weights(tmp_path / "weights.pt", "segmenter", ("cat", "dog")).classes == ["cat", "dog"]
    with pytest.raises(InputError, match="train the segmenter stage again"):
        load_weights(tmp_path / "weights.pt", "segmenter", ("dog", "cat"))


def test_weights_of_another_version_are_one_sentence(tmp_path: Path) -> None:
    def build(settings: dict[str, Any]) -> nn.Module:
        return nn.Linear(settings["features"], 1)

    path, state = tmp_path / "weights.pt", nn.Linear(3, 1).state_dict()
    restored = restore(path, Weights("attention", state, {"features": 3}, ["cat"]), build)
    assert torch.equal(restored.state_dict()["weight"], state["weight"])
    for settings, reason in (({}, "KeyError: 'features'"), ({"features": 4}, "RuntimeError: Error")):
        with pytest.raises(InputError, match=f"do not fit .*{reason}.*train the attention stage again"):
            restore(path, Weights("attention", state, settings, ["cat"]), build)
