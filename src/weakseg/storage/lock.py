"""Locks of a folder: the kernel's, which die with their process, or a lock file where the file system has none."""

import errno
import sys
from collections.abc import Callable
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

from weakseg.errors import InputError

NOT_SUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}
"""What file systems without locks answer: NFS without its lock service, some FUSE mounts."""
STALE = 4.0
"""Seconds within which a lock file of a process that died is taken over."""


def take(path: Path, held: Callable[[], None]) -> BaseFileLock:
    """Take a lock and keep it until it is released or this process ends.

    A lock file names its process and machine; one that a killed process left on this machine is taken over.

    Args:
        path: of the lock.
        held: is called if another process has it. If it returns, the lock is waited for.

    Raises:
        InputError: the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return _taken(FileLock(path, fallback_to_soft=False), 0.0, held)
    except OSError as error:
        if error.errno not in NOT_SUPPORTED:
            raise _refused(path, error) from None
    print(f"the file system has no locks for {path}; a lock file is used", file=sys.stderr, flush=True)
    try:
        return _taken(SoftFileLock(path.with_name(f"{path.name}-file")), STALE, held)
    except OSError as error:
        raise _refused(path, error) from None


def _taken(lock: BaseFileLock, patience: float, held: Callable[[], None]) -> BaseFileLock:
    try:
        lock.acquire(timeout=patience)
    except Timeout:
        held()
        lock.acquire()
    return lock


def _refused(path: Path, error: OSError) -> InputError:
    return InputError(
        f"the lock {path} cannot be written ({error.strerror}); free disk space or fix the folder's permissions, then "
        "run the same command again."
    )
