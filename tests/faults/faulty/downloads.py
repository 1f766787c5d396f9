"""VOC's archive from a server that cuts, stalls and lies."""

import hashlib
import io
import os
import tarfile
from pathlib import Path
from unittest import mock

from faulty.servers import CLAIMS_MORE, faulty_server
from faulty.strikes import Struck
from weakseg.dataset.download import VOC_2012, download_voc
from weakseg.dataset.sources.voc import FOLDERS
from weakseg.errors import InputError
from weakseg.storage import timeout


def archive() -> bytes:
    """A small archive with VOC's folders."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for folder in FOLDERS:
            member = tarfile.TarInfo(f"{VOC_2012['base_dir']}/{folder}/x")
            member.size = 1000
            tar.addfile(member, io.BytesIO(bytes(1000)))
    return content.getvalue()


def fetch(root: Path, fault: str) -> Struck:
    """Fetch the archive into the empty folder `root` from a server with a fault, then from one that brings it."""
    content = archive()
    with mock.patch.object(timeout, "SECONDS", 0.5), mock.patch.dict(os.environ, {"no_proxy": "*"}):
        sentence = _fetched(root, content, fault)
        left = sorted(path.name for path in root.iterdir())
        again = _fetched(root, content, CLAIMS_MORE)
    if "could not be fetched from" not in sentence:
        return Struck(fault, f"no sentence was said: {sentence}")
    if left != [".voc-download.lock"]:
        return Struck(fault, f"it left {', '.join(left)}")
    whole = (root / VOC_2012["base_dir"] / "JPEGImages" / "x").is_file()
    return Struck(fault, "" if whole and not again else f"the next try failed: {again}")


def _fetched(root: Path, content: bytes, fault: str) -> str:
    """The sentence of a failed download; empty if it succeeded."""
    with faulty_server(content, fault) as address:
        try:
            download_voc(root, f"{address}/{VOC_2012['filename']}", hashlib.md5(content).hexdigest())
        except InputError as error:
            return str(error)
    return ""
