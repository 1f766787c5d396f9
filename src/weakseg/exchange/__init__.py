"""Label maps of a whole run out to other tools, and people's corrections back."""
