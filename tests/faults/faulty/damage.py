"""Bits that flip in what a run has made."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from faulty.demo import TRAININGS, Demo
from faulty.strikes import Struck

LAST_CHUNK = 12
"""Bytes of the chunk that ends a PNG and holds nothing; its length and checksum may be wrong."""


@dataclass(frozen=True)
class Damage:
    """A damaged file of a finished run.

    Attributes:
        path: the file.
        detail: which bit of which byte.
        is_replaced: whether a run goes on without it, from the state before; else it stops and names the file.
        means_nothing: whether a run may use it: the bit is one that no reader looks at.
        also: what the sentence says to delete with it.
    """

    path: Path
    detail: str
    is_replaced: bool = False
    means_nothing: bool = False
    also: tuple[Path, ...] = ()


def flip(path: Path, chance: random.Random) -> tuple[str, int]:
    """Flip one bit of a file; which it is, and how many bytes from the end."""
    content = bytearray(path.read_bytes())
    place, bit = chance.randrange(len(content)), chance.randrange(8)
    content[place] ^= 1 << bit
    path.write_bytes(content)
    return f"bit {bit} of byte {place} of {len(content)}", len(content) - place


def shard(results: Path, chance: random.Random) -> Damage:
    """Maps or scores: what is computed from them is computed again, since their content changed."""
    folder = chance.choice(("saliency/maps", "attention/maps", "segmenter/round-1/scores"))
    path = chance.choice(sorted((results / folder).glob("*.h5")))
    return Damage(path, flip(path, chance)[0])


def weights(results: Path, chance: random.Random) -> Damage:
    """A trained network, likewise."""
    path = results / chance.choice(TRAININGS) / "weights.pt"
    return Damage(path, flip(path, chance)[0])


def label_map(results: Path, chance: random.Random) -> Damage:
    """A label map, and one thing made from it is removed so that it is read again."""
    folder, follows, names = chance.choice(
        (
            ("proxy/fused", "proxy/refined/shard-*.csv", "*.png"),
            ("proxy/refined", "segmenter/round-1/weights.pt", "train-*.png"),
            ("segmenter/round-1/predictions/plain", "evaluation/segmenter.json", "*.png"),
            ("segmenter/round-1/predictions/crf", "evaluation/segmenter-crf.json", "*.png"),
        )
    )
    path = chance.choice(sorted((results / folder).glob(names)))
    for following in results.glob(follows):
        following.unlink()
    shards = "segmenter/round-1/scores/shard-*.h5" if folder.endswith("plain") else f"{folder}/shard-*.csv"
    detail, from_end = flip(path, chance)
    return Damage(path, detail, means_nothing=from_end <= LAST_CHUNK, also=tuple(results.glob(shards)))


def checkpoint(results: Path, chance: random.Random) -> Damage:
    """The state of a training whose weights were lost; sometimes the one before it as well."""
    state = results / chance.choice(TRAININGS) / "state"
    (state.parent / "weights.pt").unlink()
    detail, _ = flip(state / "checkpoint.pt", chance)
    if chance.random() < 0.3:
        detail += f", and {flip(state / 'checkpoint-before.pt', chance)[0]} of the one before"
    return Damage(state / "checkpoint.pt", detail, is_replaced=True)


KINDS: dict[str, Callable[[Path, random.Random], Damage]] = {
    "flipped bit in a shard": shard,
    "flipped bit in a label map": label_map,
    "flipped bit in weights": weights,
    "flipped bit in a checkpoint": checkpoint,
}


def strike(kind: str, demo: Demo, run: str, chance: random.Random) -> Struck:
    """Damage a finished run, run it, and do what the sentence says; the run is finished again afterwards."""
    results = demo.results(run)
    damage = KINDS[kind](results, chance)
    detail = f"{damage.path.relative_to(results)}: {damage.detail}"
    running = demo.start(run)
    status, said = running.finish(), running.said()
    name = str(damage.path.relative_to(demo.folder))
    if status == 0:
        if damage.is_replaced:
            return Struck(detail, "" if f"discarding {name}" in said else "the checkpoint was used")
        return Struck(detail, "" if damage.means_nothing else "it was used, or nobody read it")
    problem = "" if said_about(name, said) else f"the file was not named: {said[-300:]}"
    repair(damage)
    if demo.start(run).finish():
        problem = problem or "it was not made again"
    return Struck(detail, problem)


def said_about(name: str, said: str) -> bool:
    """Whether one sentence names a file and says what to do."""
    sentences = [text for text in said.splitlines() if text.strip().startswith("weakseg: ") and name in text]
    return any("delete it" in text for text in sentences) and "Traceback (most recent call last)" not in said


def repair(damage: Damage) -> None:
    """Delete what the sentence says."""
    for path in (damage.path, *damage.also):
        path.unlink(missing_ok=True)
