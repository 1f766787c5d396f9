"""Where saliency maps come from, one file a method."""

from weakseg.saliency.methods.declaration import SaliencyMethod
from weakseg.settings.methods import Methods

METHODS: Methods[SaliencyMethod] = Methods(
    "weakseg.saliency.methods",
    "small.SmallSettings",
    "rcrnet.RcrNetSettings",
    "rcrnet_video.RcrNetVideoSettings",
    "srm.SrmSettings",
    "unsupervised.UnsupervisedSettings",
    "onnx.OnnxSettings",
    "folder.FolderSettings",
)
"""Method name → what its file declares."""
