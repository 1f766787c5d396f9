"""The stages of a run: what each is called, where its files lie, and how it is scored."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from weakseg.config import Config

SHARD = "{scatteritem}"
"""Snakemake's placeholder for a shard, such as `2-of-8`, in a file name."""
TARGETS = ("all", "proxies", "detector")
"""Targets of the workflow."""
TITLES = {
    "dataset_index": "images checked",
    "saliency_train": "saliency training",
    "saliency_maps": "saliency maps",
    "attention_accumulate": "accumulating attention",
    "attention_accumulated_maps": "accumulated attention",
    "attention_train": "attention training",
    "attention_maps": "attention maps",
    "proxy_fuse": "fused proxies",
    "proxy_refine": "refined proxies",
    "affinity_train": "affinity training",
    "affinity_walk": "spread proxies",
    "segmenter_relabel": "relabelled proxies",
    "segmenter_train": "segmenter training",
    "segmenter_predict": "predictions",
    "segmenter_refine": "predictions with CRF",
    "segmenter_weights": "the model",
    "proxy_boxes": "boxes of proxies",
    "detector_train": "detector training",
    "detector_predict": "boxes found",
}
"""Rule of a stage → its title for users."""


@dataclass(frozen=True)
class Score:
    """How the maps or labels of a stage are scored.

    Attributes:
        name: name of the score's file and table row: `refined`, `segmenter-crf-2`.
        title: title for users: `refined proxies`, `segmenter with CRF, round 2`.
        split: split of the scored images.
    """

    name: str
    title: str
    split: str


@dataclass(frozen=True)
class Stage:
    """One step of the chain.

    Attributes:
        rule: name of its rule.
        room: room of its command.
        run: folder of the run that makes it; if it is reused, that of the other run.
        place: folder of its files below `run`, such as `segmenter/round-2`.
        declared: output files of its rule, below `place`; with `SHARD` in the name, one for each shard.
        targets: those of `TARGETS` that need its files.
        shards: number of shards; 0 if it is not sharded.
        round: round of the segmenter; 0 for the other rooms.
        trains: whether it trains a network and writes `weights.pt` and `history.csv`.
        is_reused: whether another run makes it.
        score: how it is scored, if at all.
        labels: folder of its label maps below `place`, PNGs named like the images.
        is_timed: whether Snakemake measures its time and memory.
        is_checked: whether its health is looked at, which needs no mask.
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
    is_checked: bool = False

    @property
    def name(self) -> str:
        """The rule, with the round from the second one on: `segmenter_train-2`."""
        return f"{self.rule}-{self.round}" if self.round > 1 else self.rule

    @property
    def title(self) -> str:
        """For users, with the round from the second one on: `segmenter training, round 2`."""
        return TITLES[self.rule] + (f", round {self.round}" if self.round > 1 else "")

    @property
    def folder(self) -> Path:
        """Folder of its files."""
        return self.run / self.place

    @property
    def pattern(self) -> str:
        """Path of its first declared file, with `SHARD` in the name if it is sharded."""
        return (self.folder / self.declared[0]).as_posix()

    @property
    def files(self) -> list[Path]:
        """All output files of its rule."""
        return [path for name in self.declared for path in self._every(self.folder / name)]

    @property
    def shard_files(self) -> list[Path]:
        """Its first declared file, for every shard."""
        return self._every(Path(self.pattern))

    @property
    def class_scores(self) -> list[Path]:
        """The tables of the classifier's scores (of attention maps), for every shard."""
        return self._every(self.folder / self.declared[1])

    @property
    def label_folder(self) -> Path:
        """Folder of its label maps."""
        return self.folder / (self.labels or "")

    @property
    def weights(self) -> Path:
        """File of its trained network."""
        return self.folder / "weights.pt"

    @property
    def history(self) -> Path:
        """File of its training's losses."""
        return self.folder / "history.csv"

    @property
    def benchmarks(self) -> list[Path]:
        """Files of its time and memory, one for each job; empty if another run made it."""
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


def chain(config: Config, root: Path) -> Iterator[Stage]:
    """The stages of a run; if it trains on masks, only the target `proxies` needs the weakly supervised ones."""
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
    yield stage(
        "saliency_maps",
        place="saliency/maps",
        declared=(f"shard-{SHARD}.h5",),
        shards=config.shards,
        is_checked=True,
    )


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
    yield maps("attention_maps", place="attention/maps", score=score, is_checked=True)


def _proxy(config: Config, root: Path, weak: frozenset[str]) -> Iterator[Stage]:
    stage = partial(
        _of_room(root, config, "proxy", weak),
        declared=(f"shard-{SHARD}.csv",),
        shards=config.shards,
        labels="",
        is_checked=True,
    )
    yield stage("proxy_fuse", place="proxy/fused", score=Score("fused", "fused proxies", "train"))
    yield from _affinity(config, root, weak)
    yield stage("proxy_refine", place="proxy/refined", score=Score("refined", "refined proxies", "train"))


def _affinity(config: Config, root: Path, weak: frozenset[str]) -> Iterator[Stage]:
    if not config.affinity.trains:
        return
    stage = _of_room(root, config, "affinity", weak)
    yield stage("affinity_train", place="affinity", declared=("weights.pt", "history.csv"), trains=True)
    yield stage(
        "affinity_walk",
        place="affinity/labels",
        declared=(f"shard-{SHARD}.csv",),
        shards=config.shards,
        score=Score("affinity", "spread proxies", "train"),
        labels="",
    )


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
            is_checked=True,
        )
    yield stage("segmenter_train", place=folder, declared=("weights.pt", "history.csv"), trains=True)
    yield sharded(
        "segmenter_predict",
        place=folder,
        declared=(f"scores/shard-{SHARD}.h5",),
        score=Score(f"segmenter{behind}", f"segmenter{words}", split),
        labels="predictions/plain",
        is_checked=True,
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
    """A constructor of a room's stages, reused from another run if `from_run` says so."""
    other: str | None = getattr(config, room).from_run
    run = root / (other or config.run)
    return partial(Stage, room=room, run=run, targets=targets, is_reused=other is not None)
