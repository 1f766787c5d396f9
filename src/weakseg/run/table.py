"""The table of a run: its stages in the order of the chain, made from the configuration.

A stage is one step of the chain: a rule of the workflow, and of the segmenter a round. Rules, summary, report, `show`,
`compare`, `inspect` and the ledger learn from this table what a run contains.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from weakseg.config import Config

SHARD = "{scatteritem}"
"""Stands for a shard, such as `2-of-8`, in a file's name; Snakemake's own name for it."""
TARGETS = ("all", "proxies", "detector")
"""What users ask the workflow for."""


@dataclass(frozen=True)
class Score:
    """What the maps or labels of a stage are scored as.

    Attributes:
        name: of the score's file and of its row in tables: `refined`, `segmenter-crf-2`.
        title: in words: `refined proxies`, `segmenter with CRF, round 2`.
        split: the images that are scored.
    """

    name: str
    title: str
    split: str


@dataclass(frozen=True)
class Stage:
    """One step of the chain.

    Attributes:
        rule: name of the rule that makes it.
        room: whose command the rule runs.
        run: folder of the run that makes it; another one where it is reused.
        place: folder of its files below that, `segmenter/round-2`.
        declared: the files that its rule declares, below `place`; with `SHARD` in the name, one for each shard.
        targets: which of `TARGETS` ask for its files.
        shards: parts that it runs in; 0 where it runs as a whole.
        round: of the segmenter; 0 for the other rooms.
        trains: whether it trains a network, so that `weights.pt` and `history.csv` are among its files.
        is_reused: whether another run makes it.
        score: what it is scored as.
        labels: folder of its label maps below `place`, PNGs named like the images.
        is_timed: whether Snakemake measures its time and memory.
    """

    rule: str
    room: str
    run: Path
    place: str
    declared: tuple[str, ...]
    targets: frozenset[str]
    shards: int = 0
    round: int = 0
    trains: bool = False
    is_reused: bool = False
    score: Score | None = None
    labels: str | None = None
    is_timed: bool = True

    @property
    def name(self) -> str:
        """The rule, from the second round on with the round: `segmenter_train-2`."""
        return f"{self.rule}-{self.round}" if self.round > 1 else self.rule

    @property
    def folder(self) -> Path:
        """Where its files lie."""
        return self.run / self.place

    @property
    def pattern(self) -> str:
        """The first of its files, with `SHARD` in the name where there are several."""
        return (self.folder / self.declared[0]).as_posix()

    @property
    def files(self) -> list[Path]:
        """All files that its rule declares."""
        return [path for name in self.declared for path in self._every(self.folder / name)]

    @property
    def shard_files(self) -> list[Path]:
        """The first of its files for every shard."""
        return self._every(Path(self.pattern))

    @property
    def class_scores(self) -> list[Path]:
        """The second of its files for every shard: of attention maps the table of the classifier's scores."""
        return self._every(self.folder / self.declared[1])

    @property
    def label_folder(self) -> Path:
        """Folder of its label maps."""
        return self.folder / (self.labels or "")

    @property
    def weights(self) -> Path:
        """The network that it trains."""
        return self.folder / "weights.pt"

    @property
    def history(self) -> Path:
        """The losses of its training."""
        return self.folder / "history.csv"

    @property
    def benchmarks(self) -> list[Path]:
        """Its time and memory, a file for each job; none where another run made it."""
        parts = ["benchmarks", self.rule, *([f"round-{self.round}"] if self.round else [])]
        path = Path(self.run, *parts, *([SHARD] if self.shards else []))
        return [] if self.is_reused or not self.is_timed else self._every(path.with_name(f"{path.name}.tsv"))

    def _every(self, path: Path) -> list[Path]:
        if SHARD not in path.name:
            return [path]
        return [
            path.with_name(path.name.replace(SHARD, f"{part}-of-{self.shards}"))
            for part in range(1, self.shards + 1)
        ]


