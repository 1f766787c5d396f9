"""The script for GPUs runs, where there is none, in small."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "gpu.py"


@pytest.fixture(scope="module")
def gpu() -> ModuleType:
    """The script, which is a part of no package."""
    spec = importlib.util.spec_from_file_location("gpu_benchmark", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_a_row_without_its_package_names_it_and_a_failed_one_its_error(
    gpu: ModuleType, tmp_path: Path
) -> None:
    scale = gpu.Scale("cpu", True, (2, 2), 1, tmp_path)

    def fails(scale: object) -> dict[str, object]:
        raise RuntimeError("CUDA out\nof memory")

    assert gpu.measured(gpu.Row("a", "no_such_package", fails), scale, 1.0) == {"missing": "no_such_package"}
    assert gpu.measured(gpu.Row("a", "json", fails), scale, 1.0) == {
        "failed": "RuntimeError: CUDA out of memory"
    }
    assert gpu.measured(gpu.Row("a", "json", fails), scale, 0.0) == {"skipped": "270 seconds were over"}


@pytest.mark.slow
def test_every_row_runs_on_a_cpu_in_small(tmp_path: Path) -> None:
    out = tmp_path / "rows.jsonl"
    subprocess.run([sys.executable, SCRIPT, "--device", "cpu", "--smoke", "--out", out], check=True)
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    names = [*["training step"] * 6, "attention maps", "dense CRF", "resume on the GPU"]
    assert [row["name"].partition(",")[0] for row in rows] == names
    for row in rows[:-1]:
        assert row["images_s"] > 0 and row["peak_mb"] > 0 and row["batch"] > 0, row
        assert row["machine"]["torch"] and row["machine"]["timm"]
    assert rows[-1]["equal"] is True
