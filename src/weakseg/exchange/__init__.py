"""Label maps of a whole run out to other tools, and people's corrections back."""

STAGES = ("proxies", "refined", "fused", "predictions", "corrected")
"""Label maps of a run. `proxies`: what the next training learns from, the refined ones with corrected ones in their
places."""
