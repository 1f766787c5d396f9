"""A tiny run whose label maps leave and come back, and exports of its images as people send them."""

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from click.testing import CliRunner, Result

from tiny_run import CLASSES, Tiny
from weakseg.cli import weakseg
from weakseg.storage.labels import read_labels

GOOD, ODD = "train/0", "train/1"
"""An image of every export that is good, and one that is not."""
SIZE = (30, 40)


@dataclass
class Exported:
    """A tiny run and the commands on its label maps."""

    tiny: Tiny
    root: Path

    @property
    def run(self) -> Path:
        return self.tiny.folder

    def invoke(self, *arguments: object) -> Result:
        """Run `weakseg`; what it raises is raised here too."""
        words = [str(argument) for argument in arguments]
        done = CliRunner().invoke(weakseg, words, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done

    def export(self, form: str, out: str, *options: object) -> Path:
        path = self.root / out
        self.invoke("export-masks", self.run, "--format", form, "--out", path, *options)
        return path

    def take(self, path: Path, form: str, *options: object) -> str:
        return self.invoke("review", "import", path, "--run", self.run, "--format", form, *options).output

    def refined(self, name: str) -> np.ndarray:
        return read_labels(self.run / "proxy" / "refined" / f"{name}.png")

    def corrected(self) -> dict[str, np.ndarray]:
        root = self.run / "review" / "corrected"
        return {
            file.relative_to(root).as_posix()[:-4]: read_labels(file) for file in sorted(root.rglob("*.png"))
        }

    def state(self) -> dict[str, tuple[bytes, int]]:
        """Content and time of every file below `review/`."""
        files = [file for file in (self.run / "review").rglob("*") if file.is_file()]
        return {str(file): (file.read_bytes(), file.stat().st_mtime_ns) for file in files}


def coco(**changes: Any) -> dict[str, Any]:
    """A COCO file of two images, a polygon in each; `changes` replace its parts, or values of its last entries."""
    square = [[5, 5, 15, 5, 15, 15, 5, 15]]
    names = [f"{name}.png" for name in (GOOD, ODD)]
    content: dict[str, Any] = {
        "images": [
            {"id": i, "file_name": name, "height": SIZE[0], "width": SIZE[1]}
            for i, name in enumerate(names, 1)
        ],
        "categories": [{"id": i, "name": name} for i, name in enumerate(CLASSES, 1)],
        "annotations": [
            {"id": i, "image_id": i, "category_id": 1, "segmentation": square, "iscrowd": 0} for i in (1, 2)
        ],
    }
    for key, value in changes.items():
        part, _, name = key.partition("_")
        if name:
            content[part][-1][name] = value
        else:
            content[part] = value
    return content


def write_json(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def write_zip(path: Path, members: Mapping[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path
