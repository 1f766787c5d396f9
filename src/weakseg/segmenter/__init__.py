"""Segmenter room: the network that users keep."""
