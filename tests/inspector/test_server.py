"""The inspector's answers: what they hold, and what is refused."""

import asyncio
import io
import json
import struct
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import yaml
from PIL import Image

from weakseg.config import Config, ProxyConfig, parse
from weakseg.errors import InputError
from weakseg.inspector.guard import LARGEST_UPLOAD, Guard, is_loopback
from weakseg.inspector.palettes import PALETTES
from weakseg.inspector.run import RunView
from weakseg.inspector.server import application
from weakseg.storage.labels import read_labels
from weakseg.storage.review import read_review

PORT = 8642
ODD = "folder/ü & 100% #1"
OURS = {"x-weakseg": "1"}
Ask = Callable[..., httpx.Response]


def _asker(run: Path, token: str | None = None) -> Ask:
    app = Guard(application(RunView(run)), "127.0.0.1" if token is None else "0.0.0.0", PORT, token)

    async def send(method: str, path: str, **options: Any) -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url=f"http://localhost:{PORT}") as client:
            return await client.request(method, path, **options)

    def ask(method: str, path: str, **options: Any) -> httpx.Response:
        with ThreadPoolExecutor(1) as pool:  # this thread's loop may be Playwright's
            return pool.submit(lambda: asyncio.run(send(method, path, **options))).result()

    return ask


@pytest.fixture
def ask(small: Path) -> Ask:
    """Requests to the small run's guarded application."""
    return _asker(small)


def _unpacked(answer: httpx.Response) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    assert answer.status_code == 200, answer.text
    (length,) = struct.unpack("<I", answer.content[:4])
    header = json.loads(answer.content[4 : 4 + length])
    shape = (header["height"], header["width"])
    planes = np.frombuffer(answer.content[4 + length :], np.uint8).reshape(-1, *shape)
    return header, {about["name"]: plane for about, plane in zip(header["planes"], planes, strict=True)}


def _files(run: Path) -> set[Path]:
    return {path for path in run.parent.parent.rglob("*") if path.is_file()}


def _ids(ask: Ask, **values: str) -> list[str]:
    return [row["id"] for row in ask("GET", "/api/images", params=values).json()["rows"]]


# ------------------------------------------------------------------------------------------- what is shown


def test_run_tells_scores_curves_and_knobs(ask: Ask) -> None:
    found = ask("GET", "/api/run").json()
    assert found["classes"] == ["bird", "cat", "dog"]
    assert found["splits"] == {"train": 6, "val": 2}
    assert found["summary"]["scores"]["refined"]["miou"] > 0.5
    assert found["histories"]["segmenter"]["loss"][0] == 2
    assert set(found["measures"]) == {"iou", "prediction_iou", "undecided", "changed", "disagreement"}
    assert len(found["palettes"]["safe"]) == 5  # background, three classes, undecided


def test_every_knob_of_the_configuration_has_a_slider_that_holds_its_value(ask: Ask) -> None:
    knobs = ask("GET", "/api/run").json()["knobs"]
    settings = ProxyConfig()
    for rule, sliders in knobs["rules"].items():
        assert [slider["name"] for slider in sliders] == list(type(getattr(settings, rule)).model_fields)
    for slider in [
        *knobs["crf"],
        *knobs["refine"],
        *(knob for rule in knobs["rules"].values() for knob in rule),
    ]:
        assert slider["help"]
        if slider["kind"] == "range":
            assert slider["least"] <= slider["value"] <= slider["most"]


def test_gallery_filters_and_sorts(ask: Ask) -> None:
    assert len(_ids(ask)) == 8
    assert _ids(ask, label="bird", split="train") == ["img-02", "img-04", ODD]
    assert _ids(ask, text="IMG-05") == ["img-05"]
    rows = ask("GET", "/api/images", params={"sort": "iou", "order": "down"}).json()["rows"]
    known = [row["iou"] for row in rows if row["iou"] is not None]
    assert known == sorted(known, reverse=True)
    assert [row["split"] for row in rows[-2:]] == ["val", "val"]  # no proxy score: last, whatever the order
    assert ask("GET", "/api/images", params={"sort": "iou"}).json()["rows"][-1]["split"] == "val"


def test_disagreement_is_the_mean_distance_of_the_two_maps(ask: Ask, small: Path) -> None:
    rows = ask("GET", "/api/images", params={"sort": "disagreement"}).json()["rows"]
    run = RunView(small)
    record = run.record("img-03")
    strongest = np.max([*run.attention(record).values()], axis=0)
    saliency = run.saliency(record)
    assert saliency is not None
    blocks = saliency.reshape(12, 4, 16, 4).mean(axis=(1, 3))
    expected = float(np.abs(strongest - blocks).mean())
    assert next(row["disagreement"] for row in rows if row["id"] == "img-03") == pytest.approx(
        expected, abs=1e-3
    )


def test_neighbours_follow_the_filter(ask: Ask) -> None:
    found = ask("GET", "/api/place", params={"id": "img-03", "label": "cat"}).json()
    assert (found["before"], found["after"], found["place"], found["total"]) == ("img-02", "img-06", 2, 4)
    outside = ask("GET", "/api/place", params={"id": "img-01", "label": "cat"}).json()
    assert (outside["before"], outside["after"], outside["place"]) == (None, None, None)


