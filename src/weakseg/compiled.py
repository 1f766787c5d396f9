"""Compiling with numba, also where its cache cannot be written."""

from collections.abc import Callable
from typing import Any

from numba import njit


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """`numba.njit` with its cache, in the package's or the user's cache folder.

    If neither is writable (a package installed by an administrator, a container without a home folder), numba refuses
    to compile with a cache. Then each process compiles again, which takes some seconds. The system's temporary folder
    is no safe cache: others can write there, and its content is executed.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        try:
            return njit(cache=True, **options)(function)
        except RuntimeError as error:
            if "no locator available" not in str(error):
                raise
            return njit(**options)(function)

    return decorate
