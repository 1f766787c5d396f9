"""Published weights: where they are found, and what is not accepted as such."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from weakseg.cli import weakseg
from weakseg.errors import InputError
from weakseg.weights import cache
from weakseg.weights.known import KNOWN, Known

CONTENT = b"weights" * 1000


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Empty caches, and no network."""
    for name in ("WEAKSEG_CACHE", "TORCH_HOME", "U2NET_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    monkeypatch.setenv("WEAKSEG_WEIGHTS_FROM", str(tmp_path / "mirror"))
    return tmp_path


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Known:
    digest = hashlib.sha256(CONTENT).hexdigest()
    made = replace(KNOWN["u2netp"], name="seven", file="seven.onnx", size=len(CONTENT), sha256=digest)
    monkeypatch.setitem(KNOWN, "seven", made)
    return made


def put(path: Path, content: bytes = CONTENT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("place", ["torch_home/hub/checkpoints", "u2net_home"])
def test_what_torch_and_rembg_fetched_is_used_if_it_is_the_published_file(
    known: Known, places: Path, place: str
) -> None:
    file = put(places / place / "seven.onnx")
    assert cache.ready(known) == file
    put(file, CONTENT[::-1])
    assert cache.locate(known) is None


def test_a_folder_may_stand_for_the_network(known: Known, places: Path) -> None:
    with pytest.raises(InputError, match=r"WEAKSEG_WEIGHTS_FROM names a folder without seven\.onnx"):
        cache.ready(known)
    put(places / "mirror/seven.onnx")
    assert cache.ready(known) == places / "weakseg_cache/weights/seven.onnx"


def test_what_a_killed_download_left_is_removed(known: Known, places: Path) -> None:
    put(places / "weakseg_cache/weights/.part-seven/tmp1234", CONTENT[:100])
    put(places / "mirror/seven.onnx")
    cache.ready(known)
    assert not (places / "weakseg_cache/weights/.part-seven").exists()


def test_a_file_that_changed_in_the_cache_is_refused_at_each_use(known: Known, places: Path) -> None:
    put(places / "mirror/seven.onnx")
    file = cache.ready(known)
    put(file, CONTENT[:-1] + b"x")
    for _ in range(2):
        with pytest.raises(
            InputError, match=r"seven\.onnx is damaged: its SHA-256 starts with .* delete it and run"
        ):
            cache.ready(known)
    file.unlink()
    assert cache.ready(known).read_bytes() == CONTENT


def test_a_file_is_read_once_for_its_checksum(
    known: Known, places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(places / "mirror/seven.onnx")
    cache.ready(known)
    cache.ready(known)
    monkeypatch.setattr(hashlib, "file_digest", lambda file, kind: pytest.fail("read again"))
    cache.ready(known)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (CONTENT[::-1], "is not seven: its SHA-256 starts with"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 1\n", "is a Git LFS pointer"),
        (None, "is missing"),
    ],
)
def test_another_file_is_not_added(known: Known, places: Path, content: bytes | None, said: str) -> None:
    file = places / "mine.onnx"
    if content is not None:
        put(file, content)
    with pytest.raises(InputError, match=said):
        cache.add(known, file)
    assert cache.locate(known) is None


def test_a_licence_without_commercial_use_has_to_be_accepted(known: Known, places: Path) -> None:
    put(places / "mirror/seven.onnx")
    closed = replace(known, commercial=False, licence="own-1.0")
    with pytest.raises(
        InputError, match=r"own-1\.0, which forbids commercial use .* --accept-license own-1\.0'"
    ):
        cache.ready(closed)
    assert cache.fetch(closed, ["own-1.0"]).is_file()
    assert cache.ready(closed).is_file()  # asked once


def run(*words: object) -> str:
    result = CliRunner().invoke(weakseg, ["weights", *map(str, words)], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_the_commands_list_fetch_and_add(known: Known, places: Path) -> None:
    lines = {line.split()[0]: line for line in run("list").splitlines() if line}
    assert set(KNOWN) <= set(lines)
    assert (
        "BSD-3-Clause" in lines["vgg16"]
        and "553 MB" in lines["vgg16"]
        and lines["vgg16"].endswith("not fetched")
    )
    assert "bria-rmbg-1.4 (not commercial)" in lines["bria-rmbg-1.4"]
    target = str(places / "weakseg_cache/weights/seven.onnx")
    assert run("add", "seven", put(places / "mine.onnx")).strip() == target
    assert run("fetch", "seven").strip() == target
    assert run("list").count(target) == 1


def test_the_rule_writes_what_was_fetched_and_no_path(known: Known, places: Path) -> None:
    put(places / "mirror/seven.onnx")
    run("stamp", "seven", "--out", places / "run/weights/seven.json")
    text = (places / "run/weights/seven.json").read_text()
    assert json.loads(text) == {"name": "seven", "sha256": known.sha256, "licence": "Apache-2.0"}


def test_an_unknown_name_is_answered_with_those_near_to_it() -> None:
    with pytest.raises(InputError, match="no weights are known by the name u2netq; did you mean u2net"):
        run("fetch", "u2netq")


def test_a_backbone_starts_from_weights_by_either_name(places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision import models

    from weakseg.backbones.weights import read_initial_weights

    published = KNOWN["mobilenet_v3_large"]
    file = places / "weakseg_cache/weights" / published.file_name
    file.parent.mkdir(parents=True)
    torch.save(models.mobilenet_v3_large(weights=None).state_dict(), file)
    monkeypatch.setitem(KNOWN, published.name, replace(published, sha256=cache.digest(file)))
    for name in ("mobilenet_v3_large", "IMAGENET1K_V1"):
        read = read_initial_weights(name, architecture="mobilenet_v3_large")
        assert read is not None
        assert read.provenance == {"source": "mobilenet_v3_large", "sha256": cache.digest(file)}
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(InputError, match="is damaged"):
        read_initial_weights(name, architecture="mobilenet_v3_large")
