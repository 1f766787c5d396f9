"""Figures of a run: charts and montages, in files or in a terminal."""
