"""How a trained segmenter predicts: what a run was configured with, or what an exported file says."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from weakseg.crf.settings import CrfConfig
from weakseg.errors import InputError
from weakseg.options import LONGEST, PRECISIONS
from weakseg.storage.run import Run

LEAST_WINDOW = 64


@dataclass(frozen=True)
class Settings:
    """How images are predicted.

    Attributes:
        scales: image sizes whose class probabilities are averaged.
        flip: average with the mirrored image.
        precision: `auto`, `bf16`, `fp16` or `fp32`; an ONNX model always computes in `fp32`.
        crf: the dense CRF.
        use_crf: whether it is applied.
        longest: longer side, in pixels, above which an image is shrunk for the network and the CRF.
        window: side, in pixels, of overlapping windows in which an image is predicted at its own size instead.
    """

    scales: tuple[float, ...]
    flip: bool
    precision: str
    crf: CrfConfig
    use_crf: bool = False
    longest: int = LONGEST
    window: int | None = None

    def __post_init__(self) -> None:
        if not self.scales or min(self.scales) <= 0 or self.longest < 1:
            raise InputError(
                f"scales {list(self.scales)} and longest {self.longest} were given; scales such as [0.75, 1] "
                "and a longest side in pixels, all above 0, were expected: correct them."
            )
        if self.precision not in PRECISIONS:
            raise InputError(
                f"precision {self.precision!r} was given; one of {', '.join(PRECISIONS)} was expected."
            )
        if self.window is not None and (self.window < LEAST_WINDOW or self.use_crf):
            raise InputError(
                f"window {self.window} was given{' with the CRF' if self.use_crf else ''}; {LEAST_WINDOW} pixels or "
                "more were expected, and no CRF, whose memory grows with the whole image: leave one of them out."
            )


def settings_of(run: Run) -> Settings:
    """The settings that a run predicts with.

    Raises:
        InputError: they are missing or damaged.
    """
    return read_settings(
        run.settings("segmenter-predict") | run.settings("segmenter-refine"), str(run.folder)
    )


def read_settings(values: Mapping[str, Any], source: str) -> Settings:
    """Settings of plain values: `scales`, `flip`, `precision`, `longest` if there is one, and `crf` as in the
    configuration.

    Raises:
        InputError: a value is missing or of a wrong kind; `source` is named.
    """
    try:
        return Settings(
            scales=tuple(float(scale) for scale in values["scales"]),
            flip=bool(values["flip"]),
            precision=str(values["precision"]),
            crf=CrfConfig(**values["crf"]),
            longest=int(values.get("longest", LONGEST)),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"the prediction settings of {source} are damaged ({type(error).__name__}: {error}); scales, flip, "
            "precision and crf were expected: run snakemake again, or export again."
        ) from None
