"""A detector of boxes that learns from the proxy labels: an optional branch of the chain."""
