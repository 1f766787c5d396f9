"""A time-out for connections to servers."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

SECONDS = 60.0
"""Time without data after which a download fails; the downloaders themselves have no limit."""


@contextmanager
def timeout() -> Iterator[None]:
    """Connections opened inside the block raise `TimeoutError` if no data arrives in time."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
