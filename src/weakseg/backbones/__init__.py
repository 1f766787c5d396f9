"""Convolutional networks under the rooms' networks: features, initial weights, normalisation.

Importing torchvision takes as long as importing torch, and most jobs do without: here and in the rooms it is imported
where a network is made of it.
"""

from weakseg.backbones.architecture import Architecture
from weakseg.settings.methods import Methods

BACKBONES: Methods[Architecture] = Methods(
    "weakseg.backbones",
    "vgg.Vgg16Architecture",
    "vgg.VggSmallArchitecture",
    "inception.InceptionArchitecture",
    "alexnet.AlexNetArchitecture",
    "resnet.ResNet50Architecture",
    "resnet.ResNet101Architecture",
    "mobilenet.MobileNetArchitecture",
    "timm_models.TimmArchitecture",
    "smp_encoders.SmpArchitecture",
)
"""Name → what the backbone's file declares."""


def serving(room: str) -> Methods[Architecture]:
    """The backbones that a room's networks can have."""
    return BACKBONES.where(lambda declared: room in declared.rooms)
