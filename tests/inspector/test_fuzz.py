"""The inspector under requests that nobody would write: no traceback, no hang, no write outside of `review/`.

Requests are made from the API's own OpenAPI description, which the server keeps to itself. A short form, about 400 of
them, runs always; `pytest tests/inspector/test_fuzz.py --hypothesis-profile=long` asks more than ten thousand times.
"""

import asyncio
import hashlib
import io
import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from weakseg.inspector.guard import Guard
from weakseg.inspector.server import application
from weakseg.inspector.watch import Watch
from weakseg.proxy.settings import ProxyConfig
from weakseg.storage.labels import decode_labels

PORT = 8642
OURS = {"host": f"localhost:{PORT}", "x-weakseg": "1", "content-type": "application/json"}
LONGEST_ANSWER = 20.0  # seconds; the first CRF is compiled in it
Ask = Callable[..., httpx.Response]
POSITIVE, NEGATIVE = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE


@dataclass(frozen=True)
class Fuzzed:
    """A copy of the small run, its API's description, and what asks it."""

    run: Path
    schema: Any
    ask: Ask


def described(app: FastAPI) -> dict[str, Any]:
    """The API's OpenAPI description; proxy settings are described as the configuration describes them."""
    text = json.dumps(ProxyConfig.model_json_schema(ref_template="#/components/schemas/{model}"))
    proxy = json.loads(text)
    raw = app.openapi()
    schemas = raw["components"]["schemas"]
    schemas |= proxy.pop("$defs")
    schemas["Question"]["properties"]["proxy"] = proxy
    return raw


def digests(folder: Path) -> dict[str, str]:
    """Every file below a folder but those of the review → its hash."""
    files = (path for path in folder.rglob("*") if path.is_file() and "review" not in path.parts)
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def fuzzed(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzed]:
    """After all tests of the module: nothing but the review's lists and corrected maps may have changed."""
    root = tmp_path_factory.mktemp("fuzzed")
    shutil.copytree(finished.parent.parent, root / "checkout")
    run = root / "checkout" / "results" / "small"
    before = digests(root)
    inner = application(Watch(run))
    schema = schemathesis.openapi.from_dict(described(inner))
    schema.app = Guard(inner, "127.0.0.1", PORT)
    yield Fuzzed(run, schema, asker_of(schema.app))
    assert digests(root) == before
    kept = {path.relative_to(run / "review") for path in (run / "review").rglob("*") if path.is_file()}
    lists = {Path(f"{name}.csv") for name in ("accepted", "rejected", "flagged")}
    assert all(path in lists or (path.parts[0] == "corrected" and path.suffix == ".png") for path in kept)


def asker_of(app: Any) -> Ask:
    async def send(method: str, path: str, **options: Any) -> httpx.Response:
        transport = httpx.ASGITransport(app)  # what the application raises is raised here
        async with httpx.AsyncClient(transport=transport, base_url=f"http://localhost:{PORT}") as client:
            return await client.request(method, path, headers=OURS, **options)

    return lambda *arguments, **options: asyncio.run(send(*arguments, **options))


def check(status: int, content: bytes, seconds: float) -> None:
    """An answer, or a refusal in one sentence."""
    assert seconds < LONGEST_ANSWER
    assert status in (200, 400, 404, 405, 411, 413, 422)
    assert b"Traceback" not in content
    if status >= 400:
        error = json.loads(content)["error"]
        assert error
        assert error.isprintable()
        assert len(error) < 2000


@given(data=st.data())
def test_requests_made_from_the_description(fuzzed: Fuzzed, data: st.DataObject) -> None:
    mode = data.draw(st.sampled_from([POSITIVE, POSITIVE, NEGATIVE]))
    case = data.draw(fuzzed.schema.as_strategy(generation_mode=mode))
    known = data.draw(st.sampled_from([None, "img-00", "img-05", "folder/ü & 100% #1"]))
    for part in (case.query, case.body):
        if known is not None and isinstance(part, dict) and "id" in part:
            part["id"] = known
    start = time.monotonic()
    answer = case.call(headers=OURS)
    check(answer.status_code, answer.content, time.monotonic() - start)


CRF = {"preset": "custom", "bilateral_sxy": 0.01, "bilateral_srgb": 0.01}


