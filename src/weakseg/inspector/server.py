"""The inspector's HTTP API. Ids are looked up in the index and are never used as paths."""

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from fastapi import Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, ConfigDict
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from weakseg import __version__
from weakseg.dataset.records import Record
from weakseg.errors import InputError
from weakseg.inspector import catalogue as images
from weakseg.inspector.palettes import PALETTES
from weakseg.inspector.pictures import layers, picture, thumbnail
from weakseg.inspector.review import Reviews
from weakseg.inspector.run import RunView
from weakseg.inspector.what_if import answer, as_yaml, knobs
from weakseg.proxy.settings import ProxyConfig
from weakseg.settings.reading import parse

STATIC = Path(__file__).parent / "static"
PAGE = 500  # most images in one response of the gallery
LONGEST = 1000  # characters of an id or a filter
KEEP = {"cache-control": "private, max-age=3600"}  # addresses change when the server is restarted
FRESH = {"cache-control": "no-store"}

Text = Annotated[str, Query(max_length=LONGEST)]


class Decision(BaseModel):
    """A decision about one image; omitted fields do not change."""

    model_config = ConfigDict(extra="forbid", strict=True)
    id: str
    decision: str | None = None
    flagged: bool | None = None


class Question(BaseModel):
    """Proxy settings to try on one image."""

    model_config = ConfigDict(extra="forbid")
    id: str
    proxy: dict[str, Any]
    planes: bool = True


def application(run: RunView) -> FastAPI:
    """The page and its API for one run; must be wrapped in `Guard`."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.add_exception_handler(InputError, _sentence)
    app.add_exception_handler(HTTPException, _sentence)
    app.add_exception_handler(RequestValidationError, _sentence)
    reviews = Reviews(run.folder / "review", run.classes)
    listed = images.Catalogue(run)
    _add_run(app, run, reviews, listed)
    _add_gallery(app, run, reviews, listed)
    _add_image(app, run)
    _add_review(app, run, reviews)
    app.mount("/", StaticFiles(directory=STATIC, html=True))
    return app


def _sentence(_: Request, error: Exception) -> JSONResponse:
    """Every error is `{"error": one sentence}`."""
    if isinstance(error, HTTPException):
        return JSONResponse({"error": str(error.detail)}, error.status_code)
    if isinstance(error, RequestValidationError):
        wrong = error.errors()[0]
        where = ".".join(str(part) for part in wrong["loc"])
        return JSONResponse({"error": f"{where[:80]!r}: {wrong['msg']}"}, 422)
    return JSONResponse({"error": str(error)}, 422)


def _known(run: RunView, image_id: str) -> Record:
    try:
        return run.record(image_id)
    except KeyError:
        short = image_id if len(image_id) <= 60 else f"{image_id[:60]}…"
        raise HTTPException(404, f"no training or validation image has the id {short!r}.") from None


def _asked(run: RunView) -> Callable[..., images.Query]:
    """Reads the gallery's filter from a request; unknown values are errors."""

    def asked(
        label: Text = "",
        split: Text = "",
        state: Text = "",
        text: Text = "",
        sort: Text = "index",
        order: Text = "up",
    ) -> images.Query:
        for name, value, known in (
            ("class", label, ("", *run.classes)),
            ("split", split, ("", "train", "val")),
            ("state", state, ("", "open", *images.STATES)),
            ("sort", sort, ("index", *images.MEASURES)),
            ("order", order, ("up", "down")),
        ):
            if value not in known:
                raise HTTPException(422, f"{name} is {value[:60]!r}; one of {', '.join(known)} was expected.")
        return images.Query(label, split, state, text, sort, order == "down")

    return asked


def _add_run(app: FastAPI, run: RunView, reviews: Reviews, listed: images.Catalogue) -> None:
    start = secrets.token_hex(4)

    @app.get("/api/run")
    def about() -> JSONResponse:
        splits, counts = np.unique(listed.splits, return_counts=True)
        content = {
            "name": run.name,
            "version": __version__,
            "start": start,
            "classes": run.classes,
            "palettes": {
                name: [*palette[: len(run.classes) + 1].tolist(), palette[255].tolist()]
                for name, palette in PALETTES.items()
            },
            "splits": dict(zip(splits.tolist(), counts.tolist(), strict=True)),
            "measures": listed.measured(),
            "stages": run.stages(),
            "summary": run.summary(),
            "histories": run.histories(),
            "knobs": knobs(run.proxy()),
            "review": reviews.counts(),
        }
        return JSONResponse(content, headers=FRESH)


