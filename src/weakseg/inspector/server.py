"""The inspector's HTTP API. Ids are looked up in the index and are never used as paths."""

import secrets
from collections.abc import Callable
from dataclasses import asdict
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
from weakseg.inspector.at_work import stages_now
from weakseg.inspector.palettes import PALETTES
from weakseg.inspector.pictures import layers, picture, thumbnail
from weakseg.inspector.review import Reviews
from weakseg.inspector.run import RunView
from weakseg.inspector.watch import Seen, Watch
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


def application(watch: Watch) -> FastAPI:
    """The page and its API for one run; must be wrapped in `Guard`."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.add_exception_handler(InputError, _sentence)
    app.add_exception_handler(FileNotFoundError, _gone)
    app.add_exception_handler(HTTPException, _sentence)
    app.add_exception_handler(RequestValidationError, _sentence)
    reviews = Reviews(watch.folder / "review")
    seen = Depends(watch.now)
    _add_run(app, seen, reviews)
    _add_gallery(app, watch, seen, reviews)
    _add_image(app, seen)
    _add_review(app, seen, reviews)
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


def _gone(_: Request, error: Exception) -> JSONResponse:
    """Snakemake removes files before it makes them again, also between two looks at them."""
    return JSONResponse({"error": "a file of the run has just been removed; ask again in a moment."}, 409)


def _known(run: RunView, image_id: str) -> Record:
    try:
        return run.record(image_id)
    except KeyError:
        short = image_id if len(image_id) <= 60 else f"{image_id[:60]}…"
        raise HTTPException(404, f"no training or validation image has the id {short!r}.") from None


def _asked(watch: Watch) -> Callable[..., images.Query]:
    """Reads the gallery's filter from a request; unknown values are errors."""

    def asked(
        label: Text = "",
        split: Text = "",
        state: Text = "",
        text: Text = "",
        warning: Text = "",
        sort: Text = "index",
        order: Text = "up",
    ) -> images.Query:
        run = watch.now().run
        for name, value, known in (
            ("class", label, ("", *run.classes)),
            ("split", split, ("", "train", "val")),
            ("state", state, ("", "open", *images.STATES)),
            ("warning", warning, ("", *run.warnings)),
            ("sort", sort, ("index", *images.MEASURES)),
            ("order", order, ("up", "down")),
        ):
            if value not in known:
                raise HTTPException(422, f"{name} is {value[:60]!r}; one of {', '.join(known)} was expected.")
        return images.Query(label, split, state, text, warning, sort, order == "down")

    return asked


def _add_run(app: FastAPI, seen: Any, reviews: Reviews) -> None:
    start = secrets.token_hex(4)

    @app.get("/api/run")
    def about(now: Seen = seen) -> JSONResponse:
        run, listed = now.run, now.listed
        splits, counts = np.unique(listed.splits, return_counts=True)
        content = {
            "name": run.name,
            "version": __version__,
            "start": f"{start}-{now.stamp}",
            "stamp": now.stamp,
            "classes": run.classes,
            "palettes": {
                name: [*palette[: len(run.classes) + 1].tolist(), palette[255].tolist()]
                for name, palette in PALETTES.items()
            },
            "splits": dict(zip(splits.tolist(), counts.tolist(), strict=True)),
            "measures": listed.measured(),
            "stages": run.scored(),
            "summary": run.summary,
            "histories": run.histories(),
            "warnings": [
                {"name": name} | asdict(warning) | {"images": len(warning.images)}
                for name, warning in run.warnings.items()
            ],
            "knobs": knobs(run.proxy()),
            "review": reviews.counts(),
        }
        return JSONResponse(content, headers=FRESH)

    @app.get("/api/now")
    def at_work(now: Seen = seen) -> JSONResponse:
        """How far the run is; small, as the page asks every second or two."""
        stages = stages_now(now.run)
        working = [now.run.table[stage.name] for stage in stages if stage.state == "working"]
        content = {
            "stamp": now.stamp,
            "stages": [asdict(stage) for stage in stages],
            "histories": now.run.histories(working),
        }
        return JSONResponse(content, headers=FRESH)


