"""Fully connected conditional random field: parameters under the field's names, and the engines."""

from weakseg.crf.engine import ENGINES, dense_crf
from weakseg.crf.parameters import PRESETS, CrfParameters, chosen

__all__ = ["ENGINES", "PRESETS", "CrfParameters", "chosen", "dense_crf"]
