"""The one exception a user is meant to see."""

REMAKE = "delete it and run snakemake again, which makes it again"
"""What to do about a damaged artefact."""


class InputError(Exception):
    """Something the user gave is wrong; the message is one sentence that says what was found, what was
    expected and what to do. The command line prints it without a traceback and exits with status 2."""
