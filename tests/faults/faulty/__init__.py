"""Faults, and a small demo to strike with them."""
