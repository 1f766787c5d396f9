"""A time-out for connections to servers."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

SECONDS = 60.0
"""Without a byte for so long, a server counts as gone; the downloaders themselves would wait for ever."""


@contextmanager
def timeout() -> Iterator[None]:
    """Connections that are opened meanwhile raise `TimeoutError` when nothing comes."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
