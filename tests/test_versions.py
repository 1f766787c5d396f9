"""docs/versions.md has the numbers that the code writes."""

import re
from pathlib import Path

from weakseg.segmenter.export import onnx_model
from weakseg.storage import shards, weights
from weakseg.training.revisions import REVISIONS

PAGE = (Path(__file__).parents[1] / "docs" / "versions.md").read_text(encoding="utf-8")


def test_formats_and_revisions_are_those_of_the_code() -> None:
    rows = dict(re.findall(r"^\| (.+?) \| `?([\w-]+)`? \| (?:in the|`training)", PAGE, re.M))
    formats = {rows.pop(name) for name in list(rows) if "(`" in name}
    assert formats == {weights.FORMAT, shards.FORMAT, onnx_model.FORMAT}
    rooms = {re.sub(r"^training of an? (\w+).*", r"\1", name): int(number) for name, number in rows.items()}
    assert rooms == REVISIONS
