"""Downloads PASCAL VOC 2012 with torchvision, verifies it and moves the finished folder into place."""

import http.client
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from filelock import FileLock, Timeout
from torchvision.datasets.utils import check_integrity, download_url
from torchvision.datasets.voc import DATASET_YEAR_DICT

from weakseg.dataset.sources.voc import FOLDERS
from weakseg.errors import InputError
from weakseg.storage.timeout import timeout

VOC_2012: dict[str, str] = DATASET_YEAR_DICT["2012"]


def download_voc(root: Path, url: str = VOC_2012["url"], md5: str = VOC_2012["md5"]) -> None:
    """Make `root/VOCdevkit/VOC2012` from an archive in `root`, or else from the network; nothing if it exists.

    The archive is unpacked in a hidden folder and the finished folder is moved in one step. An archive that the user
    put into `root` is used if its checksum is right, and kept.

    Args:
        root: folder that will hold `VOCdevkit`.
        url: of the archive; its last part is the archive's name.
        md5: the archive's checksum, hexadecimal.

    Raises:
        InputError: no network, wrong checksum, damaged or dangerous archive, full disk, or an incomplete
            target folder; `root/VOCdevkit/VOC2012` is then unchanged.
    """
    target = root / VOC_2012["base_dir"]
    lacking = [folder for folder in FOLDERS if not (target / folder).is_dir()]
    if not lacking:
        return
    if target.exists():
        raise InputError(
            f"{target} exists but has no {lacking[0]}/; a whole VOC 2012 or nothing was expected: complete "
            "it, or move it away and run again."
        )
    archive = root / PurePosixPath(url).name
    work = root / ".voc-download"
    try:
        with _locked(root, work):
            if not archive.exists():
                _fetch(url, md5, work, root)
                archive = work / archive.name
            elif not check_integrity(archive, md5):
                raise InputError(
                    f"{archive} has another checksum than VOC's archive (MD5 {md5}); it is damaged or "
                    "another file: delete or replace it and run again."
                )
            _unpack(archive, work / "unpacked")
            target.parent.mkdir(parents=True, exist_ok=True)
            (work / "unpacked" / VOC_2012["base_dir"]).replace(target)
    except OSError as error:
        raise InputError(
            f"VOC 2012 could not be unpacked into {target} ({error.strerror or error}); nothing was left "
            "half-written: free disk space (5 GB) or fix the folder's permissions, then run again."
        ) from error


@contextmanager
def _locked(root: Path, work: Path) -> Iterator[None]:
    """Lock `root` against a second download and remove the rest of a killed one."""
    root.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(root / ".voc-download.lock", timeout=0):
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir()
            try:
                yield
            finally:
                shutil.rmtree(work, ignore_errors=True)
    except Timeout:
        raise InputError(
            f"another process is downloading VOC into {root}; one at a time is possible: wait for it to end."
        ) from None


def _fetch(url: str, md5: str, folder: Path, root: Path) -> None:
    try:
        with timeout():
            download_url(url, folder, md5=md5)
    except (OSError, RuntimeError, http.client.HTTPException) as error:
        name = PurePosixPath(url).name
        raise InputError(
            f"{name} could not be fetched from {url} ({error}); with MD5 {md5} it was expected: run again "
            f"with a network, put {name} into {root}, or put {', '.join(FOLDERS)} of VOC 2012 into "
            f"{root / VOC_2012['base_dir']}."
        ) from None


def _unpack(archive: Path, folder: Path) -> None:
    try:
        with tarfile.open(archive, "r:") as tar:
            # Python 3.11.0 to 3.11.3 have no filter; _checked alone already lets only plain names through.
            tar.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
            tar.extractall(folder, members=_checked(tar, archive))
    except (tarfile.TarError, EOFError) as error:
        raise InputError(
            f"{archive.name} cannot be unpacked ({error}); VOC's own archive was expected: delete it and run "
            "again."
        ) from None
    for name in FOLDERS:
        if not (folder / VOC_2012["base_dir"] / name).is_dir():
            raise InputError(
                f"{archive.name} has no {VOC_2012['base_dir']}/{name}; the archive of VOC 2012 train and val "
                "was expected: replace it."
            )


def _checked(tar: tarfile.TarFile, archive: Path) -> Iterator[tarfile.TarInfo]:
    for member in tar:
        path = PurePosixPath(member.name)
        if path.is_absolute() or ".." in path.parts or not (member.isfile() or member.isdir()):
            raise InputError(
                f"{archive.name} has the member '{member.name}', which leads out of its folder or is not "
                "a plain file; VOC's own archive was expected: delete it and fetch it again."
            )
        yield member
