"""Proxy rules, one file each: its values, and a pure function from saliency and attention to labels.

The function takes saliency H×W in [0, 1], attention K×H×W in [0, 1], the K present class indices in 1…254 and the
rule's values, and returns the label map H×W `uint8`, 255 where undecided.
"""

from weakseg.settings.methods import Method, Methods

RULES: Methods[Method] = Methods(
    "weakseg.proxy.rules",
    "threshold.ThresholdRule",
    "seenet.SeeNetRule",
    "dcsp.DcspRule",
    "oaa.OaaRule",
)
"""Rule name → what its file declares."""
