"""Proxy room: attention and saliency become labels, a CRF refines them."""
