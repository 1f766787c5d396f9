"""One training loop for everything that trains: saliency networks, attention networks, segmenters."""
