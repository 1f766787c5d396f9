"""The attention networks, one file each, and maps made elsewhere."""

from weakseg.attention.networks.declaration import AttentionMethod
from weakseg.settings.methods import Methods

NETWORKS: Methods[AttentionMethod] = Methods(
    "weakseg.attention.networks",
    "seenet.SeeNetSettings",
    "spg.SpgSettings",
    "oaa.OaaSettings",
    "oaa.OaaPlusSettings",
    "acol.AcolSettings",
    "cam.CamSettings",
    "folder.FolderSettings",
)
"""Method name → what its file declares."""
