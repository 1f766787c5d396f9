"""Every test that a page names is there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(("page", "least"), [("docs/promises.md", 20), ("SECURITY.md", 3)])
def test_every_test_that_is_named_exists(page: str, least: int) -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", (ROOT / page).read_text(encoding="utf-8"))
    assert len(named) >= least
    missing = []
    for file, test in named:
        path = ROOT / file
        tree = ast.parse(path.read_text(encoding="utf-8")) if path.is_file() else ast.parse("")
        found = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        if not path.is_file() or (test and test not in found):
            missing.append(f"{file}::{test}")
    assert missing == []
