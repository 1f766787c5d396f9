from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from run_events import Events


@pytest.fixture
def events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Events]:
    """Makes the events of a run in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return lambda **options: Events(tmp_path, **options)


@pytest.fixture
def settings() -> SimpleNamespace:
    """Snakemake's settings of its output."""
    return SimpleNamespace(stdout=False, quiet=None, dryrun=False, verbose=False)
