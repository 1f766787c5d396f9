"""The conda environments hold what pyproject.toml asks for, and nothing else."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ENVIRONMENTS = {"weakseg": [], "detector": PROJECT["optional-dependencies"]["detector"]}
"""Environment → what it holds besides the dependencies of the package."""


@pytest.fixture(params=ENVIRONMENTS)
def environment(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def conda(environment: str) -> list[Any]:
    text = (ROOT / "envs" / f"{environment}.yaml").read_text(encoding="utf-8")
    return list(yaml.safe_load(text)["dependencies"])


def _bounds(requirements: list[str]) -> dict[str, SpecifierSet]:
    parsed = [Requirement(text) for text in requirements]
    return {requirement.name.lower(): requirement.specifier for requirement in parsed}


def test_every_environment_is_tested_and_installs_weakseg() -> None:
    folder = ROOT / "envs"
    assert {path.stem for path in folder.glob("*.yaml")} == set(ENVIRONMENTS)
    for name in ENVIRONMENTS:
        assert "pip install --no-deps --editable ." in (folder / f"{name}.post-deploy.sh").read_text()


def test_conda_environment_equals_pyproject(environment: str, conda: list[Any]) -> None:
    (pip,) = (item["pip"] for item in conda if isinstance(item, dict))
    assert _bounds(pip) == _bounds(PROJECT["dependencies"] + ENVIRONMENTS[environment])


def test_conda_python_is_one_that_pyproject_allows(conda: list[Any]) -> None:
    (python,) = (item for item in conda if isinstance(item, str) and item.startswith("python="))
    assert SpecifierSet(PROJECT["requires-python"]).contains(python.removeprefix("python="))


def test_conda_takes_nothing_but_python_and_pip_elsewhere(conda: list[Any]) -> None:
    names = [item.split("=")[0] for item in conda if isinstance(item, str)]
    assert names == ["python", "pip"]


@pytest.mark.parametrize("name", ["Dockerfile", "weakseg.def"])
def test_a_container_is_built_from_all_that_the_wheel_needs(name: str) -> None:
    recipe = (ROOT / "envs" / name).read_text(encoding="utf-8")
    carried = re.search(
        r"^WORKFLOW = \((.*)\)$", (ROOT / "setup.py").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert carried is not None
    copied = re.findall(r"^(?:COPY| ) +(?!--from)(.*) \S+$", recipe, re.MULTILINE)
    words = {word for line in copied for word in line.split()}
    needed = {
        "pyproject.toml",
        "setup.py",
        "MANIFEST.in",
        PROJECT["readme"],
        *PROJECT["license-files"],
        "src",
    }
    assert needed | {*re.findall(r'"([^"]+)"', carried[1])} <= words
    assert all((ROOT / word).exists() for word in needed)


def test_containers_start_from_one_pinned_python_and_not_as_root() -> None:
    docker, apptainer = (
        (ROOT / "envs" / name).read_text(encoding="utf-8") for name in ("Dockerfile", "weakseg.def")
    )
    bases = {*re.findall(r"^(?:FROM|From:) (\S+)", docker + apptainer, re.MULTILINE)}
    assert len(bases) == 1
    version = re.fullmatch(r"python:(\d+\.\d+\.\d+)-slim-\w+", bases.pop())
    assert version is not None
    assert SpecifierSet(PROJECT["requires-python"]).contains(version[1])
    assert re.findall(r"^(?:USER|CMD) .*", docker, re.MULTILINE)[0] == "USER weakseg"


def test_an_sdist_holds_what_the_wheel_is_built_from() -> None:
    kept = (ROOT / "MANIFEST.in").read_text(encoding="utf-8").split()
    setup = (ROOT / "setup.py").read_text(encoding="utf-8")
    (carried,) = re.findall(r"^WORKFLOW = \((.*)\)$", setup, re.MULTILINE)
    assert {*re.findall(r'"([^"]+)"', carried)} == {*kept} - {"include", "graft"}