def _add_gallery(app: FastAPI, watch: Watch, seen: Any, reviews: Reviews) -> None:
    filtered = Depends(_asked(watch))

    @app.get("/api/images")
    def rows(
        now: Seen = seen,
        query: images.Query = filtered,
        offset: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=0, le=PAGE)] = PAGE,
    ) -> JSONResponse:
        review, listed = reviews.read(), now.listed
        found = listed.order(query, review)
        part = [listed.row(int(row), review) for row in found[offset : offset + limit]]
        return JSONResponse({"total": len(found), "offset": offset, "rows": part}, headers=FRESH)

    @app.get("/api/place")
    def place(id: Text, now: Seen = seen, query: images.Query = filtered) -> JSONResponse:
        """One image's row, and its neighbours in the filter's order."""
        _known(now.run, id)
        review, listed = reviews.read(), now.listed
        found = listed.order(query, review)
        row = now.run.rows[id]
        (at,) = np.nonzero(found == row)
        here = int(at[0]) if at.size else None
        near = {
            "before": None if here is None or here == 0 else listed.ids[found[here - 1]],
            "after": None if here is None or here + 1 == len(found) else listed.ids[found[here + 1]],
        }
        content = {"place": here, "total": len(found), "row": listed.row(row, review)} | near
        return JSONResponse(content, headers=FRESH)

    @app.get("/api/thumbnail")
    def small(id: Text, palette: Text = "voc", now: Seen = seen) -> Response:
        record = _known(now.run, id)
        if palette not in PALETTES:
            raise HTTPException(
                422, f"palette is {palette[:60]!r}; one of {', '.join(PALETTES)} was expected."
            )
        labels = now.run.label_file("refined", record)
        changed = labels.stat().st_mtime_ns if labels.is_file() else 0
        return Response(
            thumbnail(record.image, labels, palette, changed), media_type="image/jpeg", headers=KEEP
        )


def _add_image(app: FastAPI, seen: Any) -> None:
    @app.get("/api/picture")
    def whole(id: Text, now: Seen = seen) -> Response:
        return Response(picture(_known(now.run, id)), media_type="image/jpeg", headers=KEEP)

    @app.get("/api/layers")
    def every_layer(id: Text, now: Seen = seen) -> Response:
        content = layers(now.run, _known(now.run, id))
        return Response(content, media_type="application/octet-stream", headers=FRESH)

    @app.post("/api/what-if")
    def try_values(question: Question, now: Seen = seen) -> Response:
        record = _known(now.run, question.id)
        settings = parse(ProxyConfig, question.proxy, "what if")
        content = answer(now.run, record, settings, planes=question.planes)
        return Response(content, media_type="application/octet-stream", headers=FRESH)

    @app.post("/api/yaml")
    def text_to_paste(question: Question) -> JSONResponse:
        return JSONResponse({"yaml": as_yaml(parse(ProxyConfig, question.proxy, "what if"))}, headers=FRESH)


def _add_review(app: FastAPI, seen: Any, reviews: Reviews) -> None:
    def state(record: Record) -> JSONResponse:
        content = images.decisions(reviews.read(), record.id) | {"counts": reviews.counts()}
        return JSONResponse(content, headers=FRESH)

    @app.post("/api/review")
    def decide(wanted: Decision, now: Seen = seen) -> JSONResponse:
        record = _known(now.run, wanted.id)
        reviews.decide(record.id, wanted.decision, wanted.flagged)
        return state(record)

    @app.put("/api/corrected")
    async def correct(request: Request, id: Text, now: Seen = seen) -> JSONResponse:
        record = _known(now.run, id)
        content = await request.body()  # the guard has checked its length
        await run_in_threadpool(reviews.correct, record, content, now.run.classes)
        return await run_in_threadpool(state, record)

    @app.delete("/api/corrected")
    def restore(id: Text, now: Seen = seen) -> JSONResponse:
        record = _known(now.run, id)
        reviews.restore(record)
        return state(record)

    @app.get("/api/corrected")
    def corrected(id: Text, now: Seen = seen) -> Response:
        """The corrected label map itself."""
        file = reviews.read().corrected.get(_known(now.run, id).id)
        if file is None:
            raise HTTPException(404, "this image has no corrected label map.")
        return Response(file.read_bytes(), media_type="image/png", headers=FRESH)
