"""Which models the installed timm has and what kind each is, without importing it: that imports torch, too."""

import difflib
import importlib.util
import re
from functools import cache
from pathlib import Path

CONVOLUTIONAL, HIERARCHICAL, PLAIN = "convolutional", "hierarchical", "plain"

# Names of timm's files.
# fmt: off
_PLAIN = {
    "vision_transformer", "deit", "eva", "beit", "vision_transformer_relpos", "vision_transformer_sam",
    "naflexvit", "cait", "xcit", "volo", "tnt", "convit", "mlp_mixer", "deepseek_vit", "gemma4_vit",
    "qwen3_vit",
}
_HIERARCHICAL = {
    "swin_transformer", "swin_transformer_v2", "swin_transformer_v2_cr", "maxxvit", "pvt_v2", "twins",
    "coat", "davit", "mvitv2", "hiera", "hieradet_sam2", "nest", "focalnet", "gcvit", "tiny_vit",
    "levit", "metaformer", "efficientformer", "efficientformer_v2", "efficientvit_mit",
    "efficientvit_msra", "mobilevit", "nextvit", "edgenext", "swiftformer", "vitamin", "pit",
    "crossvit", "sequencer", "visformer", "iformer", "shvit", "efficientvim", "lowformer",
}
# fmt: on
_REGISTERED = re.compile(r"^@register_model\s*\ndef (\w+)\(", re.MULTILINE)


@cache
def families() -> dict[str, str]:
    """Model → name of timm's file that registers it."""
    spec = importlib.util.find_spec("timm")
    places = (spec.submodule_search_locations if spec is not None else None) or []
    found = {}
    for folder in places:
        for path in sorted(Path(folder, "models").glob("*.py")):
            for name in _REGISTERED.findall(path.read_text(encoding="utf-8")):
                found[name] = path.stem
    return found


def kind(model: str) -> str:
    """`convolutional`; `plain`: a transformer of one resolution; `hierarchical`: a transformer of several."""
    family = families().get(model, "")
    if family in _PLAIN:
        return PLAIN
    return HIERARCHICAL if family in _HIERARCHICAL else CONVOLUTIONAL


def check(model: str) -> None:
    """Refuse what is not a model of timm.

    Raises:
        ValueError: it is not.
    """
    known = families()
    if model in known:
        return
    plain, dot, _ = model.partition(".")
    if dot and plain in known:
        raise ValueError(
            f"timm/{model} names weights, too; write architecture: timm/{plain} and weights: {model}"
        )
    near = difflib.get_close_matches(plain, known, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else "timm.list_models() lists them"
    raise ValueError(f"timm has no model {model}; {hint}")
