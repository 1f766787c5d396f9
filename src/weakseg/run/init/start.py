"""Writes a run's configuration and says what was understood."""

import csv
import io
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from weakseg.config import Config
from weakseg.config.layers import KEY, laid, layered
from weakseg.dataset.dividing import divided
from weakseg.dataset.wording import counted, examples
from weakseg.errors import InputError
from weakseg.installed import presets
from weakseg.run.init import chosen, found, place
from weakseg.run.init.files import refuse_existing, write
from weakseg.run.init.seen import Seen, list_text, see, see_source
from weakseg.run.init.written import DEMO, HEAD, SPLIT, plain, section_lines, with_comments
from weakseg.settings.reading import parse

COMMENTS = {
    "attention.training.iterations": "Eight epochs at 16 images a step, at least 300.",
    "segmenter.training.iterations": "Eight epochs at 10 images a step, at least 800. The score rises over thousands.",
    "attention.training.resize": "Pixels: the images are small and are not enlarged to the preset's sizes.",
}
PROPOSED = {
    "quick": "No GPU was found: preset quick, a light network. --preset photographs takes VGG16, as papers do.",
    "photographs": "A GPU was found: preset photographs, VGG16 as in papers. --preset quick is several times faster.",
}
SCREEN = """\
A table says what each image shows, and which images only measure the result (split val, about a tenth):

    image,labels,split
    holiday/001.jpg,dog|person,train
    holiday/002.jpg,cat,train
    holiday/003.jpg,dog,val

`image` is the path below the folder; several classes are joined by |. Twenty images of each class are a start."""


