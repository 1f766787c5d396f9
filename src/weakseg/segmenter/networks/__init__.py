"""The segmenters: one file each, and the table of them."""

from weakseg.segmenter.networks.declaration import SegmenterMethod
from weakseg.settings.methods import Methods

NETWORKS: Methods[SegmenterMethod] = Methods(
    "weakseg.segmenter.networks",
    "largefov.LargeFovSettings",
    "vgg_aspp.VggAsppSettings",
    "fcn.Fcn32sSettings",
    "fcn.Fcn16sSettings",
    "fcn.Fcn8sSettings",
    "deeplab_v2.DeepLabV2Settings",
    "deformable.DeformableSettings",
    "deeplab_v3.DeepLabV3Settings",
    "deeplab_v3_plus.DeepLabV3PlusSettings",
    "lraspp.LrAsppSettings",
    "smp.SmpSettings",
)
"""Name in the configuration → settings of the segmenter."""
