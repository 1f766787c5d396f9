"""A small finished run, made without training by the package's own writers, and its page in a real browser."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from weakseg.dataset.index import Index, write_index
from weakseg.dataset.records import Record
from weakseg.evaluation.score import score_labels, write_json, write_score
from weakseg.inspector.guard import Guard
from weakseg.inspector.server import application
from weakseg.inspector.watch import Watch
from weakseg.proxy.settings import ProxyConfig
from weakseg.proxy.stages import fuse, refine
from weakseg.storage.labels import write_labels
from weakseg.storage.manifest import write_manifest
from weakseg.storage.shards import ShardReader, write_shard

NAMES = ("bird", "cat", "dog")
SIZE = (48, 64)
PORT = 8642
Ask = Callable[..., httpx.Response]
SETTINGS = ProxyConfig.model_validate({"refine": {"crf": {"preset": "irn", "engine": "numba"}}})


def _truth(number: int, labels: tuple[str, ...]) -> np.ndarray:
    mask = np.zeros(SIZE, np.uint8)
    for place, name in enumerate(labels):
        left = 6 + 28 * place + number % 5
        mask[10 + number % 7 : 34, left : left + 20] = NAMES.index(name) + 1
    return mask


def _write_pixels(path: Path, mask: np.ndarray, rng: np.random.Generator) -> None:
    colours = np.array([[96, 108, 96], [220, 180, 60], [60, 90, 200], [190, 70, 90]])
    pixels = np.clip(colours[mask] + rng.normal(0, 9, (*SIZE, 3)), 0, 255).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def _records() -> list[Record]:
    labels = [
        ("cat",),
        ("dog",),
        ("bird", "cat"),
        ("dog", "cat"),
        ("bird",),
        ("dog",),
        ("cat",),
        ("bird", "dog"),
    ]
    ids = [f"img-{number:02}" for number in range(len(labels) - 1)] + ["folder/ü & 100% #1"]
    splits = ["train"] * 5 + ["val", "val", "train"]
    return [
        Record(name, Path("images") / f"{name}.png", split, here, Path("masks") / f"{name}.png")
        for name, split, here in zip(ids, splits, labels, strict=True)
    ]


def _maps(mask: np.ndarray, labels: tuple[str, ...], shift: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Attention at 12×16 and saliency at full size, both off the truth by `shift` pixels, so that scores differ."""
    moved = np.roll(mask, shift, axis=1)
    attention = {
        name: np.clip((moved == NAMES.index(name) + 1)[::4, ::4] * 0.8 + 0.1, 0, 1).astype(np.float32)
        for name in labels
    }
    return attention, np.clip((moved > 0) * 0.75 + 0.1, 0, 1).astype(np.float32)


def make_run(root: Path, configure: Callable[..., Path]) -> Path:
    """`root/results/small`: eight images of 64×48 pixels, six to train on, three classes, every stage."""
    proxy = SETTINGS.model_dump(mode="json")
    run, rng = configure(root / "results" / "small", proxy=proxy), np.random.default_rng(0)
    records = _records()
    attention, saliency = {}, {}
    for number, record in enumerate(records):
        mask = _truth(number, record.labels)
        _write_pixels(root / record.image, mask, rng)
        assert record.mask is not None
        write_labels(root / record.mask, mask)
        attention[record.id], saliency[record.id] = _maps(mask, record.labels, number)
    index = Index(records, NAMES, (0, 1, 2, 3))
    write_index(run / "dataset", index)
    write_shard(run / "attention" / "maps" / "shard-1-of-1.h5", attention.items())
    named = {image_id: {"saliency": values} for image_id, values in saliency.items()}
    write_shard(run / "saliency" / "maps" / "shard-1-of-1.h5", named.items())
    _write_proxies(root, run, records)
    _write_scores(root, run, index)
    return run


def _write_proxies(root: Path, run: Path, records: list[Record]) -> None:
    attention = ShardReader([run / "attention" / "maps" / "shard-1-of-1.h5"])
    saliency = ShardReader([run / "saliency" / "maps" / "shard-1-of-1.h5"])
    rows = []
    for record in records:
        fused = fuse(
            SIZE,
            saliency.read(record.id)["saliency"],
            attention.read(record.id),
            NAMES,
            SETTINGS.own,
        )
        present = [NAMES.index(name) + 1 for name in record.labels]
        image = np.asarray(Image.open(root / record.image))
        refined = refine(image, fused, present, SETTINGS.refine)
        write_labels(run / "proxy" / "fused" / f"{record.id}.png", fused)
        write_labels(run / "proxy" / "refined" / f"{record.id}.png", refined)
        if record.split == "val":
            write_labels(run / "segmenter" / "round-1" / "predictions" / "crf" / f"{record.id}.png", refined)
        rows.append(
            (record.id, f"{(refined == 255).mean():.4f}", f"{(fused != refined).mean():.4f}", "00000000")
        )
    table = run / "proxy" / "refined" / "shard-1-of-1.csv"
    write_manifest(table, ("id", "undecided", "changed", "digest"), rows)
    attention.close()
    saliency.close()


