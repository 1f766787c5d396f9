"""The exception for users' mistakes."""

REMAKE = "delete it and run snakemake again, which makes it again"
"""Remedy for a damaged result file."""


class InputError(Exception):
    """Wrong input; the message says in one sentence what was found, what was expected and what to do.

    The command line prints it without a traceback and exits with status 2.
    """
