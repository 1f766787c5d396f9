"""Folder locks: the kernel's, which end with their process, or a lock file if the file system has no locks."""

import errno
import sys
from collections.abc import Callable
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

from weakseg.errors import InputError

NOT_SUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}
"""Errors of file systems without locks: NFS without its lock service, some FUSE mounts."""
STALE = 4.0
"""Seconds to wait for a lock file; that of a dead process is taken over meanwhile."""


def take(path: Path, on_held: Callable[[], None]) -> BaseFileLock:
    """Take a lock and keep it until it is released or this process ends.

    A lock file names its process and machine; one left by a killed process of this machine is taken over.

    Args:
        path: path of the lock.
        on_held: called if another process holds the lock. If it returns, wait for the lock.

    Raises:
        InputError: the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return _acquired(FileLock(path, fallback_to_soft=False), 0.0, on_held)
    except OSError as error:
        if error.errno not in NOT_SUPPORTED:
            raise _refused(path, error) from None
    print(f"the file system has no locks for {path}; a lock file is used", file=sys.stderr, flush=True)
    try:
        return _acquired(SoftFileLock(path.with_name(f"{path.name}-file")), STALE, on_held)
    except OSError as error:
        raise _refused(path, error) from None


def _acquired(lock: BaseFileLock, timeout: float, on_held: Callable[[], None]) -> BaseFileLock:
    try:
        lock.acquire(timeout=timeout)
    except Timeout:
        on_held()
        lock.acquire()
    return lock


def _refused(path: Path, error: OSError) -> InputError:
    return InputError(
        f"the lock {path} cannot be written ({error.strerror}); free disk space or fix the folder's permissions, then "
        "run the same command again."
    )
