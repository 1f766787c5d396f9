"""Waiting for a server, but not for ever."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

PATIENCE = 60.0
"""Seconds without a byte after which a server counts as gone; the downloaders themselves would wait for ever."""


@contextmanager
def patience() -> Iterator[None]:
    """Connections that are opened meanwhile raise `TimeoutError` when nothing comes."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
