"""Compiling by numba, also where nothing can be kept of it."""

from collections.abc import Callable
from typing import Any

from numba import njit


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """`numba.njit`, which keeps what it compiled beside the source or in the user's cache folder.

    Where neither can be written (a package that an administrator installed, a container run as a user without a home),
    numba refuses to compile at all. Then each process compiles for itself, some seconds. The system's folder for
    temporary files is not a place to keep it: others can write there, and what is kept is executed.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        try:
            return njit(cache=True, **options)(function)
        except RuntimeError as error:
            if "no locator available" not in str(error):
                raise
            return njit(**options)(function)

    return decorate
