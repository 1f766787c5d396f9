"""Fully connected conditional random field: parameters under the field's names, and the engine."""

from weakseg.crf.engine import dense_crf
from weakseg.crf.parameters import PRESETS, CrfParameters

__all__ = ["PRESETS", "CrfParameters", "dense_crf"]