class Table:
    """All stages of a run.

    Args:
        config: of the run, what it reuses resolved (`run.reuse`).
        root: the folder that holds the runs' folders.

    Attributes:
        config: of the run.
        folder: of the run.
        stages: in the order of the chain.
    """

    def __init__(self, config: Config, root: Path = Path("results")) -> None:
        self.config, self.folder = config, root / config.run
        self.stages = tuple(_chain(config, root))
        self._named = {stage.name: stage for stage in self.stages}

    def __getitem__(self, name: str) -> Stage:
        return self._named[name]

    def __contains__(self, name: str) -> bool:
        return name in self._named

    def makes(self, name: str) -> bool:
        """Whether this run makes a stage that `all` or `detector` asks for, and no other run made it."""
        asked = name in self and not self[name].is_reused
        return asked and bool(self[name].targets & {"all", "detector"})

    def of(self, target: str) -> list[Stage]:
        """The stages whose files a target asks for."""
        return [stage for stage in self.stages if target in stage.targets]

    def scored(self, target: str = "all") -> list[tuple[Stage, Score]]:
        """The stages that are scored for a target, each with what it is scored as."""
        return [(stage, stage.score) for stage in self.of(target) if stage.score is not None]

    def trainings(self, target: str = "all") -> list[Stage]:
        """The stages that train a network."""
        return [stage for stage in self.of(target) if stage.trains]

    @property
    def scores(self) -> dict[str, Stage]:
        """Name of a score → the stage that is scored, in the order of the chain."""
        return {stage.score.name: stage for stage in self.stages if stage.score is not None}

    @property
    def label_scores(self) -> list[str]:
        """Names of the scores of label maps."""
        return [name for name, stage in self.scores.items() if stage.labels is not None]

    @property
    def is_weak(self) -> bool:
        """Whether the run is made of image labels, and not of true masks."""
        return self.config.segmenter.labels == "proxy"

    @property
    def last(self) -> Stage:
        """The last round's refined predictions, which say how good the run is."""
        return [stage for stage in self.stages if stage.rule == "segmenter_refine"][-1]

    def label_files_for(self, number: int | str) -> list[Path]:
        """The tables of the label maps that a round of the segmenter is trained on; none where it trains on masks."""
        if not self.is_weak:
            return []
        return self["proxy_refine" if int(number) == 1 else f"segmenter_relabel-{number}"].shard_files

    def round(self, number: int | str) -> Path:
        """Folder of a round of the segmenter."""
        return self.folder / "segmenter" / f"round-{number}"

    def evaluation(self, name: str) -> Path:
        """A file of scores, figures or the ledger."""
        return self.folder / "evaluation" / name

    def kept(self, target: str) -> list[Path]:
        """All that a target keeps.

        Snakemake makes a missing file only where something asks for it. The targets ask for these, so that what was
        deleted (because it was damaged, by mistake, or by Snakemake when a job failed that had made it before) is made
        again by the same command.
        """
        scores = [self.evaluation(f"{score.name}.json") for _, score in self.scored(target)]
        return [file for stage in self.of(target) for file in stage.files] + scores

    def benchmarks(self, target: str) -> list[Path]:
        """Time and memory of everything that a target keeps."""
        return [file for stage in self.of(target) for file in stage.benchmarks]

    @property
    def ceiling(self) -> Path | None:
        """The score of the run that is trained on masks, by which the report divides."""
        name = self.config.evaluation.ceiling
        return None if name is None else self.folder.parent / name / "evaluation" / "segmenter-crf.json"


def _chain(config: Config, root: Path) -> Iterator[Stage]:
    """The stages of a run.

    A run that trains on masks has no weak stages (made from image labels) unless they are asked for.
    """
    own = root / config.run
    is_weak = config.segmenter.labels == "proxy"
    weak = frozenset(["proxies", "all"] if is_weak else ["proxies"])
    yield Stage("dataset_index", "dataset", own, "dataset", ("index.csv", "classes.csv"), frozenset(TARGETS))
    yield from _saliency(config, root, weak)
    yield from _attention(config, root, weak)
    yield from _proxy(config, root, weak)
    for number in range(1, config.segmenter.rounds + 1):
        yield from _segmenter(config, own, number)
    yield Stage(
        "segmenter_weights",
        "segmenter",
        own,
        "segmenter",
        ("weights.pt",),
        frozenset(["all"]),
        is_timed=False,
    )
    yield from _detector(config, own)


