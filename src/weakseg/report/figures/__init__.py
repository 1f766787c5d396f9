"""Pictures of a run: charts, and montages of its maps and labels, in files or in a terminal."""