def test_layers_are_the_values_on_disk(ask: Ask, small: Path) -> None:
    header, planes = _unpacked(ask("GET", "/api/layers", params={"id": ODD}))
    assert list(planes) == ["attention bird", "attention dog", "saliency", "fused", "refined", "truth"]
    assert header["labels"] == ["bird", "dog"]
    for stage in ("fused", "refined"):
        assert np.array_equal(planes[stage], read_labels(small / "proxy" / stage / f"{ODD}.png"))
    per_image = json.loads((small / "evaluation" / "refined.json").read_text())["per_image"]
    shown = next(item["iou"] for item in header["planes"] if item["name"] == "refined")
    assert shown == pytest.approx(per_image[ODD], abs=1e-3)
    _, val = _unpacked(ask("GET", "/api/layers", params={"id": "img-05"}))
    assert "prediction" in val


def test_a_run_that_stopped_early_is_shown_as_far_as_it_came(small: Path) -> None:
    for name in ("evaluation", "segmenter", "proxy", "saliency", "configs"):
        for path in sorted((small / name).rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
    ask = _asker(small)
    assert ask("GET", "/api/run").json()["measures"] == []
    assert len(_ids(ask)) == 8
    assert ask("GET", "/api/thumbnail", params={"id": "img-00"}).status_code == 200
    _, planes = _unpacked(ask("GET", "/api/layers", params={"id": "img-00"}))
    assert list(planes) == ["attention cat", "truth"]
    answer = ask("POST", "/api/what-if", headers=OURS, json={"id": "img-00", "proxy": {}})
    assert answer.status_code == 422
    assert "no saliency map" in answer.json()["error"]


def test_thumbnail_shows_the_proxy_in_the_chosen_palette(ask: Ask) -> None:
    pictures = {}
    for palette in PALETTES:
        answer = ask("GET", "/api/thumbnail", params={"id": "img-00", "palette": palette})
        pictures[palette] = np.asarray(Image.open(io.BytesIO(answer.content)))
    assert pictures["voc"].shape == (48, 64, 3)
    assert np.abs(pictures["voc"].astype(int) - pictures["safe"]).max() > 40


def test_no_two_of_sixteen_safe_colours_are_close() -> None:
    colours = PALETTES["safe"][1:17].astype(int)
    apart = np.abs(colours[:, None] - colours[None]).sum(axis=-1)
    assert apart[~np.eye(16, dtype=bool)].min() > 40


# ------------------------------------------------------------------------------------------- what if


def test_what_if_with_the_runs_own_values_makes_the_runs_own_labels(ask: Ask, small: Path) -> None:
    own = RunView(small).proxy().model_dump(mode="json")
    for image_id in ("img-02", ODD):
        answer = ask("POST", "/api/what-if", headers=OURS, json={"id": image_id, "proxy": own})
        header, planes = _unpacked(answer)
        assert header["changed"] == 0
        assert header["old"] == header["new"]
        for stage in ("fused", "refined"):
            stored = read_labels(small / "proxy" / stage / f"{image_id}.png")
            assert np.array_equal(planes[f"new {stage}"], stored)


def test_what_if_tells_other_labels_and_their_score(ask: Ask) -> None:
    proxy = {"rule": "threshold", "threshold": {"saliency_low": 0.95, "saliency_high": 0.96, "rescue": 1.0}}
    header, planes = _unpacked(
        ask("POST", "/api/what-if", headers=OURS, json={"id": "img-02", "proxy": proxy})
    )
    assert not planes["new refined"].any()  # all is background
    assert header["new"]["iou"] < header["old"]["iou"]
    assert header["changed"] > 0.05
    counts = np.array(header["new"]["counts"])
    assert counts.sum() == 48 * 64
    assert header["planes"][1]["iou"] == header["new"]["iou"]


def test_what_if_without_planes_is_small(ask: Ask) -> None:
    question = {"id": "img-02", "proxy": {}, "planes": False}
    assert len(ask("POST", "/api/what-if", headers=OURS, json=question).content) < 1500


@pytest.mark.parametrize(
    ("proxy", "sentence"),
    [
        ({"rule": "best"}, "'rule'"),
        ({"threshold": {"rescue": 7}}, "'threshold.rescue'"),
        ({"threshhold": {}}, "did you mean 'threshold'"),
        ({"refine": {"crf": {"iterations": 10**9}}}, "'refine.crf.iterations'"),
    ],
)
def test_what_if_refuses_values_the_configuration_would_refuse(ask: Ask, proxy: Any, sentence: str) -> None:
    answer = ask("POST", "/api/what-if", headers=OURS, json={"id": "img-00", "proxy": proxy})
    assert answer.status_code == 422
    assert sentence in answer.json()["error"]


def test_the_yaml_is_a_configuration_that_means_the_same(ask: Ask) -> None:
    proxy = {
        "rule": "dcsp",
        "dcsp": {"background": 0.33},
        "refine": {"crf": {"preset": "custom", "iterations": 4}},
    }
    text = ask("POST", "/api/yaml", headers=OURS, json={"id": "", "proxy": proxy}).json()["yaml"]
    assert parse(Config, yaml.safe_load(text), "pasted").proxy == parse(ProxyConfig, proxy, "")


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


def test_a_decision_survives_another_server(ask: Ask, small: Path) -> None:
    ask("POST", "/api/review", headers=OURS, json={"id": "img-01", "flagged": True})
    row = _asker(small)("GET", "/api/place", params={"id": "img-01"}).json()["row"]
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


def test_beyond_loopback_every_call_needs_the_token(small: Path) -> None:
    ask = _asker(small, token="secret")
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


def test_a_folder_that_is_no_run_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no dataset/index\.csv"):
        RunView(tmp_path)
