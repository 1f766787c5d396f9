"""Parameter groups with Caffe's multipliers."""

from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters that share multipliers of the base learning rate and of the weight decay."""

    parameters: list[nn.Parameter]
    rate: float
    decay: float


def caffe_groups(module: nn.Module, rate: float = 1.0, bias_decay: float = 0.0) -> list[ParameterGroup]:
    """Weights at `rate` with decay; biases at twice the rate without; all else at `rate` without.

    `lr_mult 1 / decay_mult 1` and `2 / 0`, as in the prototxt files of SeeNet, OAA and DeepLab. All else is layers of
    normalisation and the embeddings, tokens and scales of transformers. Frozen parameters are left out.

    Args:
        module: whose parameters are grouped.
        rate: multiplier of the base rate.
        bias_decay: multiplier of the weight decay for biases: 0, or 1 where they decay as weights do (OAA's PyTorch
            release). The others never decay.
    """
    weights: list[nn.Parameter] = []
    biases: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for child in module.modules():
        own = dict(child.named_parameters(recurse=False))
        normalizes = "weight" in own and own["weight"].ndim == 1
        for name, parameter in own.items():
            if not parameter.requires_grad:
                continue
            if normalizes or not name.endswith(("weight", "bias")):
                others.append(parameter)
            else:
                (biases if name.endswith("bias") else weights).append(parameter)
    groups = [
        ParameterGroup(weights, rate, 1.0),
        ParameterGroup(biases, 2.0 * rate, bias_decay),
        ParameterGroup(others, rate, 0.0),
    ]
    return [group for group in groups if group.parameters]
