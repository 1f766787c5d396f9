"""Revisions of what trainings compute: neither Snakemake nor a checkpoint sees a change of the code by itself.

Raise a room's number in the commit that changes what its training computes: finished weights are then trained
again, and an unfinished training restarts. No heavy import here: the workflow reads it while planning.
"""

REVISIONS = {"saliency": 3, "attention": 5, "affinity": 1, "segmenter": 3, "detector": 2}
"""Room → revision."""
