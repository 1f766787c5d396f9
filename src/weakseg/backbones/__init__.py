"""Convolutional networks under the rooms' networks: features, initial weights, normalisation."""

from weakseg.backbones.vgg import LAYOUTS, Vgg
from weakseg.backbones.weights import InitialWeights, read_initial_weights

__all__ = ["LAYOUTS", "InitialWeights", "Vgg", "read_initial_weights"]
