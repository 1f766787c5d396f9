"""No affinities: fused proxies are refined as they are."""

from weakseg.affinity.networks.declaration import AffinityMethod


class NoAffinity(AffinityMethod):
    """No affinities."""

    name = "none"
    made_by = "NoAffinity"
    trains = False
