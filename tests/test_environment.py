"""The conda environment holds what pyproject.toml asks for, and nothing else."""

import tomllib
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CONDA = yaml.safe_load((ROOT / "envs" / "weakseg.yaml").read_text(encoding="utf-8"))["dependencies"]


def _bounds(requirements: list[str]) -> dict[str, SpecifierSet]:
    parsed = [Requirement(text) for text in requirements]
    return {requirement.name.lower(): requirement.specifier for requirement in parsed}


def test_conda_environment_equals_pyproject() -> None:
    (pip,) = (item["pip"] for item in CONDA if isinstance(item, dict))
    assert _bounds(pip) == _bounds(PROJECT["dependencies"])


def test_conda_python_is_one_that_pyproject_allows() -> None:
    (python,) = (item for item in CONDA if isinstance(item, str) and item.startswith("python="))
    assert SpecifierSet(PROJECT["requires-python"]).contains(python.removeprefix("python="))


def test_conda_takes_nothing_but_python_and_pip_elsewhere() -> None:
    names = [item.split("=")[0] for item in CONDA if isinstance(item, str)]
    assert names == ["python", "pip"]
