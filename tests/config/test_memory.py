"""What the workflow asks for: memory follows the size of images, crops and batches."""

from collections.abc import Callable
from typing import Any

import pytest

from weakseg.backbones import BACKBONES
from weakseg.config import Config
from weakseg.config.memory import needed_mb, training_cores

PHOTOGRAPH = (4000, 3000)


def test_a_training_follows_crop_and_batch(given: Callable[[str, Any], Config]) -> None:
    small, large = (
        needed_mb(
            given("attention.training", {"crop": crop, "batch_size": batch}), "attention_train", 500, 375
        )
        for crop, batch in ((96, 8), (321, 32))
    )
    kept = BACKBONES["vgg16"].pixel_bytes * (321**2 * 32 - 96**2 * 8) / 1e6
    assert large - small == pytest.approx(kept, abs=2)


@pytest.mark.parametrize(
    "rule",
    ["saliency_maps", "proxy_fuse", "proxy_refine", "segmenter_predict", "segmenter_refine", "evaluate"],
)
def test_per_image_rules_follow_the_largest_image(rule: str) -> None:
    assert needed_mb(Config(), rule, *PHOTOGRAPH) > needed_mb(Config(), rule, 500, 375) + 400


def test_the_bound_of_the_crf_bounds_its_memory(given: Callable[[str, Any], Config]) -> None:
    bounded = needed_mb(Config(), "proxy_refine", *PHOTOGRAPH)
    assert bounded < 5000
    free = given("proxy.refine.crf", {"longest": None, "preset": "irn"})
    assert needed_mb(free, "proxy_refine", *PHOTOGRAPH) > 3 * bounded


@pytest.mark.parametrize("architecture", BACKBONES)
def test_every_backbone_declares_its_memory(architecture: str) -> None:
    assert BACKBONES[architecture].pixel_bytes >= 1000
    assert BACKBONES[architecture].network_mb >= 100


def test_a_tiny_networks_training_uses_one_core(given: Callable[[str, Any], Config]) -> None:
    small = given("attention.backbone", {"architecture": "vgg_small", "weights": "none"})
    assert training_cores(small, "attention") == 1
    assert training_cores(small, "segmenter") == 16  # VGG16
    assert training_cores(given("saliency.method", "small"), "saliency") == 1
    assert training_cores(given("saliency.method", "onnx"), "saliency") == 1  # none trains
