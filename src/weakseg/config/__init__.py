"""Every knob of weakseg, in one place: type, default, bounds and meaning.

`config.yaml` is validated against `Config`; `workflow/config.schema.json` is generated from it for editors. A
stage never sees the whole: `Config.stages()` cuts it into one plain dictionary per stage, holding nothing but
what that stage uses, so that a changed CRF value cannot retrain a classifier.
"""

import json
from pathlib import Path
from typing import Any

from pydantic import Field

from weakseg.attention.settings import AttentionConfig
from weakseg.dataset.settings import DatasetConfig
from weakseg.detector.settings import DetectorConfig
from weakseg.errors import InputError
from weakseg.evaluation.settings import EvaluationConfig, SupervisionConfig
from weakseg.proxy.settings import ProxyConfig
from weakseg.saliency.methods import METHODS
from weakseg.saliency.methods.declaration import NetworkMethod
from weakseg.saliency.settings import SaliencyConfig
from weakseg.segmenter.settings import SegmenterConfig
from weakseg.settings.reading import parse
from weakseg.settings.section import RunName, Section


class Config(Section):
    """A whole run."""

    run: RunName = "demo"
    """Everything of the run lies under `results/<run>/`."""
    shards: int = Field(2, ge=1, le=10_000)
    """Parts that per-image stages are cut into: what runs side by side and what a kill can cost."""
    dataset: DatasetConfig = DatasetConfig()
    saliency: SaliencyConfig = SaliencyConfig()
    attention: AttentionConfig = AttentionConfig()
    proxy: ProxyConfig = ProxyConfig()
    segmenter: SegmenterConfig = SegmenterConfig()
    detector: DetectorConfig = DetectorConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    supervision: SupervisionConfig = SupervisionConfig()

    def stages(self) -> dict[str, dict[str, Any]]:
        """Stage name → that stage's own settings as plain values, nothing else.

        The commands read them back with `read_stage` into the section's model.
        """
        saliency, attention, proxy, segmenter = self.saliency, self.attention, self.proxy, self.segmenter
        return {
            "dataset": _keep(self.dataset, {"source", "classes", "bad_images", self.dataset.source}),
            "saliency": _keep(saliency, {"method", saliency.method}, _MAPS_ALONE),
            "attention-accumulate": _keep(attention, {*_CLASSIFIER, "oaa"}) | {"method": "oaa"},
            "attention-train": _keep(attention, {*_CLASSIFIER, "method", attention.method}),
            "attention-maps": _keep(attention.maps),
            "proxy-fuse": _keep(proxy, {"rule", proxy.rule}),
            "proxy-refine": _keep(proxy.refine),
            "segmenter-train": _keep(segmenter, segmenter.training_keys()),
            "segmenter-predict": _keep(segmenter.prediction, {"scales", "flip", "precision", "longest"}),
            "segmenter-refine": _keep(segmenter.prediction, {"crf", "longest"}),
            "detector-train": _keep(self.detector, self.detector.training_keys()),
            "detector-predict": _keep(self.detector.prediction),
            "evaluation-boxes": _keep(self.evaluation, {"boxes"}),
            "evaluation": _keep(self.evaluation, {"split", "sample", "worst"}),
            "supervision": _keep(self.supervision),
        }

    def lines(self) -> list[str]:
        """Every value on a line of its own: `segmenter.training.iterations: 400`."""
        return _lines("", self.model_dump(mode="json"))

    def is_copy(self, settings: Path, touches: bool) -> bool:
        """Whether the run's folder is a copy of another run's that Snakemake is being told of.

        Snakemake knows finished files by their path. In a copied folder it would notice no changed value and keep what
        was made with the old one.

        Args:
            settings: the folder's `configs/run.json`, which names the run that wrote it; it may be missing.
            touches: Snakemake is asked to `--touch`: to take the files that are there for finished.

        Raises:
            InputError: a copy that Snakemake is not being told of, or is told of with other values than made it.
        """
        try:
            kept = parse(Config, json.loads(settings.read_text(encoding="utf-8")), str(settings))
        except (OSError, ValueError, InputError):  # none yet, or of another version: nothing to compare
            return False
        if kept.run == self.run:
            return False
        folder = settings.parent.parent
        if not touches:
            raise InputError(
                f"{folder} is a copy of the run {kept.run}, of which Snakemake does not know what is finished; tell "
                f"it with the options that made {kept.run}: snakemake --touch --forceall --cores 1 … "
                f"--config run={self.run}"
            )
        made_with = set(kept.lines())
        changed = [line for line in self.lines() if line not in made_with and not line.startswith("run: ")]
        if changed:
            raise InputError(
                f"{folder} was made by the run {kept.run} with other values, found {changed[0]}; --touch it with "
                f"those of {kept.run}, change values afterwards."
            )
        return True


_CLASSIFIER = {"backbone", "stride", "new_layers_rate", "training"}
_MAPS_ALONE = {name: {"size"} for name, method in METHODS.items() if issubclass(method, NetworkMethod)}
"""Settings of the maps that must not train a network anew: the rule gives them to the command."""


def _keep(
    section: Section, keys: set[str] | None = None, leave_out: dict[str, set[str]] | None = None
) -> dict[str, Any]:
    return section.model_dump(mode="json", include=keys, exclude=leave_out)


def _lines(key: str, value: Any) -> list[str]:
    if not isinstance(value, dict) or not value:
        return [f"{key}: {json.dumps(value, ensure_ascii=False)}"]
    return [line for name in value for line in _lines(f"{key}.{name}" if key else name, value[name])]


def differences(before: Path, now: dict[str, Any]) -> list[str]:
    """What changed in a stage's settings, as `training.learning_rate: 0.001 → 0.002`; nothing if nobody can tell.

    Args:
        before: the file that the workflow wrote for the last run.
        now: the stage's settings.
    """
    try:
        old = dict(line.split(": ", 1) for line in _lines("", json.loads(before.read_text(encoding="utf-8"))))
    except (OSError, ValueError):
        return []
    new = dict(line.split(": ", 1) for line in _lines("", now))
    changed = [key for key in old | new if old.get(key) != new.get(key)]
    return [f"{key}: {old.get(key, 'not set')} → {new.get(key, 'not set')}" for key in changed]


def schema() -> str:
    """The JSON schema of `Config`, as committed in `workflow/config.schema.json`."""
    return json.dumps(Config.model_json_schema(), indent=2, ensure_ascii=False) + "\n"
