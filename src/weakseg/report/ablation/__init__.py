"""Ablations: variants of one configuration, run one after another and compared with it."""
