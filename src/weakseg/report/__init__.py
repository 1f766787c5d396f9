"""The tables of one run and of several runs side by side, and the files that they are read from."""
