"""The report of a run: tables and figures."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from weakseg.dataset.index import Index
from weakseg.dataset.records import Record
from weakseg.errors import InputError
from weakseg.evaluation.score import Score, read_score, write_json
from weakseg.evaluation.table import ceiling_line, score_csv, score_text
from weakseg.report.costs import working_seconds
from weakseg.report.figures.charts import colours_of, draw_curve, draw_per_class, draw_training
from weakseg.report.figures.montage import draw_montage, evenly, find
from weakseg.report.figures.sources import open_sources
from weakseg.report.first_page import Result, first_page
from weakseg.report.machine import machine, versions
from weakseg.report.page import score_page
from weakseg.report.progress import existing, located
from weakseg.report.results import Results, read_results
from weakseg.report.supervision import sentence_of
from weakseg.run.health import run_health
from weakseg.run.opened import CONFIG
from weakseg.run.table import Table
from weakseg.storage.atomic import write_text
from weakseg.storage.weights import file_sha256, load_weights


def write_summary(table: Table) -> str:
    """Write the report's tables and figures into `<run>/evaluation`, each atomically.

    Returns:
        The score table as aligned text, for a terminal.

    Raises:
        InputError: there is no score yet, the ceiling does not fit, or a file of the run is damaged.
    """
    results = read_results(table, table.of("all"))
    scores, names, last = list(results.scores.values()), results.names, last_score(table, results)
    _check(table, results)
    ceiling = (
        None if table.ceiling is None or last is None else weak_over_full(last, read_score(table.ceiling))
    )
    weights = _provenances(table)
    line = None if results.supervision is None else results.supervision.line
    page = score_page(scores, names, results.costs, ceiling, weights, results.localisation, line)
    write_text(table.evaluation("scores.csv"), score_csv(scores, names))
    write_text(table.evaluation("scores.html"), page)
    write_json(table.evaluation("summary.json"), _content(results, ceiling, weights))
    draw_per_class(scores, names, colours_of(table.of("all")), table.evaluation("per_class.png"))
    draw_curve(next((score for score in scores if score.curve), None), table.evaluation("curve.png"))
    draw_training(results.curves, table.evaluation("training.png"))
    _draw_montages(table, results.index, last)
    result = _result(table, results, ceiling_line(ceiling) if ceiling else None)
    write_text(table.evaluation("result.html"), first_page(result))
    lines = [score_text(scores, names), ceiling_line(ceiling) if ceiling else None, line]
    return "\n".join(each for each in lines if each is not None)


def last_score(table: Table, results: Results) -> Score | None:
    """The run's final score: of the refined predictions in the last scored round."""
    ranked = [score.name for stage, score in table.scored() if stage.rule == table.last.rule]
    return next((results.scores[name] for name in reversed(ranked) if name in results.scores), None)


def weak_over_full(weak: Score, full: Score) -> dict[str, float | None]:
    """`weak`, `full` and `ratio` of the segmenters' mIoU; `None` if not scored.

    Raises:
        InputError: the two were not scored on the same split, number of images and classes.
    """
    ours, theirs = ((item.split, item.images, set(item.per_class)) for item in (weak, full))
    if ours != theirs:
        raise InputError(
            f"the ceiling was scored on {full.images} {full.split} images of {len(full.per_class)} classes, "
            f"this run on {weak.images} {weak.split} images of {len(weak.per_class)}; the same images and "
            "classes were expected: run the ceiling on this data set."
        )
    ratio = weak.miou / full.miou if weak.miou is not None and full.miou else None
    return {"weak": weak.miou, "full": full.miou, "ratio": ratio}


def worst(index: Index, score: Score | None, count: int) -> list[Record]:
    """The `count` records with the lowest IoU, worst first; images without IoU are left out."""
    every = {} if score is None else score.per_image
    scored = sorted((iou, name) for name, iou in every.items() if iou is not None)
    return find(index, [name for _, name in scored[:count]])


def _check(table: Table, results: Results) -> None:
    for name, score in results.scores.items():
        if set(score.per_class) != set(results.names):
            raise InputError(
                f"{table.evaluation(f'{name}.json')} names the classes {', '.join(sorted(score.per_class))}; "
                f"{', '.join(results.names)} were expected: delete it and run snakemake again."
            )


def _provenances(table: Table) -> dict[str, dict[str, str]]:
    """File of a trained network → its room, its SHA-256 and its initial weights."""
    provenances = {}
    for stage in table.trainings():
        if stage.weights.is_file():
            initial = load_weights(stage.weights, stage.room).initial
            own = {"room": stage.room, "sha256": file_sha256(stage.weights)}
            own |= {f"initial {name}": str(value) for name, value in initial.items()}
            provenances[stage.weights.as_posix()] = own
    return provenances


def _content(
    results: Results, ceiling: Mapping[str, float | None] | None, weights: Mapping[str, Mapping[str, str]]
) -> dict[str, Any]:
    left_out = ("curve", "per_image", "stage")  # long, and in the score's own file
    return {
        "scores": {
            name: {key: value for key, value in asdict(score).items() if key not in left_out}
            for name, score in results.scores.items()
        },
        "localisation": None if results.localisation is None else asdict(results.localisation),
        "images_per_second": results.images_per_second,
        "rules": {name: asdict(cost) for name, cost in results.costs.items()},
        "ceiling": ceiling,
        "weights": weights,
        "supervision": None if results.supervision is None else asdict(results.supervision),
    }


def _result(table: Table, results: Results, ceiling: str | None) -> Result:
    """What the report's first page shows."""
    titles = {score.name: score.title for _, score in table.scored()}
    last = table.last.score
    return Result(
        name=table.folder.name,
        scores={titles[name]: score for name, score in results.scores.items()},
        last=last.title if last is not None else "",
        ceiling=ceiling,
        health=run_health(table),
        supervision="" if results.supervision is None else sentence_of(results.supervision),
        sample=table.evaluation("montage-sample.png"),
        facts=_facts(table),
        is_ceiling=not table.is_weak,
        titles={stage.name: stage.title for stage in table.stages},
    )


def _facts(table: Table) -> dict[str, str]:
    """How the run was made, for the report's first page."""
    from weakseg.training.precision import resolve

    trainings = [stage for stage in table.trainings() if not stage.is_reused]
    written = {stage.room: str(getattr(table.config, stage.room).training.precision) for stage in trainings}
    precision = [
        f"{room} {value if value != 'auto' else f'{resolve(value)} (auto)'}"
        for room, value in written.items()
    ]
    seconds = working_seconds(existing(table.benchmarks("all")))
    config = (table.folder / CONFIG).as_posix()
    return {
        "machine": machine(),
        "precision": ", ".join(precision) or "nothing was trained",
        "time": f"{seconds / 60:.1f} minutes in which at least one stage was at work",
        "versions": ", ".join(f"{name} {text}" for name, text in versions().items()),
        "command": f"snakemake --cores all --configfile {config}",
        "look closer": f"weakseg inspect {table.folder.as_posix()}",
    }


def _draw_montages(table: Table, index: Index, last: Score | None) -> None:
    shown = table.config.evaluation
    montages = (
        (
            "montage-sample.png",
            evenly(index.split(shown.split), shown.sample),
            "evaluation.sample is 0: no images to show.",
        ),
        (
            "montage-worst.png",
            worst(index, last, shown.worst),
            "No image has a mask to rank it by, or evaluation.worst is 0.",
        ),
    )
    with open_sources(table, table.of("all")) as sources:
        for name, records, empty in montages:
            here = [located(table, record) for record in records]
            draw_montage(index, here, sources, table.evaluation(name), empty)