def _add_gallery(app: FastAPI, run: RunView, reviews: Reviews, listed: images.Catalogue) -> None:
    filtered = Depends(_asked(run))

    @app.get("/api/images")
    def rows(
        query: images.Query = filtered,
        offset: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=0, le=PAGE)] = PAGE,
    ) -> JSONResponse:
        review = reviews.read()
        found = listed.order(query, review)
        part = [listed.row(int(row), review) for row in found[offset : offset + limit]]
        return JSONResponse({"total": len(found), "offset": offset, "rows": part}, headers=FRESH)

    @app.get("/api/place")
    def place(id: Text, query: images.Query = filtered) -> JSONResponse:
        """One image's row, and its neighbours in the filter's order."""
        _known(run, id)
        review = reviews.read()
        found = listed.order(query, review)
        (at,) = np.nonzero(found == run.rows[id])
        here = int(at[0]) if at.size else None
        near = {
            "before": None if here is None or here == 0 else listed.ids[found[here - 1]],
            "after": None if here is None or here + 1 == len(found) else listed.ids[found[here + 1]],
        }
        content = {"place": here, "total": len(found), "row": listed.row(run.rows[id], review)} | near
        return JSONResponse(content, headers=FRESH)

    @app.get("/api/thumbnail")
    def small(id: Text, palette: Text = "voc") -> Response:
        record = _known(run, id)
        if palette not in PALETTES:
            raise HTTPException(
                422, f"palette is {palette[:60]!r}; one of {', '.join(PALETTES)} was expected."
            )
        labels = run.label_file("refined", record)
        changed = labels.stat().st_mtime_ns if labels.is_file() else 0
        return Response(
            thumbnail(record.image, labels, palette, changed), media_type="image/jpeg", headers=KEEP
        )


def _add_image(app: FastAPI, run: RunView) -> None:
    @app.get("/api/picture")
    def whole(id: Text) -> Response:
        return Response(picture(_known(run, id)), media_type="image/jpeg", headers=KEEP)

    @app.get("/api/layers")
    def every_layer(id: Text) -> Response:
        content = layers(run, _known(run, id))
        return Response(content, media_type="application/octet-stream", headers=FRESH)

    @app.post("/api/what-if")
    def try_values(question: Question) -> Response:
        record = _known(run, question.id)
        settings = parse(ProxyConfig, question.proxy, "what if")
        content = answer(run, record, settings, planes=question.planes)
        return Response(content, media_type="application/octet-stream", headers=FRESH)

    @app.post("/api/yaml")
    def text_to_paste(question: Question) -> JSONResponse:
        return JSONResponse({"yaml": as_yaml(parse(ProxyConfig, question.proxy, "what if"))}, headers=FRESH)


def _add_review(app: FastAPI, run: RunView, reviews: Reviews) -> None:
    def state(record: Record) -> JSONResponse:
        content = images.decisions(reviews.read(), record.id) | {"counts": reviews.counts()}
        return JSONResponse(content, headers=FRESH)

    @app.post("/api/review")
    def decide(wanted: Decision) -> JSONResponse:
        record = _known(run, wanted.id)
        reviews.decide(record.id, wanted.decision, wanted.flagged)
        return state(record)

    @app.put("/api/corrected")
    async def correct(request: Request, id: Text) -> JSONResponse:
        record = _known(run, id)
        content = await request.body()  # the guard has checked its length
        await run_in_threadpool(reviews.correct, record, content)
        return await run_in_threadpool(state, record)

    @app.delete("/api/corrected")
    def restore(id: Text) -> JSONResponse:
        record = _known(run, id)
        reviews.restore(record)
        return state(record)

    @app.get("/api/corrected")
    def corrected(id: Text) -> Response:
        """The corrected label map itself."""
        file = reviews.read().corrected.get(_known(run, id).id)
        if file is None:
            raise HTTPException(404, "this image has no corrected label map.")
        return Response(file.read_bytes(), media_type="image/png", headers=FRESH)
