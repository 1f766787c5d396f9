"""Affinities between neighbouring cells, learnt from the proxies, and the walks that spread scores by them."""
