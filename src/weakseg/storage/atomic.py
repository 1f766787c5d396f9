"""Atomic writes: a file appears complete or not at all."""

import io
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from weakseg.errors import InputError


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`; on success flush it to disk and rename it to `path`.

    On any error the temporary file is removed and `path` is unchanged. Two writers of one file use different temporary
    names (by process id); the last rename wins.

    Raises:
        InputError: the disk is full or the folder cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb") as handle:
            os.fsync(handle.fileno())  # without it, the rename may reach the disk before the data
        temporary.replace(path)
    except OSError as error:
        raise InputError(
            f"{path} could not be written ({error.strerror or error}); nothing was left half-written: "
            "free disk space or fix the folder's permissions, then run the same command again."
        ) from error
    finally:
        with suppress(OSError):  # the first error matters more than a failed clean-up
            temporary.unlink(missing_ok=True)


class GuardedFile(io.FileIO):
    """A file that stores its first write error and ignores later writes.

    HDF5 and torch's archive writer handle a full disk badly: they retry on closing, print tracebacks from destructors
    or hide the reason. With this file they close without errors, and `raise_failure` raises the first one.
    """

    failure: OSError | None = None

    def write(self, data: Any) -> int:
        """Write all of `data`, or nothing once a write has failed."""
        view = memoryview(data).cast("B")
        done = 0
        try:
            while self.failure is None and done < len(view):
                done += super().write(view[done:])
        except OSError as error:
            self.failure = error
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        """Set the length, or nothing once a write has failed."""
        try:
            if self.failure is None:
                return super().truncate(size)
        except OSError as error:
            self.failure = error
        return self.tell() if size is None else size

    def raise_failure(self) -> None:
        """Raise the first failed write's `OSError`, if there was one."""
        if self.failure is not None:
            raise self.failure


@contextmanager
def atomic_file(path: Path) -> Iterator[GuardedFile]:
    """Like `atomic_path`, but yield the open binary file, for writers that handle a full disk badly.

    Raises:
        InputError: the disk is full or the folder cannot be written.
    """
    with atomic_path(path) as temporary, GuardedFile(temporary, "w+") as file:
        try:
            yield file
        except Exception:
            file.raise_failure()  # the writer's own error is only a consequence
            raise
        file.raise_failure()


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path`; on success rename it to `path`, which must be missing or empty.

    Raises:
        InputError: the disk is full, the folder cannot be written, or `path` holds something.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.mkdir(parents=True)
        yield temporary
        temporary.rename(path)
    except OSError as error:
        raise InputError(
            f"{path} could not be written ({error.strerror or error}); nothing was left half-written: give a new "
            "folder, free disk space or fix the permissions, then run the same command again."
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
