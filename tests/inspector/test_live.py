"""The page of a run that is at work."""

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from weakseg.evaluation.health.record import StageHealth, Warning, write_health
from weakseg.inspector import at_work, watch
from weakseg.storage.progress import Progress, progress_path, reporting

EMPTY = Warning(
    "attention.empty",
    "cat has no attention in 2 of 4 images.",
    "The classifier has not learnt this class yet.",
    "attention.training.iterations: 1200",
    ("cat",),
    ("img-03", "img-06"),
)
HEALTH = StageHealth(
    "attention_maps",
    "1 of 3 classes without attention",
    6,
    by_image={"img-03": 1.0, "img-06": 0.5},
    warnings=(EMPTY,),
)
HISTORY = "segmenter/round-1/history.csv"
WEIGHTS = "segmenter/round-1/weights.pt"


class Growing:
    """A run of which only the configuration is there; its other files come one after another."""

    def __init__(self, run: Path, rest: Path) -> None:
        self.folder, self.rest = run, rest
        run.rename(rest)
        (run / "configs").mkdir(parents=True)
        shutil.copy(rest / "configs/run.json", run / "configs/run.json")

    def give(self, *places: str) -> None:
        """Files or folders of the finished run."""
        for place in places:
            target = self.folder / place
            target.parent.mkdir(parents=True, exist_ok=True)
            if (self.rest / place).is_dir():
                shutil.copytree(self.rest / place, target)
            else:
                shutil.copy(self.rest / place, target)

    def make(self, place: str) -> None:
        """An empty file."""
        (self.folder / place).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / place).touch()

    def maps(self) -> None:
        """Data set, attention maps and their health."""
        self.give("dataset", "attention/maps")
        self.make("attention/maps/shard-1-of-1.csv")
        write_health(self.folder / "evaluation/health/attention_maps.json", [HEALTH])

    def say(self, place: str, **values: Any) -> None:
        """Write a progress file as a stage does."""
        now = time.time()
        known = {
            "done": 80,
            "total": 300,
            "unit": "iteration",
            "first": 0,
            "started": now - 40,
            "updated": now,
        }
        path = progress_path(self.folder / place)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(vars(Progress(**(known | values)))), encoding="utf-8")


