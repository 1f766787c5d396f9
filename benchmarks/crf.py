"""The engines of the dense CRF."""

import os
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from setting import Setting

from weakseg.crf.engine import ENGINES, dense_crf
from weakseg.crf.settings import PRESETS, CrfConfig
from weakseg.dataset.images import read_image

ROUNDS = 5
OWN = ("numba", "torch")
"""The engines that are held against pydensecrf."""


def crf(setting: Setting) -> dict[str, Any]:
    """Images per second of the engines on one core: three labels, 500×375 pixels, ten iterations."""
    torch.set_num_threads(1)
    cases = [_case(file, number) for number, file in enumerate(setting.files[:4])]
    found: dict[str, Any] = {}
    for preset in ("psa", "irn", "deeplab"):
        times: dict[str, list[float]] = {engine: [] for engine in ENGINES}
        for _ in range(ROUNDS):  # in turn, so that a slow minute of the machine slows them all
            for engine in ENGINES:
                parameters = CrfConfig(preset=preset, engine=engine)
                start = time.perf_counter()
                for case in cases:
                    dense_crf(*case, parameters)
                times[engine].append((time.perf_counter() - start) / len(cases))
        best = {engine: sorted(taken)[1] for engine, taken in times.items()}  # the first one compiles
        found[preset] = {"pydensecrf_images_per_second": 1 / best["pydensecrf"]}
        found[preset] |= {f"{engine}_over_pydensecrf": best["pydensecrf"] / best[engine] for engine in OWN}
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    return found


def agreement(setting: Setting) -> dict[str, Any]:
    """The engines' labels and probabilities against pydensecrf's, over all photographs and presets."""
    found: dict[str, Any] = {"images": len(setting.files)}
    for preset in PRESETS:
        same: dict[str, list[float]] = {engine: [] for engine in OWN}
        difference: dict[str, list[float]] = {engine: [] for engine in OWN}
        for number, file in enumerate(setting.files):
            case = _case(file, number)
            oracle = dense_crf(*case, CrfConfig(preset=preset, engine="pydensecrf"))
            for engine in OWN:
                result = dense_crf(*case, CrfConfig(preset=preset, engine=engine))
                same[engine].append(float((result.argmax(0) == oracle.argmax(0)).mean()))
                difference[engine].append(float(np.abs(result - oracle).mean()))
        found[preset] = {
            engine: {
                "same_labels": float(np.mean(same[engine])),
                "same_labels_in_the_worst_image": min(same[engine]),
                "mean_difference": float(np.mean(difference[engine])),
                "mean_difference_in_the_worst_image": max(difference[engine]),
            }
            for engine in OWN
        }
    return found


def _case(file: Path, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A photograph of 500×375 pixels and smooth random probabilities of three labels."""
    image = cv2.resize(read_image(file), (500, 375), interpolation=cv2.INTER_AREA)
    coarse = np.random.default_rng(seed).random((3, 12, 16)).astype(np.float32)
    values = np.stack([cv2.resize(channel, (500, 375)) for channel in coarse]) ** 3
    return image, values / values.sum(0)
