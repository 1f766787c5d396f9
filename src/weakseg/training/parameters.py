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
    """Weights at `rate` with decay; biases at twice the rate without; normalisation layers at `rate` without.

    `lr_mult 1 / decay_mult 1` and `2 / 0`, as in the prototxt files of SeeNet, OAA and DeepLab. Frozen parameters
    are left out.

    Args:
        module: whose parameters are grouped.
        rate: multiplier of the base rate.
        bias_decay: multiplier of the weight decay for biases: 0, or 1 where they decay as weights do (OAA's PyTorch
            release). Normalisation layers never decay.
    """
    weights: list[nn.Parameter] = []
    biases: list[nn.Parameter] = []
    norms: list[nn.Parameter] = []
    for child in module.modules():
        for name, parameter in child.named_parameters(recurse=False):
            if not parameter.requires_grad:
                continue
            if isinstance(child, nn.modules.batchnorm._BatchNorm):
                norms.append(parameter)
            else:
                (biases if name == "bias" else weights).append(parameter)
    groups = [
        ParameterGroup(weights, rate, 1.0),
        ParameterGroup(biases, 2.0 * rate, bias_decay),
        ParameterGroup(norms, rate, 0.0),
    ]
    return [group for group in groups if group.parameters]
