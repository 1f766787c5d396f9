"""A trained segmenter as an ONNX model."""
