"""What the inspector takes and keeps, and whom it refuses."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from weakseg.errors import InputError
from weakseg.inspector.guard import LARGEST_UPLOAD, is_loopback
from weakseg.inspector.watch import Watch
from weakseg.storage.labels import read_classes, read_labels
from weakseg.storage.review import read_review

PORT = 8642
ODD = "folder/ü & 100% #1"
OURS = {"x-weakseg": "1"}
Ask = Callable[..., httpx.Response]
Asker = Callable[..., Ask]


def _files(run: Path) -> set[Path]:
    return {path for path in run.parent.parent.rglob("*") if path.is_file()}


def _ids(ask: Ask, **values: str) -> list[str]:
    return [row["id"] for row in ask("GET", "/api/images", params=values).json()["rows"]]


# ------------------------------------------------------------------------------------------- review


def test_decisions_are_kept_in_lists(ask: Ask, small: Path) -> None:
    decide = lambda **values: ask("POST", "/api/review", headers=OURS, json=values).json()  # noqa: E731
    assert decide(id="img-00", decision="accepted")["decision"] == "accepted"
    assert decide(id="img-00", decision="rejected", flagged=True)["counts"] == {
        "accepted": 0,
        "rejected": 1,
        "flagged": 1,
        "corrected": 0,
    }
    decide(id=ODD, flagged=True)
    assert (small / "review" / "flagged.csv").read_text() == f"id\n{ODD}\nimg-00\n"
    assert read_review(small / "review").rejected == {"img-00"}
    assert _ids(ask, state="flagged") == ["img-00", ODD]
    assert _ids(ask, state="open", split="train") == ["img-01", "img-02", "img-03", "img-04"]
    decide(id="img-00", decision="")
    assert not (small / "review" / "rejected.csv").exists()


def test_a_decision_survives_another_server(ask: Ask, asker: Asker, small: Path) -> None:
    ask("POST", "/api/review", headers=OURS, json={"id": "img-01", "flagged": True})
    row = asker(small)("GET", "/api/place", params={"id": "img-01"}).json()["row"]
    assert row["flagged"] is True


def _png(values: np.ndarray, mode: str = "L") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(values, mode=mode).save(buffer, "PNG")
    return buffer.getvalue()


def _upload(ask: Ask, content: bytes, image_id: str = "img-00", **headers: str) -> httpx.Response:
    return ask("PUT", "/api/corrected", params={"id": image_id}, content=content, headers=OURS | headers)


def test_a_corrected_map_is_kept_and_can_be_taken_back(ask: Ask, small: Path) -> None:
    labels = np.full((48, 64), 2, np.uint8)
    labels[:5] = 255
    assert _upload(ask, _png(labels), ODD).json()["corrected"] is True
    kept = read_review(small / "review").corrected[ODD]
    assert kept == small / "review" / "corrected" / f"{ODD}.png"
    assert np.array_equal(read_labels(kept), labels)
    assert read_classes(kept) == ["bird", "cat", "dog"]
    assert ask("GET", "/api/corrected", params={"id": ODD}).status_code == 200
    assert ask("DELETE", "/api/corrected", params={"id": ODD}, headers=OURS).json()["corrected"] is False
    assert not kept.exists()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "cannot be read as a PNG"),
        (b"\x80\x04\x95 a pickle", "cannot be read as a PNG"),
        (_png(np.zeros((48, 64), np.uint8))[:60], "cannot be read as a PNG"),
        (_png(np.zeros((48, 63), np.uint8)), "63×48 pixels, the image 64×48"),
        (_png(np.zeros((48, 64, 3), np.uint8), "RGB"), "pixel mode RGB"),
        (_png(np.full((48, 64), 4, np.uint8)), "holds the index 4"),
    ],
)
def test_broken_uploads_are_refused_and_leave_nothing(
    ask: Ask, small: Path, content: bytes, sentence: str
) -> None:
    before = _files(small)
    answer = _upload(ask, content)
    assert answer.status_code == 422
    assert sentence in answer.json()["error"]
    assert _files(small) == before


def test_a_small_file_that_promises_a_gigantic_image_is_not_decoded(ask: Ask) -> None:
    content = bytearray(_png(np.zeros((48, 64), np.uint8)))
    content[16:24] = struct.pack(">II", 60_000, 60_000)
    content[29:33] = struct.pack(">I", zlib.crc32(bytes(content[12:29])))
    answer = _upload(ask, bytes(content))
    assert answer.status_code == 422


def test_huge_uploads_are_refused_unread(ask: Ask, small: Path) -> None:
    before = _files(small)
    answer = _upload(ask, b"", **{"content-length": str(LARGEST_UPLOAD + 1)})
    assert answer.status_code == 413
    assert "at most 32 MiB" in answer.json()["error"]
    unsaid = _upload(ask, b"", **{"transfer-encoding": "chunked"})
    assert unsaid.status_code == 411
    large = ask("POST", "/api/review", headers=OURS, content=b" " * 100_000)
    assert large.status_code == 413
    assert _files(small) == before


def test_a_link_below_review_does_not_lead_out(ask: Ask, small: Path, tmp_path: Path) -> None:
    (small / "review" / "corrected").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (small / "review" / "corrected" / "folder").symlink_to(tmp_path / "elsewhere")
    answer = _upload(ask, _png(np.zeros((48, 64), np.uint8)), ODD)
    assert answer.status_code == 422
    assert not list((tmp_path / "elsewhere").iterdir())


# ------------------------------------------------------------------------------------------- who may ask

ODD_IDS = [
    "../img-00",
    "..%2f..%2fetc%2fpasswd",
    "/etc/passwd",
    "img-00\0",
    "img-00\0.png",
    "",
    ".",
    "img-00/..",
    "é" * 900,
]
READ = ["/api/thumbnail", "/api/picture", "/api/layers", "/api/place", "/api/corrected"]


@pytest.mark.parametrize("image_id", ODD_IDS, ids=range(len(ODD_IDS)))
def test_ids_that_are_not_in_the_index_are_refused(ask: Ask, small: Path, image_id: str) -> None:
    before = _files(small)
    answers = [ask("GET", path, params={"id": image_id}) for path in READ]
    answers += [
        ask("POST", "/api/review", headers=OURS, json={"id": image_id, "flagged": True}),
        ask("POST", "/api/what-if", headers=OURS, json={"id": image_id, "proxy": {}}),
        _upload(ask, _png(np.zeros((48, 64), np.uint8)), image_id),
        ask("DELETE", "/api/corrected", params={"id": image_id}, headers=OURS),
    ]
    for answer in answers:
        assert answer.status_code in (404, 422)
        assert "no training or validation image has the id" in answer.json()["error"]
        assert len(answer.json()["error"]) < 400
    assert _files(small) == before


def test_very_long_values_are_refused(ask: Ask) -> None:
    for path in (*READ, "/api/images"):
        name = "text" if path == "/api/images" else "id"
        assert ask("GET", path, params={name: "x" * 5000}).status_code == 422
    for name in ("label", "split", "state", "sort", "order"):
        answer = ask("GET", "/api/images", params={name: "../x"})
        assert answer.status_code == 422
        assert "was expected" in answer.json()["error"]


@pytest.mark.parametrize(
    "path",
    [
        "/../server.py",
        "/%2e%2e/server.py",
        "/%2e%2e%2fserver.py",
        "/js/..%2f..%2fserver.py",
        "/..%5cserver.py",
        "/js/%00",
        "//etc/passwd",
        "/" + "a" * 5000,
        "/dataset/index.csv",
        "/openapi.json",
    ],
)
def test_nothing_but_the_pages_own_files_is_served(ask: Ask, path: str) -> None:
    raw = httpx.URL(f"http://localhost:{PORT}").copy_with(raw_path=path.encode())
    answer = ask("GET", raw)
    assert answer.status_code == 404
    assert "error" in answer.json()


@pytest.mark.parametrize(
    "host", ["evil.example", f"evil.example:{PORT}", "localhost:1", "", "localhost.evil.example"]
)
def test_other_names_of_this_machine_are_not_answered(ask: Ask, host: str) -> None:
    for path in ("/", "/api/run"):
        assert ask("GET", path, headers={"host": host}).status_code == 421


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-weakseg": "1", "origin": "http://evil.example"},
        {"x-weakseg": "1", "origin": "null"},
        {"x-weakseg": "1", "origin": f"http://localhost:{PORT + 1}"},
        {"x-weakseg": "1", "sec-fetch-site": "cross-site"},
        {"x-weakseg": "1", "sec-fetch-site": "same-site"},
    ],
)
def test_changes_from_other_pages_are_refused(ask: Ask, small: Path, headers: dict[str, str]) -> None:
    answer = ask("POST", "/api/review", headers=headers, json={"id": "img-00", "flagged": True})
    assert answer.status_code == 403
    assert not (small / "review").exists()


def test_other_pages_cannot_look_either(ask: Ask) -> None:
    answer = ask("GET", "/api/picture", params={"id": "img-00"}, headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403
    ours = ask("GET", "/", headers={"sec-fetch-site": "cross-site"})  # a link to the page may be followed
    assert ours.status_code == 200
    assert "default-src 'none'" in ours.headers["content-security-policy"]
    assert ours.headers["cross-origin-resource-policy"] == "same-origin"


def test_beyond_loopback_every_call_needs_the_token(asker: Asker, small: Path) -> None:
    ask = asker(small, token="secret")
    assert ask("GET", "/").status_code == 401
    assert ask("GET", "/?token=wrong").status_code == 401
    assert ask("GET", "/api/run", headers={"host": "machine.example"}).status_code == 401
    assert ask("GET", "/api/run", params={"token": "secret"}).status_code == 401  # it belongs in no address
    opened = ask("GET", "/?token=secret")
    assert (opened.status_code, opened.headers["location"]) == (303, "/")
    cookie = opened.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    kept = {"cookie": cookie.partition(";")[0], "host": "machine.example"}
    assert ask("GET", "/api/run", headers=kept).status_code == 200
    assert ask("GET", "/api/run", headers={"authorization": "Bearer secret"}).status_code == 200
    assert ask("GET", "/api/run", headers={"cookie": f"weakseg-{PORT}=wrong"}).status_code == 401
    assert ask("POST", "/api/review", headers=kept, json={"id": "img-00"}).status_code == 403


def test_loopback_addresses_are_known() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "localhost", "::1", "[::1]")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "192.168.1.7", "machine.example")))


def test_a_folder_that_is_not_a_run_is_one_sentence(small: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is not a run \(it has no configs/run\.json\)"):
        Watch(tmp_path)
    (small / "dataset/index.csv").write_text("cut", encoding="utf-8")
    with pytest.raises(InputError, match=r"index\.csv"):
        Watch(small)
