"""What the names of timm's weights and licences mean: training data, strongest labels, commercial use.

A tag names the data, and how the network was trained on it: `augreg_in21k_ft_in1k`, `lvd142m`, `fcmae`.
"""

UNKNOWN = ("unknown", "unknown")
_CAPTIONS = {
    "openai": "WIT-400M",
    "laion2b": "LAION-2B",
    "laion400m": "LAION-400M",
    "laiona": "LAION-Aesthetics",
    "datacompxl": "DataComp",
    "datacomp1b": "DataComp",
    "dfn2b": "DFN-2B",
    "dfn5b": "DFN-5B",
    "dfndr2b": "DFNDR-2B",
    "metaclip": "MetaCLIP",
    "metaclip2": "MetaCLIP 2",
    "merged2b": "LAION-2B and COYO",
    "webli": "WebLI",
    "cc12m": "CC12M",
    "yfcc15m": "YFCC-15M",
    "mclip": "DataCompDR",
    "mclip2": "DFNDR-2B",
}
"""Images with texts. A text tells of the whole image, as its labels do."""
_DATA = {
    "in1k": ("ImageNet", "image"),
    "in12k": ("ImageNet-12k", "image"),
    "in21k": ("ImageNet-21k", "image"),
    "in22k": ("ImageNet-21k", "image"),
    "inw21k": ("ImageNet-21k", "image"),
    "ig1b": ("Instagram hashtags", "image"),
    "swag": ("Instagram hashtags", "image"),
    "lvd142m": ("LVD-142M without labels", "none"),
    "lvd1689m": ("LVD-1689M without labels", "none"),
    "sat493m": ("SAT-493M without labels", "none"),
    "seer": ("Instagram images without labels", "none"),
    "jft": ("JFT without labels", "none"),
    "yfcc100m": ("YFCC-100M without labels", "none"),
    "sa1b": ("SA-1B masks", "pixels"),
    **{token: (f"{name} texts", "image") for token, name in _CAPTIONS.items()},
}
_UNLABELLED = {"mae", "fcmae", "dino", "ijepa"}
"""Trained without labels, unless a fine-tuning (`ft`) follows. EVA's `mim` imitates CLIP, which saw texts."""
_CLIP = {"mim", "clip"}
_TAUGHT = {"eupe", "radio"}
"""Distilled from several networks, of which some saw masks."""
_MASKS = {"sam2": "SA-V and SA-1B masks", "samvit": "SA-1B masks"}
"""First word of a model → the masks that all its weights saw."""
_ORDER = ("none", "image", "pixels")

_FREE = {
    "apache-2.0": "Apache-2.0",
    "mit": "MIT",
    "bsd-3-clause": "BSD-3-Clause",
    "cc-by-4.0": "CC-BY-4.0",
}
"""Licences that allow commercial use, by their names at Hugging Face."""
_NOT_COMMERCIAL = {
    "cc-by-nc-4.0": "CC-BY-NC-4.0",
    "fair-noncommercial-research-license": "fair-noncommercial-research-license",
    "seer-license": "seer-license",
    "apple-amlr": "apple-amlr",
}


def licensed(name: str | None) -> tuple[str, bool | None]:
    """A licence as Hugging Face names it → its usual name, and whether it allows commercial use; `None`: it has terms
    of its own."""
    if name in _FREE:
        return _FREE[name], True
    if name in _NOT_COMMERCIAL:
        return _NOT_COMMERCIAL[name], False
    return name or "unknown", None


def supervised(name: str) -> tuple[str, str]:
    """Training data in a few words and strongest labels of weights of timm, from their name `<model>.<tag>`.

    `unknown` where the tag does not tell: nothing is guessed.
    """
    model, _, tag = name.partition(".")
    words = tag.split("_")
    family = model.split("_")[0]
    if family in _MASKS:
        return _MASKS[family], "pixels"
    if _TAUGHT & set(words):
        return UNKNOWN
    tuned = "ft" in words
    if _UNLABELLED & set(words) and not tuned:
        data = next((_DATA[word][0] for word in words if word in _DATA), "ImageNet")
        return data if data.endswith("without labels") else f"{data} without labels", "none"
    found = [_DATA[word] for word in words if word in _DATA]
    if _CLIP & set(words) and not _CAPTIONS.keys() & set(words):
        found.insert(0, ("CLIP's texts", "image"))
    if not found:
        return UNKNOWN
    return ", ".join(dict.fromkeys(data for data, _ in found)), max(
        (kind for _, kind in found), key=_ORDER.index
    )
