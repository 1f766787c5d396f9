"""Attention networks by their name."""

from collections.abc import Callable
from typing import Any

import pytest

from weakseg.attention.network import build
from weakseg.attention.networks.classifier import Classifier
from weakseg.attention.settings import AttentionConfig

Made = Callable[..., Classifier]


@pytest.fixture
def made() -> Made:
    """Builds the network of a method on the small backbone; the rest as in the section `attention`."""

    def network(method: str, classes: int, **values: Any) -> Classifier:
        backbone = {"architecture": "vgg_small", "weights": "none"}
        return build(
            AttentionConfig.model_validate({"method": method, "backbone": backbone} | values), classes
        )

    return network
