"""Saliency room: which pixels stand out, whatever they show."""
