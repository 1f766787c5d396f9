"""Fully connected conditional random field: parameters under the field's names, and the engines."""

from typing import TYPE_CHECKING, Any

from weakseg.crf.parameters import PRESETS, CrfParameters, chosen

if TYPE_CHECKING:
    from weakseg.crf.engine import ENGINES, dense_crf

__all__ = ["ENGINES", "PRESETS", "CrfParameters", "chosen", "dense_crf"]


def __getattr__(name: str) -> Any:
    """The engines, imported when they are asked for: a configuration needs the parameters alone, and no numpy."""
    if name not in ("ENGINES", "dense_crf"):
        raise AttributeError(f"module 'weakseg.crf' has no attribute {name!r}")
    from weakseg.crf import engine

    return getattr(engine, name)
