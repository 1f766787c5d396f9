"""Fully connected conditional random field: its settings under the field's names, and the engines."""
