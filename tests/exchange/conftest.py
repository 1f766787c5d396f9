"""A tiny run whose label maps leave and come back."""

from collections.abc import Callable
from pathlib import Path

import pytest

from exchange_files import Exported
from tiny_run import Tiny


@pytest.fixture
def exported(tiny: Tiny, tmp_path: Path) -> Exported:
    return Exported(tiny, tmp_path / "exports")


@pytest.fixture(scope="module")
def shared_run(tmp_path_factory: pytest.TempPathFactory, configure: Callable[..., Path]) -> Tiny:
    return Tiny(tmp_path_factory.mktemp("shared") / "results" / "tiny", configure, masks=True)


@pytest.fixture
def untouched(shared_run: Tiny, tmp_path: Path) -> Exported:
    """A run for tests that change nothing in it."""
    return Exported(shared_run, tmp_path / "exports")
