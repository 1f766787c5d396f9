"""Which method stands on which backbone, of every room: asked of the declarations that refuse a configuration."""

from collections.abc import Iterator
from typing import NamedTuple

from weakseg.affinity.networks import NETWORKS as AFFINITY
from weakseg.attention.networks import NETWORKS as ATTENTION
from weakseg.backbones import BACKBONES
from weakseg.backbones.standing import OnBackbone
from weakseg.backbones.timm_names import CONVOLUTIONAL, HIERARCHICAL, PLAIN
from weakseg.detector.settings import DetectorConfig
from weakseg.saliency.methods import METHODS as SALIENCY
from weakseg.saliency.methods.declaration import TrainedMethod
from weakseg.segmenter.networks import NETWORKS as SEGMENTERS

EXAMPLES = {
    f"timm, {CONVOLUTIONAL}": "timm/resnet18",
    f"timm, {HIERARCHICAL}": "timm/swin_tiny_patch4_window7_224",
    f"timm, {PLAIN}": "timm/vit_tiny_patch16_224",
    "smp": "smp/resnet18",
}
"""Kind of members of a family, for people → a member that stands for them."""


class Pair(NamedTuple):
    """A method and a backbone.

    Attributes:
        room, method: a family of methods is named `smp/<name>`.
        kind: of the backbone: its name, or a key of `EXAMPLES`.
        refusal: why the method does not stand on it; `None` where it does.
    """

    room: str
    method: str
    kind: str
    refusal: str | None


def kinds() -> dict[str, str]:
    """Every kind of backbone → the architecture that stands for it."""
    return {name: name for name in BACKBONES} | EXAMPLES


def methods() -> Iterator[tuple[str, type[OnBackbone]]]:
    """Room and declaration of every network that stands on a backbone."""
    yield from (("attention", method) for method in ATTENTION.values() if method.trains)
    yield from (("affinity", method) for method in AFFINITY.values() if method.trains)
    yield from (("saliency", method) for method in SALIENCY.values() if issubclass(method, TrainedMethod))
    yield from (("segmenter", method) for method in SEGMENTERS.values())
    yield from (("segmenter", family.member(f"{name}<name>")) for name, family in SEGMENTERS.families.items())
    yield "detector", DetectorConfig


def pairs() -> list[Pair]:
    """Every pair of a method and a kind of backbone, by room."""
    return [
        Pair(room, method.name, kind, method.refusal(architecture))
        for room, method in methods()
        for kind, architecture in kinds().items()
    ]


def markdown() -> str:
    """The pairs as a table and, under it, what models of timm lack where only some of them are refused."""
    columns = list(kinds())
    rows: dict[tuple[str, str], list[Pair]] = {}
    lacking: dict[str, list[str]] = {}
    for pair in pairs():
        rows.setdefault((pair.room, pair.method), []).append(pair)
        name, _, reason = (pair.refusal or "").partition(" needs ")
        if reason:
            lacking.setdefault(reason, []).append(f"`{name}`")
    table = "".join(
        f"| {room} | `{method}` | {' | '.join('–' if pair.refusal else 'yes' for pair in row)} |\n"
        for (room, method), row in rows.items()
    )
    head = f"| room | method | {' | '.join(columns)} |\n|---|---|{'---|' * len(columns)}\n"
    reasons = "".join(f"- {', '.join(names)}: needs {reason}.\n" for reason, names in lacking.items())
    return f"\n{head}{table}\nWhy not:\n\n{reasons}"
