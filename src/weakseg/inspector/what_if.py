"""Proxy labels of an image with other settings of proxy rule and CRF, computed by the pipeline's own functions."""

import time
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Any, Literal, get_args, get_origin

import numpy as np
import yaml

from weakseg.crf.settings import LONGEST, PRESETS, CrfConfig
from weakseg.dataset.images import read_image
from weakseg.dataset.records import Record
from weakseg.errors import InputError
from weakseg.inspector.pictures import Plane, bundle, facts, matrix_of, shown_size
from weakseg.inspector.run import RunView
from weakseg.proxy.rules import RULES
from weakseg.proxy.settings import ProxyConfig, RefineConfig
from weakseg.proxy.stages import fuse, refine
from weakseg.settings.section import Section
from weakseg.storage.drawing import stretch_labels
from weakseg.storage.presence import doubted

HIGHEST = {
    "weight": 5.0,
    "gaussian_sxy": 20.0,
    "gaussian_weight": 20.0,
    "bilateral_sxy": 160.0,
    "bilateral_srgb": 60.0,
    "bilateral_weight": 20.0,
    "iterations": 20,
    "longest": 4096,
}
"""Upper end of a slider whose setting has no upper bound."""
LEAST = 0.01  # lower end of a slider whose setting must be positive
NOT_SHOWN = ("engine", "crf", "refine", "rule", "preset")
ENGINE_LOCK = Lock()  # two CRFs at once would slow both down


@dataclass(frozen=True)
class Trial:
    """New labels of one image, H×W `uint8` each, and the seconds they took."""

    fused: np.ndarray
    refined: np.ndarray
    seconds: float


def recompute(run: RunView, record: Record, settings: ProxyConfig) -> Trial:
    """Fuse and refine one image as `weakseg proxy fuse` and `refine` do.

    Raises:
        InputError: the run has no maps of the image, or a file is damaged.
    """
    changed = record.image.stat().st_mtime_ns if record.image.exists() else 0
    image = _read(record.image, changed)
    attention, saliency = run.attention(record), run.saliency(record)
    if saliency is None:
        raise InputError(
            f"the run has no saliency map of '{record.id}'; its proxy label cannot be computed: run "
            "snakemake until the saliency maps exist."
        )
    with ENGINE_LOCK:
        start = time.perf_counter()
        fused = fuse(image.shape[:2], saliency, attention, run.classes, settings.own)
        present = [run.classes.index(name) + 1 for name in record.labels]
        refined = refine(image, fused, present, settings.refine) if settings.refine.enabled else fused
        if settings.refine.missing_class == "undecided":
            refined = doubted(refined, present)
        return Trial(fused, refined, time.perf_counter() - start)


@lru_cache(4)
def _read(path: Any, changed: int) -> np.ndarray:
    image = read_image(path)
    image.flags.writeable = False  # shared by all trials of this image
    return image


def answer(run: RunView, record: Record, settings: ProxyConfig, *, planes: bool) -> bytes:
    """Compare old and new labels of one image (format: `pictures.bundle`).

    `old` and `new` in the header hold `iou`, `undecided` and the confusion matrix `counts` ((C+1)×(C+1)), to be summed
    over images; `changed` is the share of refined pixels that differ.
    """
    trial = recompute(run, record, settings)
    truth, old = run.truth(record), run.labels("refined", record)
    if old is not None and old.shape != trial.refined.shape:
        old = None
    size = shown_size(trial.refined.shape)
    header = {
        "seconds": round(trial.seconds, 3),
        "old": None if old is None else _scored(run, old, truth),
        "new": _scored(run, trial.refined, truth),
        "changed": None if old is None else round(float((old != trial.refined).mean()), 4),
    }
    shown: list[Plane] = []
    if planes:
        for name, labels in (("new fused", trial.fused), ("new refined", trial.refined)):
            about = {"name": name, "kind": "labels"} | facts(matrix_of(run.classes, labels, truth), labels)
            shown.append((about, stretch_labels(labels, size)))
    return bundle(header, shown)


def _scored(run: RunView, labels: np.ndarray, truth: np.ndarray | None) -> dict[str, Any]:
    matrix = matrix_of(run.classes, labels, truth)
    return facts(matrix, labels) | ({} if matrix is None else {"counts": matrix.counts.tolist()})


def warm_up() -> None:
    """Compile or load the CRF, so that the first response is fast."""
    image = np.zeros((8, 8, 3), np.uint8)
    labels = np.zeros((8, 8), np.uint8)
    with ENGINE_LOCK:
        refine(image, labels, [1], RefineConfig())


# ------------------------------------------------------------------------------------- the page's sliders


def knobs(settings: ProxyConfig) -> dict[str, Any]:
    """The page's controls for the proxy rules and the CRF; `value` is the run's setting."""
    return {
        "rule": settings.rule,
        "rules": {name: _sliders(getattr(settings, name, RULES[name]())) for name in RULES},
        "refine": _sliders(settings.refine),
        "crf": _sliders(settings.refine.crf),
        "preset": settings.refine.crf.preset,
        "presets": PRESETS | {"custom": {}},
    }


def _sliders(section: Section) -> list[dict[str, Any]]:
    shown = [name for name in type(section).model_fields if name not in NOT_SHOWN]
    return [_slider(section, name) for name in shown if getattr(section, name) is not None]


def _slider(section: Section, name: str) -> dict[str, Any]:
    field, value = type(section).model_fields[name], getattr(section, name)
    about = {"name": name, "value": value, "help": (field.description or "").removeprefix("`custom`: ")}
    if isinstance(value, bool):
        return about | {"kind": "switch"}
    if get_origin(field.annotation) is Literal:
        return about | {"kind": "choice", "choices": list(get_args(field.annotation))}
    lowest, highest = _bounds(field.metadata, HIGHEST.get(name, 1.0))
    step = 1 if isinstance(value, int) else 0.01 if highest <= 1 else 0.1
    return about | {"kind": "range", "least": lowest, "most": max(highest, float(value)), "step": step}


def _bounds(metadata: list[Any], highest: float) -> tuple[float, float]:
    """Ends of a slider, from the bounds of the setting."""
    lowest = 0.0
    for limit in metadata:
        if getattr(limit, "ge", None) is not None:
            lowest = float(limit.ge)
        if getattr(limit, "gt", None) is not None:
            lowest = float(limit.gt) + LEAST
        if getattr(limit, "lt", None) is not None:
            highest = min(highest, float(limit.lt) - LEAST)
    return lowest, highest


def as_yaml(settings: ProxyConfig) -> str:
    """These proxy settings as YAML, to paste into a configuration."""
    crf: CrfConfig = settings.refine.crf
    keep = {"preset"} if crf.preset != "custom" else {*CrfConfig.model_fields} - {"engine", "longest"}
    keep |= {"longest"} if crf.longest != LONGEST else set()
    refined = settings.refine.model_dump(mode="json", exclude={"crf"})
    refined["crf"] = crf.model_dump(mode="json", include=keep)
    rule = getattr(settings, settings.rule).model_dump(mode="json")
    content = {"proxy": {"rule": settings.rule, settings.rule: rule, "refine": refined}}
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
