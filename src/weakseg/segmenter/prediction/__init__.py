"""Prediction by a trained segmenter: of a stage's images, and of any that users give."""
