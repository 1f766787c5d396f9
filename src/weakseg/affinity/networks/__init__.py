"""The affinity networks: one file each, and the table of them."""

from weakseg.affinity.networks.declaration import AffinityMethod
from weakseg.settings.methods import Methods

NETWORKS: Methods[AffinityMethod] = Methods(
    "weakseg.affinity.networks", "absent.NoAffinity", "psa.PsaSettings", "irn.IrnSettings"
)
"""Name in the configuration → settings of the network."""
