"""`weakseg evaluate health`, `health-all` and `health-stop`."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weakseg.dataset.data_options import data_options
from weakseg.errors import InputError
from weakseg.evaluation.settings import HealthConfig
from weakseg.options import ManyValues, config_option, out_option, split_option
from weakseg.settings.reading import read_stage

if TYPE_CHECKING:
    from weakseg.dataset.index import Index
    from weakseg.evaluation.health.advice import Advice
    from weakseg.evaluation.health.inputs import Artefacts
    from weakseg.evaluation.health.record import StageHealth

FILE = click.Path(path_type=Path)


@click.command("health", cls=ManyValues)
@config_option
@data_options
@split_option
@click.option("--stage", required=True, metavar="NAME", help="Which check: attention_maps, proxy_fuse, …")
@click.option("--run-config", type=FILE, help="The run's values, for what to try instead (configs/run.json).")
@click.option("--attention", type=FILE, multiple=True, help="Shards of attention maps.")
@click.option("--class-scores", type=FILE, multiple=True, help="Their tables of class scores.")
@click.option("--saliency", type=FILE, multiple=True, help="Shards of saliency maps.")
@click.option("--labels", type=FILE, help="Folder of the stage's label PNGs.")
@click.option("--before", type=FILE, help="Folder of the label PNGs that they are compared with.")
@out_option
def health(
    config: Path,
    data: "Index",
    split: str,
    stage: str,
    run_config: Path | None,
    attention: tuple[Path, ...],
    class_scores: tuple[Path, ...],
    saliency: tuple[Path, ...],
    labels: Path | None,
    before: Path | None,
    out: Path,
) -> None:
    """Say what looks wrong in the files of one stage. No mask is read."""
    from weakseg.evaluation.health.advice import Advice, read_now
    from weakseg.evaluation.health.inputs import Artefacts
    from weakseg.evaluation.health.record import write_health
    from weakseg.evaluation.health.text import health_text
    from weakseg.storage.shards import ShardReader

    now = {} if run_config is None else read_now(run_config)
    advice = Advice(read_stage(config, HealthConfig), now)
    readers = [ShardReader(files) if files else None for files in (attention, saliency)]
    for reader in readers:
        if reader is not None:
            click.get_current_context().call_on_close(reader.close)
    artefacts = Artefacts(data, readers[0], class_scores, readers[1], labels, before)
    found = _check(stage, artefacts, split, advice)
    write_health(out, [found])
    click.echo(health_text([found]))


def _check(stage: str, artefacts: "Artefacts", split: str, advice: "Advice") -> "StageHealth":
    rule = stage.partition("-")[0]
    needed, check = CHECKS.get(rule, ((), None))
    if check is None:
        raise InputError(f"--stage {stage} is not checked; {', '.join(CHECKS)} was expected.")
    lacking = [name for name in needed if getattr(artefacts, name.replace("-", "_")) is None]
    if lacking:
        raise InputError(f"--stage {stage} needs --{lacking[0]}, but none was given; add it.")
    return check(stage, artefacts, split, advice)


def _attention(stage: str, artefacts: "Artefacts", split: str, advice: "Advice") -> "StageHealth":
    from weakseg.evaluation.health.attention import check_attention

    held_out = list(artefacts.attended("val", with_maps=False)) if artefacts.class_scores else []
    held_out = [image for image in held_out if image.scores is not None]
    return check_attention(artefacts.attended(split), held_out, artefacts.index.classes, advice)


def _saliency(stage: str, artefacts: "Artefacts", split: str, advice: "Advice") -> "StageHealth":
    from weakseg.evaluation.health.saliency import check_saliency

    return check_saliency(artefacts.salient(split), advice)


def _labels(stage: str, artefacts: "Artefacts", split: str, advice: "Advice") -> "StageHealth":
    from weakseg.evaluation.health.proxy import check_labels

    return check_labels(stage, [*artefacts.label_maps(split)], artefacts.index.classes, advice)


def _refined(stage: str, artefacts: "Artefacts", split: str, advice: "Advice") -> "StageHealth":
    from weakseg.evaluation.health.doubt import doubt_of, signals
    from weakseg.evaluation.health.proxy import check_labels, labelled

    classes = artefacts.index.classes
    images, doubt = [], {}
    for record, view in artefacts.views(split):
        images.append(labelled(record.id, view.refined, record.labels, classes, before=view.fused))
        doubt[record.id] = doubt_of(signals(view))
    return check_labels(stage, images, classes, advice, doubt)


def _predictions(stage: str, artefacts: "Artefacts", split: str, advice: "Advice") -> "StageHealth":
    from weakseg.evaluation.health.segmenter import check_predictions

    images = [*artefacts.predictions(split)]
    return check_predictions(stage, images, split, artefacts.index.classes, advice)


Check = Callable[[str, "Artefacts", str, "Advice"], "StageHealth"]
CHECKS: dict[str, tuple[tuple[str, ...], Check]] = {
    "attention_maps": (("attention",), _attention),
    "saliency_maps": (("saliency",), _saliency),
    "proxy_fuse": (("attention", "saliency", "labels"), _labels),
    "proxy_refine": (("attention", "saliency", "labels", "before"), _refined),
    "segmenter_relabel": (("labels",), _labels),
    "segmenter_predict": (("labels",), _predictions),
}
"""Rule → the options that its check needs, and the check."""


@click.command("health-all")
@click.argument("files", type=FILE, nargs=-1)
@out_option
def health_all(files: tuple[Path, ...], out: Path) -> None:
    """Join the health FILES of all stages into one, and print them."""
    from weakseg.evaluation.health.record import read_health, write_health
    from weakseg.evaluation.health.text import health_text

    stages = [stage for file in files for stage in read_health(file)]
    write_health(out, stages)
    click.echo(health_text(stages))


@click.command("health-stop")
@click.argument("files", type=FILE, nargs=-1)
def health_stop(files: tuple[Path, ...]) -> None:
    """Fail if the health FILES of stages hold a signal that `health.stop` names."""
    from weakseg.evaluation.health.text import refuse

    refuse(files)
