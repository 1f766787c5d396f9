"""`weakseg evaluate …`."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weakseg.errors import InputError
from weakseg.evaluation.settings import EvaluationConfig, SupervisionConfig
from weakseg.options import (
    ManyValues,
    classes_option,
    config_option,
    index_option,
    labels_option,
    out_option,
    split_option,
)
from weakseg.settings.reading import read_stage

if TYPE_CHECKING:
    from weakseg.evaluation.montage import Sources
    from weakseg.storage.shards import ShardReader

FILE = click.Path(path_type=Path)
LABEL_STAGES = ("fused", "refined", "segmenter", "segmenter-crf")
ROUND_STAGES = ("relabelled", "segmenter", "segmenter-crf")


def _label_stage(context: click.Context, option: click.Parameter, value: str) -> str:
    """One of the stages, or one of a further round, such as `segmenter-2`."""
    name, _, number = value.rpartition("-")
    if value in LABEL_STAGES or (name in ROUND_STAGES and number.isdigit() and int(number) > 1):
        return value
    known = [*LABEL_STAGES, *(f"{name}-2" for name in ROUND_STAGES)]
    raise click.BadParameter(
        f"{value!r} was given; one of {', '.join(known)} (or a later round's) was expected.", context, option
    )


def _named_files(
    context: click.Context, option: click.Parameter, values: tuple[str, ...]
) -> list[tuple[str, Path]]:
    """Split every `NAME=FILE` at its first `=`."""
    pairs = [value.partition("=") for value in values]
    for name, _, file in pairs:
        if not name or not file:
            raise click.BadParameter("NAME=FILE was expected.", context, option)
    return [(name, Path(file)) for name, _, file in pairs]


def _artefacts(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say what montages show; what is not given stays empty."""
    for name, text in (
        ("predictions", "Folder of the segmenter's label maps."),
        ("refined", "Folder of refined proxy labels."),
        ("fused", "Folder of fused proxy labels."),
    ):
        command = click.option(f"--{name}", type=FILE, help=text)(command)
    for name in ("saliency", "attention"):
        command = click.option(f"--{name}", type=FILE, multiple=True, help=f"Shards of {name} maps.")(command)
    return command


@click.group()
def evaluate() -> None:
    """Score attention maps, proxy labels and predictions; make the report's figures."""


@evaluate.command("attention", cls=ManyValues)
@index_option
@classes_option
@split_option
@click.option("--maps", type=FILE, multiple=True, required=True, help="Shards of attention maps.")
@click.option("--curve", type=FILE, help="A picture (PNG) of the scores over the thresholds to draw.")
@out_option
def attention_command(
    index: Path,
    classes: Path,
    split: str,
    maps: tuple[Path, ...],
    curve: Path | None,
    out: Path,
) -> None:
    """Score attention maps at every background threshold from 0.00 to 1.00, in one pass."""
    from weakseg.dataset.index import read_index
    from weakseg.evaluation.figures import draw_curve
    from weakseg.evaluation.scores import score_attention, write_score
    from weakseg.evaluation.table import score_line

    score = score_attention(read_index(index, classes), split, _reader(maps))
    write_score(out, score)
    if curve is not None:
        draw_curve(score, curve)
    best = "" if score.threshold is None else f", at the threshold {score.threshold:.2f}"
    click.echo(score_line(score) + best)


@evaluate.command("localisation", cls=ManyValues)
@config_option
@index_option
@classes_option
@split_option
@click.option("--maps", type=FILE, multiple=True, required=True, help="Shards of attention maps.")
@click.option("--class-scores", type=FILE, multiple=True, help="Their tables of class scores.")
@out_option
def localisation_command(
    config: Path,
    index: Path,
    classes: Path,
    split: str,
    maps: tuple[Path, ...],
    class_scores: tuple[Path, ...],
    out: Path,
) -> None:
    """Score boxes from attention maps against true boxes: GT-known, top-1, top-5, MaxBoxAcc."""
    from weakseg.dataset.index import read_index
    from weakseg.evaluation.localisation import localise, read_cases, write_localisation

    settings = read_stage(config, EvaluationConfig)
    data = read_index(index, classes)
    found = localise(split, read_cases(data, split, _reader(maps), class_scores, settings.boxes))
    write_localisation(out, found)
    share = "–" if found.gt_known is None else f"{found.gt_known:.4f}"
    click.echo(f"localisation on {split}: {found.cases} cases, GT-known {share}")