def _write_scores(root: Path, run: Path, index: Index) -> None:
    records = [
        Record(item.id, root / item.image, item.split, item.labels, root / str(item.mask))
        for item in index.records
    ]
    here = Index(records, NAMES, (0, 1, 2, 3))
    folders = {
        "fused": "proxy/fused",
        "refined": "proxy/refined",
        "segmenter-crf": "segmenter/round-1/predictions/crf",
    }
    scores = {}
    for stage, folder in folders.items():
        split = "val" if stage == "segmenter-crf" else "train"
        score = score_labels(here, split, stage, run / folder)
        write_score(run / "evaluation" / f"{stage}.json", score)
        scores[stage] = {
            name: value for name, value in vars(score).items() if name not in ("curve", "per_image", "stage")
        }
    sources = [
        {
            "role": "attention",
            "file": "w.pt",
            "sha256": "0" * 64,
            "trained_on": "image labels",
            "labels": "image",
        }
    ]
    supervision = {"line": "supervision: image labels", "pixel_labels": False, "sources": sources}
    rules = {"proxy_refine": {"jobs": 1, "seconds": 12.5, "memory_mb": 240.0}}
    write_json(
        run / "evaluation" / "summary.json",
        {"scores": scores, "rules": rules, "ceiling": None, "supervision": supervision},
    )
    for folder in ("attention", "segmenter/round-1"):
        rows = [f"{10 * step},{step},0.01,{2 / step:.3f},1.5" for step in range(1, 9)]
        text = "\n".join(["iteration,epoch,learning_rate,loss,seconds", *rows]) + "\n"
        (run / folder).mkdir(parents=True, exist_ok=True)
        (run / folder / "history.csv").write_text(text, encoding="utf-8")


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, configure: Callable[..., Path]) -> Path:
    """The small run; nobody writes into this one."""
    return make_run(tmp_path_factory.mktemp("finished"), configure)


@pytest.fixture
def small(finished: Path, tmp_path: Path) -> Path:
    """A copy of it for one test; `small.parent.parent` holds the images."""
    shutil.copytree(finished.parent.parent, tmp_path / "checkout")
    return tmp_path / "checkout" / "results" / "small"


@pytest.fixture
def twice(small: Path, configure: Callable[..., Path]) -> Path:
    """The small run with a second round: another answer to the first validation image, its score and curve."""
    write_labels(small / "segmenter/round-2/predictions/crf/img-05.png", np.full(SIZE, 1, np.uint8))
    (small / "segmenter/round-2/weights.pt").touch()
    shutil.copy(small / "segmenter/round-1/history.csv", small / "segmenter/round-2/history.csv")
    evaluation = small / "evaluation"
    score = json.loads((evaluation / "segmenter-crf.json").read_text())
    score |= {"stage": "segmenter-crf-2", "per_image": {"img-05": 0.125}}
    write_json(evaluation / "segmenter-crf-2.json", score)
    summary = json.loads((evaluation / "summary.json").read_text())
    summary["scores"]["segmenter-crf-2"] = summary["scores"]["segmenter-crf"] | {"miou": 0.125}
    write_json(evaluation / "summary.json", summary)
    return configure(small, segmenter={"rounds": 2}, proxy=SETTINGS.model_dump(mode="json"))


def _asker(run: Path, token: str | None = None) -> Ask:
    """What sends requests to a run's guarded application, as if it listened on `PORT`."""
    app = Guard(application(Watch(run)), "127.0.0.1" if token is None else "0.0.0.0", PORT, token)

    async def send(method: str, path: str, **options: Any) -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url=f"http://localhost:{PORT}") as client:
            return await client.request(method, path, **options)

    def ask(method: str, path: str, **options: Any) -> httpx.Response:
        with ThreadPoolExecutor(1) as pool:  # this thread's loop may be Playwright's
            return pool.submit(lambda: asyncio.run(send(method, path, **options))).result()

    return ask


@pytest.fixture
def asker() -> Callable[..., Ask]:
    """Makes `ask` of a run, and of a token."""
    return _asker


@pytest.fixture
def ask(small: Path) -> Ask:
    """Requests to the small run."""
    return _asker(small)


# ------------------------------------------------------------------------------------------- the browser


@dataclass(frozen=True)
class Served:
    """A run and the address of its page."""

    run: Path
    address: str


def start(run: Path, *options: str) -> tuple["subprocess.Popen[str]", str]:
    """`weakseg inspect` as users start it, on a free port: the process and the printed address."""
    program = [sys.executable, "-c", "from weakseg.cli import main; main()"]
    process = subprocess.Popen(
        [*program, "inspect", str(run), "--port", "0", "--no-browser", *options],
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"},
        text=True,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.search(r"http://\S+", line)
    assert found, f"no address in '{line}'"
    return process, found[0]


@contextmanager
def serving(run: Path) -> Iterator[Served]:
    """A run's page, ended with the block."""
    process, address = start(run)
    try:
        yield Served(run, address)
    finally:
        process.terminate()
        process.wait(timeout=20)


@pytest.fixture
def serve() -> Callable[[Path], Any]:
    """Serves the page of a run, as `with serve(run) as served`."""
    return serving


@pytest.fixture
def served(small: Path) -> Iterator[Served]:
    """The small run's page."""
    with serving(small) as page:
        yield page


@pytest.fixture(scope="module")
def looked_at(finished: Path) -> Iterator[Served]:
    """One page for all tests of a module that decide nothing."""
    with serving(finished) as page:
        yield page


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A real browser. Without one these tests are skipped, but not where .ci/run has asked for it."""
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        sentence = "no Chromium was found: apt-get install chromium"
        if os.environ.get("WEAKSEG_BROWSER") == "required":
            pytest.fail(sentence)
        pytest.skip(sentence)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    """A page of 1280×800 pixels; anything that its console complains of fails the test.

    But that the server does not answer: it may end before the page, which goes on asking.
    """
    complaints: list[str] = []
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(10_000)
    opened = context.new_page()
    opened.on(
        "console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None
    )
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    context.close()
    assert [text for text in complaints if "ERR_CONNECTION_REFUSED" not in text] == []