@pytest.mark.parametrize(
    ("path", "query", "message", "status"),
    [
        ("/api/images", {"sort": "a\nb\x1b[2J"}, None, 422),
        ("/api/thumbnail", {"id": "img-00", "palette": "a\nb"}, None, 422),
        ("/api/picture", {"id": "a\nb"}, None, 404),
        ("/api/review", {}, {"id": "img-00", "decision": "\ud800"}, 422),
        ("/api/review", {}, {"id": "\ud800", "flagged": True}, 404),
        ("/api/review", {}, {"id": "img-00", "a\nb": 1}, 422),
        ("/api/what-if", {}, {"id": "img-00", "proxy": {"\ud800": 1}}, 422),
        ("/api/what-if", {}, {"id": "img-00", "proxy": {"a\nb": 1}}, 422),
        ("/api/what-if", {}, {"id": "img-00", "proxy": {"refine": {"crf": CRF}}}, 422),
        ("/api/what-if", {}, {"id": "img-00", "proxy": {"refine": {"crf": {"engine": "pydensecrf"}}}}, 200),
    ],
)
def test_requests_that_once_were_found(
    fuzzed: Fuzzed, path: str, query: dict[str, str], message: Any, status: int
) -> None:
    method, content = ("GET", None) if message is None else ("POST", json.dumps(message))
    answer = fuzzed.ask(method, path, params=query, content=content)
    assert answer.status_code == status
    check(answer.status_code, answer.content, 0.0)


ODD_TEXT = st.one_of(
    st.text(max_size=40),
    st.sampled_from(["\ud800", "\0", "../../x", "$(touch x)", "a" * 5000, "img-00\n", "nan", "-1", "1e999"]),
)
ODD_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), ODD_TEXT, st.just("img-00")),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(ODD_TEXT, inner, max_size=4)),
    max_leaves=8,
)
MESSAGES = st.fixed_dictionaries(
    {"id": st.just("img-00") | ODD_TEXT},
    optional=dict.fromkeys(("decision", "flagged", "proxy", "planes", "more"), ODD_JSON),
)


@given(
    path=st.sampled_from(["/api/review", "/api/what-if", "/api/yaml"]),
    values=MESSAGES | ODD_JSON,
    before=st.sampled_from(["", "", "", "}", "[" * 30_000, " ", "\ufeff"]),
)
def test_bodies_of_any_json(fuzzed: Fuzzed, path: str, values: Any, before: str) -> None:
    start = time.monotonic()
    answer = fuzzed.ask("POST", path, content=before + json.dumps(values))
    check(answer.status_code, answer.content, time.monotonic() - start)


@given(
    path=st.sampled_from(["/api/review", "/api/what-if", "/api/corrected", "/api/images"]),
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]),
    query=st.dictionaries(
        ODD_TEXT.filter(lambda text: text.isprintable()), st.binary(max_size=20), max_size=3
    ),
    content=st.binary(max_size=200),
)
def test_bytes_for_any_method(
    fuzzed: Fuzzed, path: str, method: str, query: dict[str, bytes], content: bytes
) -> None:
    start = time.monotonic()
    answer = fuzzed.ask(method, path, params=query, content=content)
    check(answer.status_code, answer.content, time.monotonic() - start)


def label_png(values: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "PNG")
    return buffer.getvalue()


WHOLE = label_png(np.full((48, 64), 2, np.uint8))


@given(
    place=st.integers(0, len(WHOLE) - 1),
    removed=st.integers(0, 30),
    added=st.binary(max_size=30),
    image_id=st.sampled_from(["img-00", "folder/ü & 100% #1", "../img-00", "img-00\0"]),
)
def test_uploads_with_changed_bytes(
    fuzzed: Fuzzed, place: int, removed: int, added: bytes, image_id: str
) -> None:
    content = WHOLE[:place] + added + WHOLE[place + removed :]
    start = time.monotonic()
    answer = fuzzed.ask("PUT", "/api/corrected", params={"id": image_id}, content=content)
    check(answer.status_code, answer.content, time.monotonic() - start)
    if answer.status_code == 200:  # what is kept is what was meant
        kept = fuzzed.ask("GET", "/api/corrected", params={"id": image_id}).content
        assert np.unique(decode_labels(kept, "it")).tolist() == [2]