@evaluate.command("detector", cls=ManyValues)
@config_option
@index_option
@classes_option
@split_option
@click.option(
    "--boxes", type=FILE, multiple=True, required=True, help="Files of boxes in COCO's results format."
)
@click.option(
    "--least",
    type=click.FloatRange(0, 1),
    default=0.005,
    show_default=True,
    help="Share of the image below which a region of a mask gives no true box.",
)
@out_option
def detector_command(
    config: Path, index: Path, classes: Path, split: str, boxes: tuple[Path, ...], least: float, out: Path
) -> None:
    """Score a detector's boxes by COCO's mean average precision, beside random boxes (needs the extra `detector`)."""
    from weakseg.dataset.index import read_index
    from weakseg.evaluation.detection import detection_line, score_detector
    from weakseg.evaluation.scores import write_json

    settings = read_stage(config, EvaluationConfig)
    found = score_detector(read_index(index, classes), split, boxes, settings.boxes, least)
    write_json(out, found)
    click.echo(detection_line(found))


@evaluate.command("labels")
@index_option
@classes_option
@split_option
@click.option("--stage", required=True, callback=_label_stage, help="What the labels are.")
@labels_option
@out_option
def labels_command(index: Path, classes: Path, split: str, stage: str, labels: Path, out: Path) -> None:
    """Score label maps: proxies or predictions."""
    from weakseg.dataset.index import read_index
    from weakseg.evaluation.scores import score_labels, write_score
    from weakseg.evaluation.table import score_line

    score = score_labels(read_index(index, classes), split, stage, labels)
    write_score(out, score)
    click.echo(score_line(score))


@evaluate.command("saliency", cls=ManyValues)
@click.option("--maps", type=FILE, help="Folder of grey PNGs, at any depth.")
@click.option("--masks", type=FILE, help="Folder of masks of the same names; with --maps.")
@click.option(
    "--foreground",
    type=click.Choice(["bright", "nonzero"]),
    default="bright",
    show_default=True,
    help="What is the object in --masks: 128 and more of 255, or any value but 0 and 255.",
)
@click.option("--shards", type=FILE, multiple=True, help="Instead: shards of saliency maps of a run.")
@click.option("--index", type=FILE, help="The run's index.csv; with --shards.")
@click.option("--classes", type=FILE, help="The run's classes.csv; with --shards.")
@split_option
@click.option("--sequences", is_flag=True, help="Score each folder of --maps, a video, and then their mean.")
@out_option
def saliency_command(
    maps: Path | None,
    masks: Path | None,
    foreground: str,
    shards: tuple[Path, ...],
    index: Path | None,
    classes: Path | None,
    split: str,
    sequences: bool,
    out: Path,
) -> None:
    """Score saliency maps: mean absolute error, F, weighted F, S and E measures (needs the extra `quality`)."""
    from weakseg.dataset.index import read_index
    from weakseg.evaluation.quality import folder_pairs, index_pairs, quality_text, score_quality
    from weakseg.evaluation.scores import write_json

    if maps is not None and masks is not None:
        pairs = folder_pairs(maps, masks, foreground)
    elif shards and index is not None and classes is not None:
        pairs = index_pairs(read_index(index, classes), split, _reader(shards))
    else:
        raise InputError(
            "maps and masks were expected: give --maps and --masks, or --shards, --index and --classes."
        )
    found = score_quality(pairs, sequences)
    write_json(out, found)
    click.echo(quality_text(found))


