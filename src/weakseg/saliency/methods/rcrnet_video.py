"""RCRNet with the non-locally enhanced recurrent module: the video model (Yan et al., ICCV 2019, section 3.2).

The features of a clip's frames see each other (non-local block), remember forwards and backwards (bidirectional
ConvGRU) and see each other again, before each frame is decoded by the image model.
"""

from typing import Literal, Self

from pydantic import Field, model_validator

from weakseg.saliency.methods.declaration import NetworkMethod
from weakseg.saliency.methods.rcrnet import TRAINING, RcrNetSettings
from weakseg.saliency.training_data.settings import refuse_unread
from weakseg.training.settings import TrainingConfig


class RcrNetVideoSettings(NetworkMethod):
    """RCRNet, the video model; in a run each image is a clip of one frame."""

    name = "rcrnet_video"
    made_by = "RcrNetVideo"

    stride: Literal[8, 16] = 16
    """As in `rcrnet`."""
    activation: Literal["relu", "tanh", "sigmoid"] = "relu"
    """As in `rcrnet`."""
    clip: int = Field(4, ge=1, le=64)
    """Frames of a training clip, of a source that has videos."""
    training: TrainingConfig = TRAINING.model_copy(
        update={"learning_rate": 1e-5, "batch_size": 1, "schedule": "constant", "clip_gradient": 0.0}
    )
    """As published: one clip a step, at a constant rate, gradients not clipped. `batch_size` counts clips."""

    @model_validator(mode="after")
    def _keeps_statistics(self) -> Self:
        if self.backbone.frozen_normalization is not None:
            raise ValueError(
                "backbone.frozen_normalization is set, but the video model always keeps the statistics of batch "
                "normalisation and learns its weights, as published; leave it out"
            )
        return self

    @model_validator(mode="after")
    def _clips_of_videos(self) -> Self:
        if self.data.source in ("split", "folder"):
            refuse_unread(self, {"clip"}, f"data.source '{self.data.source}'")
        return self


import torch
from torch import Tensor, nn

from weakseg.backbones.base import Backbone
from weakseg.saliency.methods.parts import SaliencyNetwork, binary_loss, keep_statistics
from weakseg.saliency.methods.rcrnet import WIDTH, RcrNet
from weakseg.training.parameters import ParameterGroup, caffe_groups

NARROW = WIDTH // 2  # inside a non-local block: half, as Wang et al. (CVPR 2018, section 3.3) have it


