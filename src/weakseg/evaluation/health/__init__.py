"""Health of a run: what looks wrong, seen without masks."""