@evaluate.command("supervision", cls=ManyValues)
@config_option
@click.option(
    "--weights", multiple=True, metavar="ROOM=FILE", callback=_named_files, help="weights.pt of a room."
)
@click.option(
    "--outside",
    multiple=True,
    metavar="ROOM=PATH",
    callback=_named_files,
    help="ONNX file or folder that gives a room's maps in place of a training.",
)
@click.option("--unsupervised", multiple=True, metavar="ROOM", help="Room whose maps need no labels.")
@out_option
def supervision_command(
    config: Path,
    weights: list[tuple[str, Path]],
    outside: list[tuple[str, Path]],
    unsupervised: tuple[str, ...],
    out: Path,
) -> None:
    """Write what supervision entered a run, file by file and in one line."""
    from weakseg.evaluation.scores import write_json
    from weakseg.evaluation.supervision import ledger

    settings = read_stage(config, SupervisionConfig)
    files = {name: (said.data, said.labels) for name, said in settings.files.items()}
    found = ledger(weights, outside, unsupervised, files)
    write_json(out, found)
    click.echo(found["line"])


@evaluate.command("summary", cls=ManyValues)
@config_option
@index_option
@classes_option
@click.option("--scores", type=FILE, multiple=True, required=True, help="Score files of the stages.")
@click.option(
    "--history", multiple=True, metavar="NAME=FILE", callback=_named_files, help="history.csv of a training."
)
@click.option(
    "--benchmark",
    multiple=True,
    metavar="NAME=FILE",
    callback=_named_files,
    help="Benchmark file of a rule; shards share a name.",
)
@_artefacts
@click.option("--weights", type=FILE, multiple=True, help="weights.pt of a room, to name its provenance.")
@click.option("--localisation", type=FILE, help="localisation.json of the run.")
@click.option("--ceiling-scores", type=FILE, help="segmenter-crf.json of the run trained on masks.")
@click.option("--supervision", type=FILE, help="supervision.json of the run.")
@click.option("--out", type=FILE, required=True, help="Folder of tables and figures.")
def summary_command(
    config: Path,
    index: Path,
    classes: Path,
    scores: tuple[Path, ...],
    history: list[tuple[str, Path]],
    benchmark: list[tuple[str, Path]],
    weights: tuple[Path, ...],
    localisation: Path | None,
    ceiling_scores: Path | None,
    supervision: Path | None,
    out: Path,
    **artefacts: Any,
) -> None:
    """Write the report's tables and figures into OUT and print the score table."""
    from weakseg.dataset.index import read_index
    from weakseg.evaluation.localisation import read_localisation
    from weakseg.evaluation.logs import read_costs, read_history
    from weakseg.evaluation.scores import read_score
    from weakseg.evaluation.summary import Material, write_summary
    from weakseg.evaluation.supervision import read_ledger

    settings = read_stage(config, EvaluationConfig)
    material = Material(
        index=read_index(index, classes),
        split=settings.split,
        sample=settings.sample,
        worst=settings.worst,
        scores=[read_score(path) for path in scores],
        histories={name: read_history(path) for name, path in history},
        costs=read_costs(benchmark),
        sources=_sources(**artefacts),
        localisation=None if localisation is None else read_localisation(localisation),
        ceiling=None if ceiling_scores is None else read_score(ceiling_scores),
        weights={path.as_posix(): _provenance(path) for path in weights},
        supervision=None if supervision is None else read_ledger(supervision),
    )
    click.echo(write_summary(material, out))


def _sources(
    attention: tuple[Path, ...],
    saliency: tuple[Path, ...],
    fused: Path | None,
    refined: Path | None,
    predictions: Path | None,
) -> "Sources":
    from weakseg.evaluation.montage import Sources

    return Sources(
        attention=_reader(attention) if attention else None,
        saliency=_reader(saliency) if saliency else None,
        fused=fused,
        refined=refined,
        predictions=predictions,
    )


def _reader(paths: tuple[Path, ...]) -> "ShardReader":
    """A reader that is closed when the command ends, however it ends."""
    from weakseg.storage.shards import ShardReader

    reader = ShardReader(paths)
    click.get_current_context().call_on_close(reader.close)
    return reader


def _provenance(path: Path) -> dict[str, str]:
    """Digest of a weights file and of what it was started from; its folder is named like its room.

    A later round's folder lies in that.
    """
    from weakseg.storage.weights import file_sha256, load_weights

    folder = path.resolve().parent
    weights = load_weights(path, (folder.parent if folder.name.startswith("round-") else folder).name)
    initial = {f"initial {name}": str(value) for name, value in weights.initial.items()}
    return {"room": weights.room, "sha256": file_sha256(path)} | initial
