"""The VOC download, against a real server on this machine."""

import hashlib
import io
import tarfile
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from filelock import FileLock

from weakseg.dataset.download import VOC_2012, download_voc
from weakseg.errors import InputError

NAME = VOC_2012["filename"]
INSIDE = {
    f"VOCdevkit/VOC2012/{folder}/x.txt": folder
    for folder in ("JPEGImages", "Annotations", "ImageSets", "SegmentationClass")
}


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Keep the test's output free of request lines."""


class Served:
    """A folder behind http, with the archive's address, its checksum and the number of requests."""

    def __init__(self, folder: Path, port: int) -> None:
        self.archive = folder / NAME
        self.url = f"http://127.0.0.1:{port}/{NAME}"

    @property
    def md5(self) -> str:
        return hashlib.md5(self.archive.read_bytes()).hexdigest()

    def fill(self, members: dict[str, str], change: Callable[[tarfile.TarInfo], None] | None = None) -> None:
        with tarfile.open(self.archive, "w") as tar:
            for name, text in members.items():
                member = tarfile.TarInfo(name)
                member.size = len(text)
                if change is not None:
                    change(member)
                tar.addfile(member, io.BytesIO(text.encode()))


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setenv("no_proxy", "*")
    folder = tmp_path / "served"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield Served(folder, server.server_address[1])
    server.shutdown()
    server.server_close()
    thread.join()


def left_in(root: Path) -> list[str]:
    """Everything below `root` but the lock file."""
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.suffix != ".lock")


def refuses(root: Path, served: Served, *parts: str, md5: str | None = None) -> None:
    before = left_in(root)
    with pytest.raises(InputError) as caught:
        download_voc(root, served.url, md5 or served.md5)
    assert "\n" not in str(caught.value)
    for part in parts:
        assert part in str(caught.value)
    assert left_in(root) == before  # nothing half-extracted


def test_fetched_unpacked_and_then_left_alone(tmp_path: Path, served: Served) -> None:
    served.fill(INSIDE)
    root = tmp_path / "data"
    download_voc(root, served.url, served.md5)
    for name, text in INSIDE.items():
        assert (root / name).read_text() == text
    assert not [
        name for name in left_in(root) if not name.startswith("VOCdevkit")
    ]  # no archive, no hidden folder
    md5 = served.md5
    served.archive.unlink()
    download_voc(root, served.url, md5)  # would fail if it asked the server again


def test_default_is_torchvision_s_archive() -> None:
    assert download_voc.__defaults__ == (VOC_2012["url"], VOC_2012["md5"])
    assert Path(VOC_2012["url"]).name == NAME
    assert VOC_2012["base_dir"].split("/") == ["VOCdevkit", "VOC2012"]


def test_archive_put_there_by_hand_needs_no_network(tmp_path: Path, served: Served) -> None:
    served.fill(INSIDE)
    root = tmp_path / "data"
    root.mkdir()
    md5 = served.md5
    served.archive.rename(root / NAME)
    download_voc(root, served.url, md5)
    assert (root / "VOCdevkit/VOC2012/JPEGImages/x.txt").is_file()
    assert (root / NAME).is_file()  # the user's own copy stays


def test_wrong_checksum(tmp_path: Path, served: Served) -> None:
    served.fill(INSIDE)
    root = tmp_path / "data"
    refuses(root, served, NAME, "could not be fetched", f"put {NAME} into {root}", md5="0" * 32)
    root.mkdir(exist_ok=True)
    (root / NAME).write_bytes(b"something else")
    refuses(root, served, "another checksum")
    assert (root / NAME).read_bytes() == b"something else"


def test_no_network_says_what_to_put_where(tmp_path: Path, served: Served) -> None:
    served.fill(INSIDE)
    served.url = f"http://127.0.0.1:1/{NAME}"  # nothing listens on port 1
    root = tmp_path / "data"
    folders = "JPEGImages, Annotations, ImageSets, SegmentationClass"
    refuses(root, served, "refused", f"put {NAME} into {root}", folders, str(root / "VOCdevkit/VOC2012"))


def test_archive_gone_from_the_server(tmp_path: Path, served: Served) -> None:
    refuses(tmp_path / "data", served, "404", "run again with a network", md5="0" * 32)


@pytest.mark.parametrize("name", ["../outside.txt", "VOCdevkit/../../outside.txt", "{}/outside.txt"])
def test_member_that_leads_out(tmp_path: Path, served: Served, name: str) -> None:
    name = name.format(tmp_path)
    served.fill(INSIDE | {name: "!"})
    refuses(tmp_path / "data", served, f"'{name}'", "leads out of its folder")
    assert not list(tmp_path.rglob("outside.txt"))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_member_that_is_no_plain_file(tmp_path: Path, served: Served, kind: bytes) -> None:
    def change(member: tarfile.TarInfo) -> None:
        if member.name == "VOCdevkit/link":
            member.type, member.linkname, member.size = kind, "../../..", 0

    served.fill(INSIDE | {"VOCdevkit/link": ""}, change)
    refuses(tmp_path / "data", served, "'VOCdevkit/link'", "not a plain file")


def test_archive_of_something_else(tmp_path: Path, served: Served) -> None:
    served.fill({name: text for name, text in INSIDE.items() if "Annotations" not in name})
    refuses(tmp_path / "data", served, "has no VOCdevkit/VOC2012/Annotations")
    served.archive.write_text("no archive at all")
    refuses(tmp_path / "data", served, "cannot be unpacked")


def test_archive_cut_short(tmp_path: Path, served: Served) -> None:
    served.fill({name: text * 1000 for name, text in INSIDE.items()})
    served.archive.write_bytes(served.archive.read_bytes()[:-20_000])
    refuses(tmp_path / "data", served, "cannot be unpacked")


def test_incomplete_folder_is_not_touched(tmp_path: Path, served: Served) -> None:
    served.fill(INSIDE)
    root = tmp_path / "data"
    (root / "VOCdevkit/VOC2012/JPEGImages").mkdir(parents=True)
    refuses(root, served, "exists but has no Annotations/", "move it away")


def test_remains_of_a_killed_download_go_away(tmp_path: Path, served: Served) -> None:
    served.fill(INSIDE)
    root = tmp_path / "data"
    (root / ".voc-download").mkdir(parents=True)
    (root / ".voc-download" / NAME).write_bytes(b"half")
    download_voc(root, served.url, served.md5)
    assert not (root / ".voc-download").exists()
    assert (root / "VOCdevkit/VOC2012/JPEGImages/x.txt").is_file()


def test_one_download_at_a_time(tmp_path: Path, served: Served) -> None:
    served.fill(INSIDE)
    root = tmp_path / "data"
    root.mkdir()
    with FileLock(root / ".voc-download.lock"):
        refuses(root, served, "another process is downloading")


def test_folder_that_cannot_be_made(tmp_path: Path, served: Served) -> None:
    served.fill(INSIDE)
    root = tmp_path / "data"
    root.mkdir()
    (root / "VOCdevkit").write_text("a file where a folder should be")
    refuses(root, served, "could not be unpacked into", "free disk space")
