"""The whole configuration: type, default, bounds and meaning of every setting.

`config.yaml` is validated against `Config`; `workflow/config.schema.json` is generated from it for editors. A stage
sees only its own settings (`Config.stages()`), so that a changed CRF value cannot retrain a classifier.
"""

import json
from pathlib import Path
from typing import Any

from pydantic import Field

from weakseg.affinity.settings import AffinityConfig
from weakseg.attention.settings import AttentionConfig
from weakseg.dataset.settings import DatasetConfig
from weakseg.detector.settings import DetectorConfig
from weakseg.evaluation.settings import EvaluationConfig, HealthConfig, SupervisionConfig
from weakseg.installed import presets
from weakseg.proxy.settings import ProxyConfig
from weakseg.saliency.settings import SaliencyConfig
from weakseg.segmenter.settings import SegmenterConfig
from weakseg.settings.section import RunName, Section


class Config(Section):
    """A whole run."""

    run: RunName = "demo"
    """Everything of the run lies under `results/<run>/`."""
    preset: str | None = Field(None, max_length=100)
    """Name of a file in workflow/presets: its values lie over config.yaml and under the user's own. `null`: none."""
    shards: int = Field(2, ge=1, le=10_000)
    """Parts that per-image stages are cut into: what runs side by side and what a kill can cost."""
    dataset: DatasetConfig = DatasetConfig()
    saliency: SaliencyConfig = SaliencyConfig()
    attention: AttentionConfig = AttentionConfig()
    proxy: ProxyConfig = ProxyConfig()
    affinity: AffinityConfig = AffinityConfig()
    segmenter: SegmenterConfig = SegmenterConfig()
    detector: DetectorConfig = DetectorConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    supervision: SupervisionConfig = SupervisionConfig()
    accept_licenses: list[str] = Field([], max_length=20)
    """Licences of published weights that you accept although they forbid commercial use or set terms of their own, as
    `bria-rmbg-1.4` does; without it such weights are refused. `weakseg weights list` names them."""
    health: HealthConfig = HealthConfig()

    def stages(self) -> dict[str, dict[str, Any]]:
        """Stage name → the settings of that stage, as plain values. Commands read them with `read_stage`."""
        saliency, attention, proxy, segmenter = self.saliency, self.attention, self.proxy, self.segmenter
        first = attention.accumulating
        return {
            "dataset": self.dataset.values(),
            "saliency-train": {"method": saliency.method, saliency.method: saliency.own.values({"size"})},
            "saliency-maps": _of_maps(saliency),
            "attention-accumulate": {} if first is None else first.values(first.beside),
            "attention-train": attention.values(attention.beside),
            "attention-maps": attention.maps.values(),
            "proxy-fuse": proxy.values({"from_run", "refine"}),
            "proxy-refine": proxy.refine.values(),
            "affinity-train": self.affinity.values(self.affinity.beside),
            "affinity-walk": self.affinity.walk.values() if self.affinity.trains else {},
            "segmenter-train": segmenter.values(segmenter.beside),
            "segmenter-predict": segmenter.prediction.values({"crf"}),
            "segmenter-refine": segmenter.prediction.values({"scales", "flip", "precision"}),
            "detector-train": self.detector.values(self.detector.beside),
            "detector-predict": self.detector.prediction.values(),
            "evaluation-boxes": {"boxes": self.evaluation.boxes},
            "evaluation": self.evaluation.values({"boxes", "ceiling"}),
            "supervision": self.supervision.values(),
            "health": self.health.values(),
        }

    def lines(self) -> list[str]:
        """One line per value: `segmenter.training.iterations: 400`."""
        return _lines("", self.model_dump(mode="json"))


def _of_maps(saliency: SaliencyConfig) -> dict[str, Any]:
    """The method's settings that its maps depend on; of a trained network, its path and image size."""
    values: dict[str, Any] = saliency.own.values()
    if "training" in values:
        values = {name: value for name, value in values.items() if name in ("size", "trained")}
    return {"method": saliency.method, "flip": saliency.flip, saliency.method: values}


def _lines(key: str, value: Any) -> list[str]:
    if not isinstance(value, dict) or not value:
        return [f"{key}: {json.dumps(value, ensure_ascii=False)}"]
    return [line for name in value for line in _lines(f"{key}.{name}" if key else name, value[name])]


def differences(before: Path, now: dict[str, Any]) -> list[str]:
    """Changes of a stage's settings, as `training.learning_rate: 0.001 → 0.002`; empty if `before` cannot be read.

    Args:
        before: the settings file of the last run.
        now: the current settings.
    """
    try:
        old = dict(line.split(": ", 1) for line in _lines("", json.loads(before.read_text(encoding="utf-8"))))
    except (OSError, ValueError):
        return []
    new = dict(line.split(": ", 1) for line in _lines("", now))
    changed = [key for key in old | new if old.get(key) != new.get(key)]
    return [f"{key}: {old.get(key, 'not set')} → {new.get(key, 'not set')}" for key in changed]


def schema() -> str:
    """The JSON schema of `Config`, as committed in `workflow/config.schema.json`; it knows the presets' names."""
    described = Config.model_json_schema()
    described["properties"]["preset"]["enum"] = [
        None,
        *sorted(path.stem for path in presets().glob("*.yaml")),
    ]
    return json.dumps(described, indent=2, ensure_ascii=False) + "\n"
