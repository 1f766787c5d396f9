"""Convolutional networks under the rooms' networks: features, initial weights, normalisation.

Importing torchvision takes as long as importing torch, and most jobs do without: here and in the rooms it is imported
where a network is made of it.
"""
