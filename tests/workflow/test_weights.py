"""A run that names published weights: they come first, or nothing trains."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from weakseg.weights.known import KNOWN

SHARED = Path(__file__).resolve().parents[3] / "shared/data/weights"
NAMED = (
    "--config",
    "saliency={method: onnx, onnx: {file: u2netp}}",
    "dataset={demo: {train: 6, val: 2, saliency: 2, size: 64}}",
    "shards=1",
)
STAMP = "results/demo/weights/u2netp.json"


@pytest.fixture
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Empty caches, and an address at which nothing listens."""
    for name in ("WEAKSEG_CACHE", "TORCH_HOME", "U2NET_HOME", "HF_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    monkeypatch.setenv("WEAKSEG_WEIGHTS_FROM", "http://127.0.0.1:9")
    return tmp_path


@pytest.mark.slow
def test_offline_the_run_ends_before_anything_trains(ran: Any, apart: Path) -> None:
    status, output = ran.snakemake("--cores", "2", *NAMED, "--", "results/demo/attention/weights.pt")
    assert status == 1
    assert (
        "weakseg: the weights u2netp (4.6 MB) could not be fetched from http://127.0.0.1:9/u2netp.onnx"
        in output
    )
    assert "run 'weakseg weights add u2netp FILE'" in output
    assert not (ran.folder / STAMP).exists()
    assert not (ran.folder / "results/demo/attention").exists()


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.is_dir(), reason="the real weights are not beside this checkout")
def test_a_name_is_fetched_recorded_and_used_once(
    ran: Any, apart: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEAKSEG_WEIGHTS_FROM", str(SHARED))
    target = "results/demo/saliency/maps/shard-1-of-1.h5"
    status, output = ran.snakemake("--cores", "2", *NAMED, "--", target)
    assert status == 0, output
    stamp = json.loads((ran.folder / STAMP).read_text(encoding="utf-8"))
    assert (stamp["name"], stamp["sha256"]) == ("u2netp", KNOWN["u2netp"].sha256)
    assert (apart / "weakseg_cache/weights/u2netp.onnx").is_file()
    status, output = ran.snakemake("-n", *NAMED, "--", target)
    assert status == 0 and "Nothing to be done" in output, output
    status, output = ran.snakemake("-n", *NAMED, "accept_licenses=[own-1.0]", "--", target)
    assert status == 0 and "Nothing to be done" in output, output
    other = NAMED[1].replace("u2netp", "u2net")
    status, output = ran.snakemake("-n", "--config", other, *NAMED[2:], "--", target)
    assert "weights_fetch" in output and "saliency_maps" in output
    assert "attention_train" not in output


@pytest.mark.slow
def test_weights_of_timm_are_fetched_by_name_with_the_record_of_a_copied_cache(
    ran: Any, apart: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, revision = "test_resnet.r160_in1k", "a" * 40
    mirror, content = apart / "mirror", b"weights" * 100
    mirror.mkdir()
    sha256 = hashlib.sha256(content).hexdigest()
    address = f"https://huggingface.co/timm/{name}/resolve/{revision}/model.safetensors"
    (mirror / f"{name}.safetensors").write_bytes(content)
    record = {"address": address, "sha256": sha256, "size": len(content)}
    (mirror / f"{name}.safetensors.json").write_text(json.dumps(record), encoding="utf-8")
    monkeypatch.setenv("WEAKSEG_WEIGHTS_FROM", str(mirror))
    stamp = f"results/demo/weights/{name}.json"
    backbone = f"{{architecture: timm/test_resnet, weights: {name}}}"
    chosen = ("--config", f"attention={{method: cam, backbone: {backbone}}}")
    status, output = ran.snakemake("--cores", "2", *chosen, "--", stamp)
    assert status == 0, output
    assert json.loads((ran.folder / stamp).read_text(encoding="utf-8")) == {
        "name": name,
        "sha256": sha256,
        "revision": revision,
        "licence": "Apache-2.0",
    }
    status, output = ran.snakemake("-n", "--config", chosen[1].replace("r160", "r161"), "--", stamp)
    assert status == 1
    assert (
        "attention.backbone.weights is test_resnet.r161_in1k, which is neither a file nor the name of"
        in output
    )
    assert f"correct it: {name} (all names: weakseg weights list timm/test_resnet)" in output