class RcrNetVideo(SaliencyNetwork):
    """Saliency of the frames of a clip.

    All batch normalisation keeps its statistics, because a clip is too small a batch; its weights and biases learn, as
    in the released training. It should start from a trained `RcrNet`.
    """

    sees_clips = True

    def __init__(self, settings: RcrNetVideoSettings) -> None:
        super().__init__()
        shared = {name: getattr(settings, name) for name in ("backbone", "stride", "activation")}
        shared["backbone"] = settings.backbone.model_copy(update={"frozen_normalization": False})
        self.image_model = RcrNet(RcrNetSettings(**shared))
        self.first, self.second = NonLocal(), NonLocal()
        self.recurrence = BidirectionalGru()
        self.new_layers_rate = settings.new_layers_rate

    def backbones(self) -> list[Backbone]:
        """The image model's."""
        return self.image_model.backbones()

    def train(self, mode: bool = True) -> Self:
        """Batch normalisation stays in evaluation mode."""
        super().train(mode)
        keep_statistics(self)
        return self

    def logits(self, clips: Tensor) -> Tensor:
        """N×T×1×H×W for clips N×T×3×H×W of RGB in 0…255."""
        count = clips.shape[0]
        features, skips = self.image_model.features(clips.flatten(0, 1))
        features = as_clips(features, count)
        features = self.second(self.recurrence(self.first(features)))
        size = tuple(clips.shape[3:])
        return as_clips(self.image_model.decode(features.flatten(0, 1), skips, size), count)

    def clip_saliency(self, clips: Tensor) -> Tensor:
        """N×T×1×H×W in [0, 1]."""
        return self.logits(clips).sigmoid()

    def saliency(self, images: Tensor) -> Tensor:
        """N×1×H×W in [0, 1]: each image is a clip of one frame, whatever stands beside it."""
        return self.clip_saliency(images[:, None])[:, 0]

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Binary cross entropy of `image` N×T×3×H×W against `mask` N×T×H×W; frames of 255 have no label.

        Single images N×3×H×W with masks N×H×W are clips of one frame.
        """
        images, mask = batch["image"], batch["mask"]
        if images.ndim == 4:
            images, mask = images[:, None], mask[:, None]
        return {"loss_saliency": binary_loss(self.logits(images)[:, :, 0], mask)}

    def parameter_groups(self) -> list[ParameterGroup]:
        """The image model at the base rate, what is new at `new_layers_rate`; biases twice."""
        new = nn.ModuleList([self.first, self.recurrence, self.second])
        return caffe_groups(self.image_model) + caffe_groups(new, self.new_layers_rate)


class NonLocal(nn.Module):
    """Non-local block over space and time: dot product divided by the number of positions, no normalisation.

    y = x + W (θ(x) φ(x)ᵀ g(x)) / N (Wang et al., CVPR 2018, equations 4 and 6). Without a softmax the product is
    associative: φᵀg first needs 128² numbers where θφᵀ needs N², so memory grows with the clip and not with its
    square. W starts at zero: the block begins as the identity.
    """

    def __init__(self) -> None:
        super().__init__()
        self.theta, self.phi, self.value = (nn.Conv2d(WIDTH, NARROW, 1) for _ in range(3))
        self.out = nn.Conv2d(NARROW, WIDTH, 1)
        for parameter in self.out.parameters():
            nn.init.zeros_(parameter)

    def forward(self, features: Tensor) -> Tensor:
        """N×T×256×h×w → the same."""
        count, length, _, height, width = features.shape
        flat = features.flatten(0, 1)
        theta, phi, value = (
            as_clips(layer(flat), count).transpose(1, 2).flatten(2)
            for layer in (self.theta, self.phi, self.value)
        )  # N×128×(T·h·w)
        with torch.autocast(features.device.type, enabled=False):  # sums over thousands of positions
            mixed = value.float() @ phi.float().transpose(1, 2) / theta.shape[2]
            seen = mixed @ theta.float()
        seen = seen.reshape(count, NARROW, length, height, width).transpose(1, 2).flatten(0, 1)
        return features + as_clips(self.out(seen.to(flat.dtype)), count)


class BidirectionalGru(nn.Module):
    """A ConvGRU over the frames, another backwards over what it gave, and a convolution that joins the two."""

    def __init__(self) -> None:
        super().__init__()
        self.forwards, self.backwards = GruCell(), GruCell()
        self.join = nn.Conv2d(2 * WIDTH, WIDTH, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """N×T×256×h×w → the same, in (−1, 1)."""
        ahead = self.forwards.over(list(features.unbind(1)))
        back = self.backwards.over(ahead[::-1])[::-1]
        joined = [torch.tanh(self.join(torch.cat(pair, 1))) for pair in zip(ahead, back, strict=True)]
        return torch.stack(joined, 1)


class GruCell(nn.Module):
    """Convolutional gated recurrent unit of 3×3 kernels (Ballas et al., ICLR 2016, equations 11 to 14).

    The update gate says how much is new, as in the paper; the released network's says how much is kept, which is its
    complement (`rcrnet_released.py` negates it).
    """

    def __init__(self) -> None:
        super().__init__()
        self.gates = nn.Conv2d(2 * WIDTH, 2 * WIDTH, 3, padding=1)
        self.candidate = nn.Conv2d(2 * WIDTH, WIDTH, 3, padding=1)

    def over(self, frames: list[Tensor]) -> list[Tensor]:
        """The state after each frame; the state before the first is that frame itself."""
        state, states = frames[0], []
        for frame in frames:
            state = self(frame, state)
            states.append(state)
        return states

    def forward(self, frame: Tensor, state: Tensor) -> Tensor:
        """The next state, N×256×h×w like both arguments."""
        update, reset = self.gates(torch.cat([frame, state], 1)).sigmoid().chunk(2, 1)
        candidate = torch.tanh(self.candidate(torch.cat([frame, reset * state], 1)))
        following: Tensor = (1 - update) * state + update * candidate
        return following


def as_clips(frames: Tensor, count: int) -> Tensor:
    """(N·T)×… → N×T×…."""
    return frames.reshape(count, -1, *frames.shape[1:])
