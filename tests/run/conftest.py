"""A folder to start in, and `weakseg init` there."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from weakseg.cli import weakseg
from weakseg.config import Config
from weakseg.config.layers import layered
from weakseg.settings.reading import parse

Init = Callable[..., list[str]]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to start in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def init(here: Path) -> Init:
    """Run `weakseg init`; the lines that it prints. A mistake is raised."""

    def run(*words: object) -> list[str]:
        result = CliRunner().invoke(weakseg, ["init", *map(str, words)], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output.splitlines()

    return run


@pytest.fixture
def written() -> Callable[[str], dict[str, Any]]:
    """The values of a configuration by its name, which must be valid."""

    def read(name: str) -> dict[str, Any]:
        values: dict[str, Any] = yaml.safe_load(Path(f"{name}.yaml").read_text(encoding="utf-8"))
        parse(Config, layered([Path(f"{name}.yaml")]), name)
        return values

    return read
