"""Attention room: classifiers whose attention says where the classes are."""
