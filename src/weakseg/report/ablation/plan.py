"""Plans an ablation: its runs, what each of them makes, and what it takes from an earlier one."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weakseg.config import Config
from weakseg.config.layers import completed, laid
from weakseg.errors import InputError
from weakseg.report.ablation.equal import digests, outcome, rooms
from weakseg.report.ablation.file import BASE, Ablation
from weakseg.run.opened import CONFIG
from weakseg.run.reuse import BEFORE, configured
from weakseg.run.table import Table
from weakseg.storage.review import decided


@dataclass(frozen=True)
class Planned:
    """One run of an ablation.

    Attributes:
        variant: its variant, or `base`.
        seed: of the trainings that differ; `None` if the file gives no seeds.
        config: what it is made with, before anything is taken from an earlier run.
        values: what its configuration file holds.
        makes: the rooms that it makes, in the order of the chain.
        takes: room → the earlier run whose files it uses.
    """

    variant: str
    seed: int | None
    config: Config
    values: dict[str, Any]
    makes: tuple[str, ...]
    takes: dict[str, str]

    @property
    def run(self) -> str:
        """Its name."""
        return self.config.run

    @property
    def line(self) -> str:
        """What it makes and what it takes, for users."""
        taken: dict[str, list[str]] = {}
        for room, run in self.takes.items():
            taken.setdefault(run, []).append(room)
        parts = [f"makes {', '.join(self.makes)}"] if self.makes else []
        parts += [f"takes {', '.join(names)} of {run}" for run, names in taken.items()]
        return f"{self.run}: {'; '.join(parts)}"


def place(path: Path, root: Path = Path("results")) -> Path:
    """The folder of an ablation's configurations and tables, beside the runs."""
    return root / f"ablation-{path.stem}"


def plan(path: Path, ablation: Ablation, target: str, root: Path = Path("results")) -> list[Planned]:
    """The runs of an ablation in the order in which they are made: all variants with the first seed, and so on.

    Args:
        path: the ablation's file, of whose name the runs' names are made.
        ablation: what it holds.
        target: of the workflow, `all` or `proxies`.
        root: the folder that holds the runs' folders.

    Raises:
        InputError: a value of the base or a variant is wrong, a variant changes nothing, what it changes is taken from
            another run, or a name is that of a run of somebody else.
    """
    below = ablation.base_values()
    base = configured(completed(below), ablation.base, root)
    configs = {BASE: base}
    for name, values in ablation.variants.items():
        source, whole = f"{path}, variant {name}", completed(laid(below, values))
        configs[name] = configured(whole, source, root)
        _refuse_taken(source, values, whole, configs[name])
    _refuse_equal(path, configs, target)
    trained = _differing_trainings(configs, target)
    if ablation.seeds and not trained:
        raise InputError(
            f"{path} gives seeds, but no variant changes anything that the target {target} trains; leave seeds out."
        )
    seeds: list[int | None] = [*ablation.seeds] or [None]
    runs = [
        _named(path, base, name, laid(below, ablation.variants.get(name, {})), config, seed, trained, root)
        for seed in seeds
        for name, config in configs.items()
    ]
    _refuse_others(path, runs, base, root)
    if target == "all":
        _refuse_decided(base, root)
    return _shared(runs, target)


def _refuse_taken(source: str, values: Mapping[str, Any], whole: Mapping[str, Any], config: Config) -> None:
    """Refuse a change of what is taken from another run with that run's values."""
    for room in BEFORE:
        run, changed = getattr(config, room).from_run, [*(values.get(room) or {})]
        changed = [key for key in changed if key != "from_run"]
        if run is None or not changed:
            continue
        by = next(
            each
            for each, before in BEFORE.items()
            if room in (each, *before) and (whole.get(each) or {}).get("from_run")
        )
        raise InputError(
            f"{source}: {room}.{changed[0]} is changed, but {by}.from_run takes {room} from the run {run} as it is; "
            f"set {by}.from_run to null in the variant, or leave {room}.{changed[0]} out."
        )


def _refuse_equal(path: Path, configs: Mapping[str, Config], target: str) -> None:
    """Refuse a variant that makes the same as the base or another variant."""
    seen: dict[str, str] = {}
    for name, config in configs.items():
        other = seen.setdefault(outcome(config, target), name)
        if other != name:
            raise InputError(
                f"{path}, variant {name} is equal to {'the base' if other == BASE else f'variant {other}'}: nothing "
                f"that it changes has an effect on the target {target}; change another value or leave it out."
            )


