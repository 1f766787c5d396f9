"""What every attention network is: a classifier whose score maps say where its classes are."""

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor, nn

from weakseg.attention.networks.attention_memory import AttentionMemory
from weakseg.attention.networks.declaration import AttentionMethod
from weakseg.attention.networks.parts import pooled, scale_to_one
from weakseg.backbones import BACKBONES
from weakseg.backbones.base import AttentionBackbone, Pools
from weakseg.training.parameters import ParameterGroup, caffe_groups

HEAD_STD = 0.01  # weight filler of the released SeeNet and OAA networks


class Classifier(nn.Module, ABC):
    """What every attention network is: a backbone and a head of class score maps, above it losses and maps of its own.

    Args:
        architecture: name of the backbone.
        classes: number of classes C, without background.
        settings: of the method.
        stride: output stride of the backbone, `None` for the published.
        new_layers_rate: learning-rate multiplier of everything above the backbone, `None` for the published.

    Attributes:
        memory: what the network remembers of each training image, if it does; then its batches hold `slots` and `view`.
        read_out: as `attention.maps.read_out`, for networks that know several.
    """

    pools: ClassVar[Pools] = Pools()
    dropout: ClassVar[tuple[float, ...]] = (0.0,)
    """Share dropped before the scores of the head and, if there are two, of `branch_b`."""
    convolutions: ClassVar[int] = 2
    """3×3 convolutions of a head before its scores."""
    xavier: ClassVar[bool] = False
    """Initialise the new layers by Glorot's rule, as ACoL and SPG do, not as SeeNet and OAA do."""
    bias_decay: ClassVar[float] = 0.0
    """Multiplier of the weight decay for biases: 0 in the Caffe releases, 1 in the PyTorch ones."""
    sums_scales: ClassVar[bool] = False
    """Whether maps of several sizes and of the mirrored image are summed before they are normalised: `evidence`."""

    def __init__(
        self,
        architecture: str,
        classes: int,
        settings: AttentionMethod,
        stride: int | None = None,
        new_layers_rate: float | None = None,
    ) -> None:
        super().__init__()
        self.settings = settings
        self.memory: AttentionMemory | None = None
        self.read_out = "relu"
        self.new_layers_rate = settings.new_layers_rate if new_layers_rate is None else new_layers_rate
        make = BACKBONES[architecture].maker().for_attention
        exact = stride is not None
        body: AttentionBackbone = make(architecture, stride or settings.stride, self.pools, exact=exact)
        self.backbone = body
        heads = [
            _head(body.channels, self.head_width, classes, self.head_convolutions, share)
            for share in self.dropout
        ]
        if self.xavier:
            initialise_xavier(*heads)
        elif body.unit_features:
            _suit_unit_features(heads)
        self.head = heads[0]
        if heads[1:]:
            self.branch_b = heads[1]
        self.extend()

    def extend(self) -> None:
        """Add what the network has beside its heads, after them."""

    @abstractmethod
    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Losses of `image` N×3×H×W (RGB, 0…255) and `labels` N×C (1 where present)."""

    @property
    def head_convolutions(self) -> int:
        """3×3 convolutions of a head before its scores."""
        return self.convolutions

    @property
    def head_width(self) -> int:
        """Channels of a head's convolutions."""
        return self.backbone.head_width

    def features(self, images: Tensor) -> Tensor:
        """What the head sees, N×D×h×w."""
        features: Tensor = self.backbone(images)
        return features

    def scores(self, images: Tensor) -> Tensor:
        """The head's score maps N×C×h×w float32."""
        scores: Tensor = self.head(self.features(images)).float()
        return scores

    def class_scores(self, images: Tensor) -> Tensor:
        """The head's class scores N×C, which need no labels."""
        return pooled(self.scores(images))

    def attention(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Positive scores divided by each map's maximum, N×C×h×w, zero for absent classes; class scores N×C."""
        evidence, class_scores = self.evidence(images, labels)
        return scale_to_one(evidence), class_scores

    def evidence(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Positive scores as they are, N×C×h×w, zero for absent classes; class scores N×C."""
        scores = self.scores(images)
        return scores.clamp(min=0) * labels[:, :, None, None], pooled(scores)

    def parameter_groups(self) -> list[ParameterGroup]:
        """Weights 1, biases 2 with `bias_decay`, all above the backbone times `new_layers_rate`."""
        new = nn.ModuleList(child for name, child in self.named_children() if name != "backbone")
        return caffe_groups(self.backbone, bias_decay=self.bias_decay) + caffe_groups(
            new, self.new_layers_rate, self.bias_decay
        )


def _head(channels: int, width: int, classes: int, convolutions: int, dropout: float) -> nn.Sequential:
    """3×3 convolutions with ReLU, dropout, and a 1×1 convolution to `classes` score maps."""
    layers: list[nn.Module] = []
    for number in range(convolutions):
        layers += [nn.Conv2d(channels if number == 0 else width, width, 3, padding=1), nn.ReLU(inplace=True)]
    inside = width if convolutions else channels
    branch = nn.Sequential(*layers, nn.Dropout(dropout), nn.Conv2d(inside, classes, 1))
    for layer in branch:
        if isinstance(layer, nn.Conv2d):
            nn.init.normal_(layer.weight, std=HEAD_STD)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
    return branch


def _suit_unit_features(heads: list[nn.Sequential]) -> None:
    """Initialise for features of unit scale.

    The released filler suits VGG16's features, which reach hundreds; on normalised ones it would learn nothing.
    """
    for branch in heads:
        for layer in branch[:-1]:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")


def initialise_xavier(*branches: nn.Module) -> None:
    """Weights of all convolutions by Glorot's uniform rule, biases zero: `_initialize_weights` of ACoL and SPG."""
    for branch in branches:
        for layer in branch.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.xavier_uniform_(layer.weight)
                assert layer.bias is not None
                nn.init.zeros_(layer.bias)
