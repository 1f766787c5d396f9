"""When a signal is told, and the one value to try, from the values that the run has now."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from weakseg.errors import InputError
from weakseg.evaluation.settings import HealthConfig

EPOCHS = 15
"""Epochs of a classifier's training from which more of it are no longer the first thing to try."""
SHORT, FAST = 5000, 10.0
"""Iterations below which new layers on a pretrained backbone need a higher learning rate, and its multiplier. After 40
iterations of CAM from ImageNet on six classes of photographs, 56 % of the maps were empty with 1 and few with 10
(docs/health.md)."""
PUBLISHED_SLOW = ("seenet", "cam", "spg")
"""Methods whose published multiplier is 1."""
Now = Mapping[str, Any]
"""Configuration path → its value in the run: `attention.training.iterations` → 40."""


@dataclass(frozen=True)
class Advice:
    """When to warn, and what to try.

    Attributes:
        when: thresholds, and the signals that stop.
        now: the run's values; what is missing here is taken for the default.
    """

    when: HealthConfig = field(default_factory=HealthConfig)
    now: Now = field(default_factory=dict)

    def remedy(self, signal: str, images: int) -> str:
        """The value to try, as in a configuration: `attention.training.iterations: 1200`.

        Args:
            signal: its name.
            images: number of training images.
        """
        now = self.now
        room, _, what = signal.partition(".")
        if room == "attention":
            return _attention(now, images)
        if room == "saliency":
            return _saliency(now)
        if room == "segmenter":
            return _longer("segmenter.training.iterations", now, "segmenter.training.iterations: 2000")
        if what == "undecided" and room != "fused":
            return _decided(now)
        if room == "fused":
            return {"undecided": _narrower, "disagreement": _rescued}.get(what, _wider)(now)
        return (
            f"proxy.refine.label_confidence: {_between(now.get('proxy.refine.label_confidence', 0.7), 1.0)}"
        )


def read_now(path: Path) -> dict[str, Any]:
    """The values of a run's `configs/run.json`.

    Raises:
        InputError: it cannot be read.
    """
    try:
        return dict(_flat("", json.loads(path.read_text(encoding="utf-8"))))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}); delete it and run snakemake again.") from None


def _flat(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, dict):
        yield key, value
        return
    for name, inner in value.items():
        yield from _flat(f"{key}.{name}" if key else name, inner)


def _attention(now: Now, images: int) -> str:
    key = "attention.training.iterations"
    if key not in now or now.get("attention.method") == "folder":
        return "attention.method: cam"
    rate, method = now.get("attention.new_layers_rate"), now.get("attention.method")
    slow = method in PUBLISHED_SLOW if rate is None else rate < FAST
    if slow and now.get("attention.backbone.weights", "none") != "none" and now[key] < SHORT:
        return f"attention.new_layers_rate: {FAST}"
    enough = math.ceil(EPOCHS * images / now["attention.training.batch_size"])
    return f"{key}: {_round(max(enough, 2 * now[key]))}"


def _saliency(now: Now) -> str:
    method = now.get("saliency.method")
    other = "saliency.method: onnx" if method == "unsupervised" else "saliency.method: unsupervised"
    return _longer(f"saliency.{method}.training.iterations", now, other)


def _wider(now: Now) -> str:
    """Let the rule take more for objects."""
    rule = now.get("proxy.rule", "threshold")
    key = {"threshold": "saliency_high", "seenet": "saliency_low", "dcsp": "background", "oaa": "floor"}[rule]
    value = now.get(f"proxy.{rule}.{key}", 0.4)
    if rule == "threshold":
        return (
            f"proxy.threshold.saliency_high: {_between(value, now.get('proxy.threshold.saliency_low', 0.0))}"
        )
    return f"proxy.{rule}.{key}: {_between(value, 0.0)}"


def _rescued(now: Now) -> str:
    """Let strong attention be an object whatever saliency says."""
    rescue = now.get("proxy.threshold.rescue", 0.0)
    return "proxy.threshold.rescue: 0.7" if rescue > 0.7 else _saliency(now)


def _narrower(now: Now) -> str:
    """Leave less undecided."""
    rule = now.get("proxy.rule", "threshold")
    if rule in ("seenet", "oaa"):
        return f"proxy.{rule}.conflict: {_between(now.get(f'proxy.{rule}.conflict', 0.7), 1.0)}"
    return _wider(now)


def _decided(now: Now) -> str:
    if now.get("proxy.refine.undecided") == "keep":
        return "proxy.refine.undecided: resolve"
    confidence = now.get("proxy.refine.confidence", 0.0)
    return f"proxy.refine.confidence: {_between(confidence, 0.0)}" if confidence else _narrower(now)


def _longer(key: str, now: Now, otherwise: str) -> str:
    return f"{key}: {_round(2 * now[key])}" if key in now else otherwise


def _between(value: float, other: float) -> str:
    """Half way."""
    return f"{(value + other) / 2:.3g}"


def _round(value: int) -> int:
    """Two digits are enough for an advice: 1,234 → 1,300."""
    step: int = 10 ** max(0, len(str(value)) - 2)
    return math.ceil(value / step) * step