def _differing_trainings(configs: Mapping[str, Config], target: str) -> set[str]:
    """The rooms with a training that differs between the base and a variant."""
    found: set[str] = set()
    of_base = digests(configs[BASE])
    for config in configs.values():
        own = digests(config)
        trained = {stage.room for stage in Table(config).trainings(target) if not stage.is_reused}
        found |= {room for room in trained if own[room] != of_base[room]}
    return found


def _named(
    path: Path,
    base: Config,
    variant: str,
    values: Mapping[str, Any],
    config: Config,
    seed: int | None,
    trained: set[str],
    root: Path,
) -> Planned:
    """A run with its seed and its name; the base with its own seeds is the base's own run."""
    behind = "" if seed is None else f"-seed-{seed}"
    seeded = laid(values, *(_with_seed(config, room, seed) for room in sorted(trained)) if behind else ())
    source = f"{path}, {variant}"
    if variant == BASE:
        own = configured(completed(seeded), source, root)
        if own.lines() == base.lines():
            return Planned(variant, seed, own, {**seeded, "run": base.run}, (), {})
    seeded["run"] = f"{path.stem}-{variant}{behind}"
    return Planned(variant, seed, configured(completed(seeded), source, root), seeded, (), {})


def _with_seed(config: Config, room: str, seed: int | None) -> dict[str, Any]:
    """The value that gives a room's training its seed; none where the run trains nothing in it."""
    stages = [stage for stage in Table(config).stages if stage.room == room and stage.trains]
    if not stages or stages[0].is_reused:
        return {}
    training = {"training": {"seed": seed}}
    return {room: {config.saliency.own.section(): training} if room == "saliency" else training}


def _refuse_others(path: Path, runs: list[Planned], base: Config, root: Path) -> None:
    """Refuse to write into runs that this ablation did not make."""
    for each in runs:
        folder = root / each.run
        if each.run == base.run and each.variant != BASE:
            raise InputError(
                f"{path}, variant {each.variant}: its run would be {each.run}, the base's own; rename the variant."
            )
        if each.run != base.run and (folder / CONFIG).is_file() and not written(path, each, root).is_file():
            raise InputError(
                f"{folder} is a run that {path} did not make; rename variant {each.variant} or the ablation's file."
            )


def _refuse_decided(base: Config, root: Path) -> None:
    """Refuse a base whose segmenter learns from decisions of people, of which the variants would know nothing."""
    folder = root / base.run
    is_weak = base.segmenter.labels == "proxy"
    if is_weak and decided(folder / "review", folder / "dataset" / "index.csv"):
        raise InputError(
            f"{folder / 'review'} rejects or corrects images, which the variants would not do; a base without such "
            "decisions was expected: give it another name (run), under which it is made without them."
        )


def written(path: Path, planned: Planned, root: Path = Path("results")) -> Path:
    """The file of a run's configuration."""
    return place(path, root) / "runs" / f"{planned.run}.yaml"


def _shared(runs: list[Planned], target: str) -> list[Planned]:
    """The runs, each taking from the first earlier one what is equal."""
    makers: dict[tuple[str, str], str] = {}
    found = []
    for each in runs:
        digest, needed = digests(each.config), rooms(each.config, target)
        own = [room for room in needed if room not in BEFORE or getattr(each.config, room).from_run is None]
        keys = {room: (room, digest[room]) for room in own if room in BEFORE}
        takes = {room: makers[key] for room, key in keys.items() if key in makers}
        makes = tuple(room for room in own if room not in takes)
        for room in makes:
            if room in BEFORE and _is_whole(each.config, room, target):
                makers[keys[room]] = each.run
        values = laid(each.values, *({room: {"from_run": run}} for room, run in takes.items()))
        found.append(Planned(each.variant, each.seed, each.config, values, makes, takes))
    return found


def _is_whole(config: Config, room: str, target: str) -> bool:
    """Whether a target makes all of a room that another run would take."""
    stages = [stage for stage in Table(config).stages if stage.room == room and "proxies" in stage.targets]
    return all(target in stage.targets for stage in stages)
