"""Proxy rules, one file each: pure functions from saliency and attention to labels."""

from weakseg.proxy.rules.declaration import ProxyRule
from weakseg.settings.methods import Methods

RULES: Methods[ProxyRule] = Methods(
    "weakseg.proxy.rules",
    "threshold.ThresholdRule",
    "seenet.SeeNetRule",
    "dcsp.DcspRule",
    "oaa.OaaRule",
)
"""Rule name → what its file declares."""
