"""One training loop for everything that trains: saliency and attention networks, segmenters, detectors."""