def _saliency(config: Config, root: Path, weak: frozenset[str]) -> Iterator[Stage]:
    stage = _of_room(root, config, "saliency", weak)
    if config.saliency.trains:
        yield stage("saliency_train", place="saliency", declared=("weights.pt", "history.csv"), trains=True)
    yield stage("saliency_maps", place="saliency/maps", declared=(f"shard-{SHARD}.h5",), shards=config.shards)


def _attention(config: Config, root: Path, weak: frozenset[str]) -> Iterator[Stage]:
    stage = _of_room(root, config, "attention", weak)
    train = partial(stage, declared=("weights.pt", "history.csv"), trains=True)
    maps = partial(stage, declared=(f"shard-{SHARD}.h5", f"shard-{SHARD}.csv"), shards=config.shards)
    starts = [config.segmenter.backbone.weights] * ("all" not in weak)
    if config.attention.own.learns_from:
        yield train("attention_accumulate", place="attention/accumulated")
        yield maps("attention_accumulated_maps", place="attention/accumulated")
    if config.attention.trains:
        targets = weak | ({"all"} if "attention" in starts else set())
        yield train("attention_train", place="attention", targets=frozenset(targets))
    score = Score("attention", "attention maps", "train")
    yield maps("attention_maps", place="attention/maps", score=score)


def _proxy(config: Config, root: Path, weak: frozenset[str]) -> Iterator[Stage]:
    stage = partial(
        _of_room(root, config, "proxy", weak),
        declared=(f"shard-{SHARD}.csv",),
        shards=config.shards,
        labels="",
    )
    yield stage("proxy_fuse", place="proxy/fused", score=Score("fused", "fused proxies", "train"))
    yield stage("proxy_refine", place="proxy/refined", score=Score("refined", "refined proxies", "train"))


def _segmenter(config: Config, own: Path, number: int) -> Iterator[Stage]:
    folder, split = f"segmenter/round-{number}", config.evaluation.split
    stage = partial(Stage, room="segmenter", run=own, targets=frozenset(["all"]), round=number)
    sharded = partial(stage, shards=config.shards)
    behind, words = (f"-{number}", f", round {number}") if number > 1 else ("", "")
    if number > 1:
        yield sharded(
            "segmenter_relabel",
            place=f"{folder}/proxies",
            declared=(f"shard-{SHARD}.csv",),
            score=Score(f"relabelled{behind}", f"relabelled proxies{words}", "train"),
            labels="",
        )
    yield stage("segmenter_train", place=folder, declared=("weights.pt", "history.csv"), trains=True)
    yield sharded(
        "segmenter_predict",
        place=folder,
        declared=(f"scores/shard-{SHARD}.h5",),
        score=Score(f"segmenter{behind}", f"segmenter{words}", split),
        labels="predictions/plain",
    )
    yield sharded(
        "segmenter_refine",
        place=f"{folder}/predictions/crf",
        declared=(f"shard-{SHARD}.csv",),
        score=Score(f"segmenter-crf{behind}", f"segmenter with CRF{words}", split),
        labels="",
    )


def _detector(config: Config, own: Path) -> Iterator[Stage]:
    stage = partial(Stage, run=own, targets=frozenset(["detector"]))
    yield stage("proxy_boxes", room="proxy", place="proxy", declared=("boxes.json",))
    yield stage(
        "detector_train",
        room="detector",
        place="detector",
        declared=("weights.pt", "history.csv"),
        trains=True,
    )
    yield stage(
        "detector_predict",
        room="detector",
        place="detector/boxes",
        declared=(f"shard-{SHARD}.json",),
        shards=config.shards,
    )


def _of_room(root: Path, config: Config, room: str, targets: frozenset[str]) -> "partial[Stage]":
    """A stage of a room that may be another run's."""
    other: str | None = getattr(config, room).from_run
    run = root / (other or config.run)
    return partial(Stage, room=room, run=run, targets=targets, is_reused=other is not None)
