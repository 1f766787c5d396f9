"""The table of what stands on what says what a configuration is told."""

from typing import Any

import pytest
from pydantic import ValidationError

from weakseg.backbones import BACKBONES
from weakseg.backbones.timm_names import kind
from weakseg.config import Config
from weakseg.config.standing import EXAMPLES, Pair, kinds, markdown, pairs

PAIRS = pairs()


def section(pair: Pair) -> dict[str, Any]:
    """The pair as a user writes it."""
    backbone = {"backbone": {"architecture": kinds()[pair.kind], "weights": "none"}}
    method = pair.method.replace("<name>", "unet")
    if pair.room == "detector":
        return {"detector": backbone}
    if pair.room == "saliency":
        return {"saliency": {"method": method, method: backbone}}
    return {pair.room: {"method": method} | backbone}


# `small` has no key for its backbone: there is nothing to refuse.
WRITTEN = [pair for pair in PAIRS if pair.method != "small"]


@pytest.mark.parametrize("pair", WRITTEN, ids=lambda pair: f"{pair.method}-{pair.kind}")
def test_a_configuration_is_refused_where_the_table_says_so(pair: Pair) -> None:
    if pair.refusal is None:
        Config.model_validate(section(pair))
        return
    with pytest.raises(ValidationError) as caught:
        Config.model_validate(section(pair))
    (error,) = caught.value.errors()
    known = pair.refusal.replace("<name>", "unet", 1) if pair.method.endswith("<name>") else pair.refusal
    listed = error["loc"][-1] == "architecture"  # a saliency network's key has its backbones alone
    assert "Input should be one of" in error["msg"] if listed else known in error["msg"]
    assert "\n" not in error["msg"]


def test_every_backbone_has_a_column_and_stands_under_something() -> None:
    assert set(BACKBONES) < set(kinds())
    assert {name.partition("/")[0] + "/" for name in EXAMPLES.values()} == set(BACKBONES.families)
    for column in kinds():
        assert any(pair.refusal is None for pair in PAIRS if pair.kind == column), column


def test_examples_of_timm_are_of_the_kind_that_they_stand_for() -> None:
    for label, model in EXAMPLES.items():
        if model.startswith("timm/"):
            assert label == f"timm, {kind(model.removeprefix('timm/'))}"


def test_the_page_says_why_a_kind_is_refused() -> None:
    page = markdown()
    assert "- `seenet`, `oaa`, `oaa_plus`, `acol`: needs local features, which a plain transformer" in page
    assert "| segmenter | `deformable` | yes | yes | – |" in page
    assert "<name> " not in page.replace("`smp/<name>` ", "")  # outside of code it would be taken for HTML