@pytest.fixture
def growing(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Growing:
    monkeypatch.setattr(watch, "FRESH", 0.0)
    return Growing(small, tmp_path / "rest")


@pytest.fixture
def ask(growing: Growing, asker: Callable[..., Any]) -> Any:
    return asker(growing.folder)


def now(ask: Any) -> dict[str, Any]:
    """Stage → how far it is."""
    return {stage["name"]: stage for stage in ask("GET", "/api/now").json()["stages"]}


def test_a_run_of_which_only_the_configuration_exists_is_shown(ask: Any) -> None:
    run = ask("GET", "/api/run").json()
    assert (run["name"], run["splits"], run["measures"], run["warnings"]) == ("small", {}, [], [])
    assert ask("GET", "/api/images").json() == {"total": 0, "offset": 0, "rows": []}
    assert {stage["state"] for stage in now(ask).values()} == {"waiting"}


def test_new_files_are_seen_without_a_restart(ask: Any, growing: Growing) -> None:
    stamps = [ask("GET", "/api/now").json()["stamp"]]
    for step in (
        lambda: growing.give("dataset"),
        lambda: growing.give("attention/maps"),
        lambda: growing.give("proxy", "evaluation"),
    ):
        step()
        stamps.append(ask("GET", "/api/now").json()["stamp"])
    assert len(set(stamps)) == 4
    assert ask("GET", "/api/now").json()["stamp"] == stamps[-1]
    run = ask("GET", "/api/run").json()
    assert run["splits"] == {"train": 6, "val": 2}
    assert "refined" in run["summary"]["scores"]
    assert "iou" in run["measures"]
    layers = ask("GET", "/api/layers", params={"id": "img-02"}).content
    assert b"attention bird" in layers
    assert b'"refined"' in layers


def test_maps_that_were_made_again_are_read_again(ask: Any, growing: Growing) -> None:
    growing.give("dataset", "attention/maps", "saliency/maps")
    first = ask("GET", "/api/layers", params={"id": "img-02"}).content
    attention, saliency = (
        growing.folder / room / "maps/shard-1-of-1.h5" for room in ("attention", "saliency")
    )
    attention.unlink()
    assert b"attention bird" not in ask("GET", "/api/layers", params={"id": "img-02"}).content
    growing.give("attention/maps/shard-1-of-1.h5")
    assert ask("GET", "/api/layers", params={"id": "img-02"}).content == first
    assert saliency.is_file()


def test_a_file_that_goes_between_two_looks_is_one_sentence(
    ask: Any, growing: Growing, monkeypatch: pytest.MonkeyPatch
) -> None:
    growing.give("dataset", "attention/maps")
    monkeypatch.setattr("weakseg.report.artefacts.existing", lambda paths: [Path("gone.h5")])
    answer = ask("GET", "/api/now")
    assert answer.status_code == 409
    assert "ask again" in answer.json()["error"]


def test_a_stage_at_work_tells_rate_time_left_and_its_curve(ask: Any, growing: Growing) -> None:
    growing.maps()
    growing.give(HISTORY)
    growing.say(WEIGHTS, note="loss 0.31")
    stage = now(ask)["segmenter_train"]
    assert (stage["state"], stage["done"], stage["total"], stage["note"]) == ("working", 80, 300, "loss 0.31")
    assert stage["share"] == pytest.approx(80 / 300)
    assert stage["rate"] == pytest.approx(2.0, rel=0.01)
    assert stage["seconds_left"] == pytest.approx(110, rel=0.01)
    assert ask("GET", "/api/now").json()["histories"]["segmenter"]["iteration"][-1] == 80
    assert now(ask)["attention_maps"]["health"] == HEALTH.line
    growing.say(WEIGHTS, updated=time.time() - at_work.SILENT - 1)
    assert now(ask)["segmenter_train"]["state"] == "silent"
    growing.make(WEIGHTS)  # what a killed stage left beside a finished output does not count
    assert now(ask)["segmenter_train"]["state"] == "finished"


def test_shards_side_by_side_are_one_stage(growing: Growing, configure: Any, asker: Any) -> None:
    configure(growing.folder, shards=4)
    ask = asker(growing.folder)
    growing.make("proxy/fused/shard-1-of-4.csv")
    for part in (2, 3):
        output = f"proxy/fused/shard-{part}-of-4.csv"
        growing.say(output, done=5, total=10, unit="image", started=time.time() - 5)
    stage = now(ask)["proxy_fuse"]
    assert (stage["parts"], stage["shards"], stage["done"], stage["total"]) == (1, 4, 10, 20)
    assert stage["share"] == pytest.approx(0.5)
    assert stage["rate"] == pytest.approx(2.0, rel=0.05)
    assert stage["seconds_left"] == pytest.approx(10.0, rel=0.05)  # ten images of these, ten of the last


def test_doubtful_images_and_those_of_a_warning_are_found(ask: Any, growing: Growing) -> None:
    growing.maps()
    run = ask("GET", "/api/run").json()
    assert run["measures"][0] == "doubt"
    (warning,) = run["warnings"]
    assert (warning["found"], warning["remedy"], warning["images"]) == (EMPTY.found, EMPTY.remedy, 2)
    rows = ask("GET", "/api/images", params={"sort": "doubt", "order": "down"}).json()["rows"]
    assert [row["id"] for row in rows[:2]] == ["img-03", "img-06"]
    assert (rows[0]["doubt"], rows[-1]["doubt"]) == (1.0, None)
    found = ask("GET", "/api/images", params={"warning": warning["name"]}).json()["rows"]
    assert {row["id"] for row in found} == {"img-03", "img-06"}
    assert ask("GET", "/api/images", params={"warning": "nothing"}).status_code == 422


# ------------------------------------------------------------------------------------------- the browser


def stage_of(page: Any, name: str) -> Any:
    return page.locator(f"[data-stage={name}]")


@pytest.mark.slow
def test_the_page_follows_a_run_from_its_configuration_to_its_end(
    page: Any, growing: Growing, serve: Any
) -> None:
    from playwright.sync_api import expect

    with serve(growing.folder) as served:
        page.goto(served.address)
        expect(page.locator(".overview")).to_contain_text("not indexed yet")
        expect(stage_of(page, "dataset_index")).to_have_attribute("data-state", "waiting")
        growing.maps()
        expect(stage_of(page, "attention_maps")).to_contain_text(HEALTH.line)
        expect(page.locator(".title")).to_contain_text("6 train + 2 val images")
        expect(page.locator(".warnings")).to_contain_text(EMPTY.remedy)
        growing.give(HISTORY)
        with reporting(growing.folder / WEIGHTS, 300, "iteration") as reporter:
            time.sleep(0.6)
            reporter.advance(60, "loss 0.5")
            line = stage_of(page, "segmenter_train")
            expect(line).to_contain_text("60 of 300 iterations")
            expect(line).to_contain_text("left")
            expect(page.get_by_role("status").first).to_have_text("At work: segmenter training.")
            chart = page.locator(".stages + .charts svg")
            expect(chart).to_have_attribute("aria-label", "segmenter: loss from 2 to 0.25 over 80 iterations")
            with (growing.folder / HISTORY).open("a", encoding="utf-8") as file:
                file.write("90,9,0.01,0.125,1.5\n")
            expect(chart).to_have_attribute(
                "aria-label", "segmenter: loss from 2 to 0.125 over 90 iterations"
            )
        growing.give("proxy", "evaluation/refined.json")
        growing.make(WEIGHTS)
        expect(line).to_have_attribute("data-state", "finished")
        expect(page.locator(".overview table").first).to_contain_text("refined proxies")
        page.get_by_role("link", name="look at 2 images").click()
        expect(page.locator(".tile")).to_have_count(2)
        page.locator("nav").get_by_role("link", name="Gallery").click()
        page.locator("[name=warning]").select_option("any")
        assert page.locator(".tile").first.get_attribute("data-id") == "img-03"
        expect(page.locator(".legend")).to_have_text("birdcatdogundecided")


@pytest.mark.slow
def test_without_masks_the_stages_tell_their_health_in_place_of_scores(
    page: Any, growing: Growing, serve: Any
) -> None:
    from playwright.sync_api import expect

    growing.maps()
    growing.give("evaluation/refined.json")
    path = growing.folder / "evaluation/refined.json"
    unscored = json.loads(path.read_text(encoding="utf-8")) | {"images": 0, "miou": None}
    path.write_text(json.dumps(unscored), encoding="utf-8")
    with serve(growing.folder) as served:
        page.goto(served.address)
        expect(page.locator(".overview")).to_contain_text("No image has a mask")
        expect(page.locator(".overview table", has_text="mIoU")).to_have_count(0)
        expect(stage_of(page, "attention_maps")).to_contain_text(HEALTH.line)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_of_a_run_at_work_is_accessible_and_fits(
    page: Any, growing: Growing, serve: Any, scheme: str, width: int
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    growing.maps()
    growing.give(HISTORY, "proxy", "evaluation/refined.json", "evaluation/fused.json")
    growing.say(WEIGHTS, note="loss 0.31")
    growing.say("saliency/weights.pt", updated=time.time() - 500)
    page.set_viewport_size({"width": width, "height": 844})
    page.emulate_media(color_scheme=scheme)
    with serve(growing.folder) as served:
        for view, ready in (
            ("#/overview", ".stages progress"),
            ("#/gallery", ".tile img"),
            ("#/image", "canvas"),
        ):
            page.goto("about:blank")
            page.goto(served.address + view)
            page.locator(ready).first.wait_for()
            found = Axe().run(page).response["violations"]
            assert [(item["id"], item["nodes"][0]["html"]) for item in found] == [], view
            assert page.evaluate("document.documentElement.scrollWidth") <= width, view
