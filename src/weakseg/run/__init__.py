"""The typed table of a run, made from its configuration, and the reuse of other runs."""