class Start:
    """A run to be started in this folder.

    Args:
        name: of the run.
        preset: the values for what is not written; `None`: what suits the machine.
        force: whether existing files are replaced.

    Raises:
        InputError: the name is none, or the file exists.
    """

    def __init__(self, name: str, preset: str | None, force: bool) -> None:
        parse(Config, {"run": name}, "NAME")
        self.proposed = preset is None
        self.name, self.preset, self.force = name, preset or chosen.preset(), force
        layered([], [f"{KEY}={self.preset}"])
        self.path = Path(f"{name}.yaml")
        refuse_existing({self.path: ""}, force)

    def demo(self) -> list[str]:
        """Write the demo's configuration; the lines to print."""
        text = self._head() + DEMO.format(run=self.name, shards=max(2, min(chosen.cores(), 16)))
        return self._write({self.path: text})

    def images(self, images: Path | None, labels: Path | None, masks: Path | None) -> list[str]:
        """Write the configuration for a folder and a table, or for data of another tool; the lines to print.

        Without labels, a table is written to be filled in.

        Raises:
            InputError: what was given is wrong, or nothing was found.
        """
        labels = labels or found.find_table(images)
        if labels is not None:
            other = found.other_labels(labels, images)
            if other is not None:
                return self._seen(see_source(*other, labels))
            return self._seen(see(images or found.find_images(labels), labels, masks))
        known = None if masks else found.recognised(images)
        return self._template(images) if known is None else self._seen(see_source(*known))

    def _seen(self, seen: Seen) -> list[str]:
        """Write the configuration of what was seen; the lines to print."""
        lists = {name: f"{self.name}-{name}.txt" for name in ("train", "val") if seen.split}
        texts = {Path(file): list_text(seen.split, name) for name, file in lists.items()}
        self._check(seen)
        values = presets() / f"{self.preset}.yaml"
        return [
            *_understood(seen, lists),
            *([PROPOSED[self.preset]] if self.proposed else []),
            f"Everything that is not in {self.path}: {values}",
            *self._write({self.path: self._text(seen, lists), **texts}),
        ]

    def _template(self, images: Path | None) -> list[str]:
        if images is None:
            raise InputError(
                "no table of labels is here; a folder of images and a table, or data of a known tool, were expected: "
                f"weakseg init {self.name} --images FOLDER --labels TABLE, or weakseg init --demo."
            )
        table = Path(f"{self.name}.csv")
        split = divided(dict.fromkeys(found.list_images(images), ()))
        lines = io.StringIO()
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(["image", "labels", "split"])
        writer.writerows([name, "", of] for name, of in split.items())
        write({table: lines.getvalue()}, self.force)
        return [
            f"{counted(len(split), 'image')} in {images}, and no table that says what they show.",
            SCREEN,
            f"{table} lists your images. Fill in its column labels, then:",
            f"weakseg init {self.name} --images {shlex.quote(str(images))} --labels {table}",
        ]

    def _text(self, seen: Seen, lists: Mapping[str, str]) -> str:
        count = len(seen.records)
        head = HEAD.format(
            run=self.name,
            preset=self.preset,
            shards=chosen.shards(count, chosen.cores()),
            source=seen.source,
            classes=plain([*seen.classes]),
        )
        section = seen.section | ({"lists": dict(lists)} if lists else {})
        data = section_lines(seen.source, section)
        made = any(note.startswith("Divided by dataset.split") for note in seen.notes)
        values = self._values(seen)
        split = SPLIT if made else ""
        return self._head() + head + split + data + ("\n" + with_comments(values, COMMENTS) if values else "")

    def _head(self) -> str:
        return place.SCHEMA if place.is_checkout(Path()) else ""

    def _values(self, seen: Seen) -> dict[str, Any]:
        """What follows from the number and the size of the images."""
        if self.preset not in chosen.SIZED:
            return {}
        training = len(seen.of_split("train"))
        steps = {"attention": chosen.ATTENTION, "segmenter": chosen.SEGMENTER}
        return laid(
            {
                room: {"training": {"iterations": chosen.iterations(training, **numbers)}}
                for room, numbers in steps.items()
            },
            chosen.sizes(seen.sides),
        )

    def _check(self, seen: Seen) -> None:
        """Refuse now what the start of the run would refuse, such as an impossible class name."""
        dataset = {"source": seen.source, "classes": [*seen.classes], seen.source: seen.section}
        below = layered([], [f"{KEY}={self.preset}"])
        parse(Config, laid(below, {"dataset": dataset}, self._values(seen)), seen.where)

    def _write(self, texts: dict[Path, str]) -> list[str]:
        """Write all files; what they are and how to start."""
        here = Path()
        command = "snakemake --cores all"
        if place.is_checkout(here) or place.is_prepared(here):
            command += f" --configfile {self.path}"
            written = write(texts, self.force)
        else:
            written = [*place.prepare(here, str(self.path), self.force), *write(texts, self.force)]
        return [
            f"Written: {', '.join(map(str, sorted(written)))}",
            f"See what the run would find, need and take:\nweakseg check {self.path}",
            "Start it, and go on after an interruption:",
            command,
        ]


def _understood(seen: Seen, lists: Mapping[str, str]) -> list[str]:
    """What was seen, in a few lines and a table."""
    splits = [name for name in ("train", "val", "saliency") if seen.of_split(name)]
    count = ", ".join(f"{len(seen.of_split(name)):,} {name}" for name in splits)
    sides = sorted(seen.sides)
    lines = [f"{counted(len(seen.records), 'image')} in {seen.where}: {count}."]
    if sides:
        lines.append(f"Longest side: {sides[len(sides) // 2]:,} pixels, from {sides[0]:,} to {sides[-1]:,}.")
    width = max(8, *(len(name) for name in seen.classes))
    lines.append("  ".join([f"{'class':{width}}", *(f"{name:>8}" for name in splits)]))
    for each in (*seen.classes, None):
        numbers = [
            sum(each in record.labels if each else not record.labels for record in seen.of_split(name))
            for name in splits
        ]
        if each or any(numbers):
            lines.append(
                "  ".join([f"{each or 'no label':{width}}", *(f"{number:8,}" for number in numbers)])
            )
    if seen.bad:
        lines.append(
            f"Not found: {examples([item.id for item in seen.bad])}. The run stops there; correct the table."
        )
    if lists:
        lines.append(f"The table has no split. A tenth of each class was put into {lists['val']}.")
    return [*lines, *seen.notes]
