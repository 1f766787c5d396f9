"""The table of a run: its stages in the order of the chain, made from the configuration.

A stage is one step of the chain: a rule of the workflow or, for the segmenter, a rule in one round. Rules, report,
`show`, `compare`, `inspect` and the ledger read this table.
"""

from pathlib import Path

from weakseg.config import Config
from weakseg.run.stages import Score, Stage, chain


class Table:
    """All stages of a run.

    Args:
        config: of the run, reused rooms resolved (`run.reuse`).
        root: the folder that holds the runs' folders.

    Attributes:
        config: of the run.
        folder: of the run.
        stages: in the order of the chain.
    """

    def __init__(self, config: Config, root: Path = Path("results")) -> None:
        self.config, self.folder = config, root / config.run
        self.stages = tuple(chain(config, root))
        self._named = {stage.name: stage for stage in self.stages}

    def __getitem__(self, name: str) -> Stage:
        return self._named[name]

    def __contains__(self, name: str) -> bool:
        return name in self._named

    def makes(self, name: str) -> bool:
        """Whether this run itself makes a stage that `all` or `detector` needs."""
        asked = name in self and not self[name].is_reused
        return asked and bool(self[name].targets & {"all", "detector"})

    def of(self, target: str) -> list[Stage]:
        """The stages that a target needs."""
        return [stage for stage in self.stages if target in stage.targets]

    def scored(self, target: str = "all") -> list[tuple[Stage, Score]]:
        """The stages that are scored for a target, each with its score."""
        return [(stage, stage.score) for stage in self.of(target) if stage.score is not None]

    def checked(self, target: str = "all") -> list[Stage]:
        """The stages whose health is looked at for a target."""
        return [stage for stage in self.of(target) if stage.is_checked]

    def health(self, stage: Stage) -> Path:
        """The file of a stage's health."""
        return self.evaluation(f"health/{stage.name}.json")

    def health_before(self, number: int | str) -> list[Path]:
        """Health of what a round of the segmenter learns from, which may stop it; empty if nothing may."""
        if not self.is_weak or not self.config.health.stop:
            return []
        rooms = [stage for stage in self.checked() if stage.room != "segmenter"]
        own = [self[name]] if (name := f"segmenter_relabel-{number}") in self else []
        return [self.health(stage) for stage in (own or rooms)]

    def trainings(self, target: str = "all") -> list[Stage]:
        """The stages that train a network."""
        return [stage for stage in self.of(target) if stage.trains]

    @property
    def scores(self) -> dict[str, Stage]:
        """Name of a score → its stage, in the order of the chain."""
        return {stage.score.name: stage for stage in self.stages if stage.score is not None}

    @property
    def label_scores(self) -> list[str]:
        """Names of the scores of label maps."""
        return [name for name, stage in self.scores.items() if stage.labels is not None]

    @property
    def is_weak(self) -> bool:
        """Whether the run trains on proxy labels instead of true masks."""
        return self.config.segmenter.labels == "proxy"

    @property
    def unrefined(self) -> Stage:
        """The stage whose labels the CRF refines."""
        return self["affinity_walk" if "affinity_walk" in self else "proxy_fuse"]

    @property
    def last(self) -> Stage:
        """The last round's refined predictions, whose score is the run's result."""
        return [stage for stage in self.stages if stage.rule == "segmenter_refine"][-1]

    def label_files_for(self, number: int | str) -> list[Path]:
        """The manifests of a round's training labels; empty if it trains on masks."""
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
        """All files that a target asks for.

        Snakemake makes a missing file only if a target asks for it. So files that were deleted (by users, or by
        Snakemake when a job failed) are made again by the same command.
        """
        scores = [self.evaluation(f"{score.name}.json") for _, score in self.scored(target)]
        if target == "all":
            scores += [
                self.evaluation(f"{name}.json")
                for name in ["supervision", *["localisation"] * self.is_weak, "health"]
            ]
        scores += [self.health(stage) for stage in self.checked(target)]
        return [file for stage in self.of(target) for file in stage.files] + scores

    def benchmarks(self, target: str) -> list[Path]:
        """Time and memory of all stages of a target."""
        return [file for stage in self.of(target) for file in stage.benchmarks]

    @property
    def ceiling(self) -> Path | None:
        """Score file of the run trained on masks, by which the report divides."""
        name = self.config.evaluation.ceiling
        return None if name is None else self.folder.parent / name / "evaluation" / "segmenter-crf.json"
