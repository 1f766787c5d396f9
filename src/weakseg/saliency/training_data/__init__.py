"""What saliency networks learn from: images and videos with masks of what stands out."""
