"""How masks lie on disk, one file a format. Those that are no label PNGs are made into such at the indexing."""

from weakseg.dataset.mask_formats.declaration import MaskFormat
from weakseg.settings.methods import Choice, Methods

FORMATS: Methods[MaskFormat] = Methods(
    "weakseg.dataset.mask_formats",
    "absent.AbsentMasks",
    "indices.IndexMasks",
    "colours.ColourMasks",
    "instances.InstanceMasks",
    "yolo.YoloMasks",
    "coco.CocoMasks",
)
"""Name of a format → what its file declares."""


class MasksConfig(Choice, methods=FORMATS, key="format"):
    """Masks of images from other sources than `demo`, `voc` and `table`; used for scoring only."""

    format: str = "none"
    """Which of the sections below is used; `none`: no masks, nothing is scored."""
