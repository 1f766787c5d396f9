"""Memory that the networks use again and again stays with the process.

glibc gives every large block back to the kernel when it is freed, and the next step gets new pages, each cleared and
mapped by itself: 7,000 to 11,000 page faults in a training step of the demo. Both thresholds have to be raised: with
the one of trimming alone a step takes longer than before.
"""

import ctypes
import os
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h of glibc
TRIM = 1 << 30
"""Free bytes at the end of the heap from which they are given back."""
MMAP = 32 << 20
"""Bytes of a block that is mapped by itself, and given back when freed: the most that glibc takes."""


def keep_memory() -> bool:
    """Keep what is freed, up to a gigabyte; whether this system can be told so. Results are the same.

    Only on Linux with glibc, which alone has `mallopt` with these numbers, and where no `MALLOC_…` is set.
    """
    if not sys.platform.startswith("linux") or any(name.startswith("MALLOC_") for name in os.environ):
        return False
    try:
        library = ctypes.CDLL(None)
        library.gnu_get_libc_version  # noqa: B018  # musl has none
        told = library.mallopt(M_MMAP_THRESHOLD, MMAP), library.mallopt(M_TRIM_THRESHOLD, TRIM)
    except (OSError, AttributeError):
        return False
    return all(told)
