"""What a run contains: one typed table made from its configuration, and what it takes from other runs."""
