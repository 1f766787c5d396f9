"""Which rooms of two runs are equal: made from equal data by equal settings, so that one is made and both use it.

The settings are those that Snakemake compares when it decides what to make again: the stages' own (`Config.stages()`).
"""

import hashlib
import json
from typing import Any

from weakseg.config import Config
from weakseg.run.table import Table

STAGES = {
    "saliency": ("saliency-train", "saliency-maps"),
    "attention": ("attention-accumulate", "attention-train", "attention-maps"),
    "fused": ("proxy-fuse",),
    "affinity": ("affinity-train", "affinity-walk"),
    "proxy": ("proxy-refine",),
    "segmenter": ("segmenter-train",),
}
"""Room, or `fused` for the first half of the proxies → the stages whose settings make it."""
BEFORE = {"fused": ("saliency", "attention"), "affinity": ("fused",), "proxy": ("affinity",)}
"""Room → the rooms that it is made from. The segmenter's depend on its settings."""
PREDICTED = ("segmenter-predict", "segmenter-refine")
"""Stages after the segmenter's training."""


def digests(config: Config) -> dict[str, str]:
    """Room → a digest of all that it depends on; equal digests mean equal files, up to the machine.

    Args:
        config: of the run, reused rooms resolved (`run.reuse`).
    """
    stages = config.stages()
    found = {"data": _digest(config.shards, stages["dataset"])}
    for room, names in STAGES.items():
        before = _before_segmenter(config) if room == "segmenter" else BEFORE.get(room, ("data",))
        section = getattr(config, room, None)
        found[room] = _digest(
            [stages[name] for name in names],
            getattr(section, "from_run", None),
            [found[name] for name in before],
            _rounds(config, stages) if room == "segmenter" else [],
        )
    return found


def _before_segmenter(config: Config) -> tuple[str, ...]:
    if config.segmenter.labels == "proxy":
        return ("proxy",)
    return ("data", "attention") if config.segmenter.backbone.weights == "attention" else ("data",)


def _rounds(config: Config, stages: dict[str, dict[str, Any]]) -> list[Any]:
    """The number of rounds, and what labels the images between two of them."""
    rounds = config.segmenter.rounds
    return [rounds] if rounds == 1 else [rounds, stages["segmenter-predict"], stages["proxy-refine"]]


def outcome(config: Config, target: str) -> str:
    """A digest of all that the scores of a target depend on.

    Args:
        config: of the run, reused rooms resolved.
        target: of the workflow, `all` or `proxies`.
    """
    found, needed = digests(config), rooms(config, target)
    rest = [config.stages()[name] for name in PREDICTED] if target == "all" else []
    return _digest(found["data"], [found[room] for room in needed], rest, config.evaluation.split)


def rooms(config: Config, target: str) -> list[str]:
    """The rooms that a target needs, in the order of the chain, without the data."""
    needed = {stage.room for stage in Table(config).of(target)}
    return [room for room in STAGES if room in needed]


def _digest(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
