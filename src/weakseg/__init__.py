"""weakseg: from image-level labels to a segmentation model."""

__version__ = "0.1.0"
