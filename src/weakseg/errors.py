"""The one exception a user is meant to see."""

REMAKE = "delete it and run snakemake again, which makes it anew (in a finished run, name the file to it)"
"""What to do about a damaged artefact. In a finished run nothing asks for an intermediate file but its own name."""


class InputError(Exception):
    """Something the user gave is wrong; the message is one sentence that says what was found, what was
    expected and what to do. The command line prints it without a traceback and exits with status 2."""
