"""Images and label maps of a small made-up run, and the way through a format and back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from label_maps import CLASSES
from weakseg.dataset.images import image_size
from weakseg.formats import FORMATS
from weakseg.formats.items import Bad, Images, Item, Options, Written
from weakseg.formats.write import write


@dataclass
class Exchange:
    """Image files for label maps, which a format writes and reads.

    Attributes:
        root: folder of the images, `photos/`, and of what is written.
        maps: id → label map.
        files: id → image file.
    """

    root: Path
    maps: dict[str, np.ndarray]
    files: dict[str, Path]

    @property
    def images(self) -> Images:
        return Images(self.files, image_size)

    def items(self) -> list[Item]:
        splits = ("train", "val")
        return [
            Item(name, self.files[name], self.maps[name], splits[i % 2]) for i, name in enumerate(self.maps)
        ]

    def out(self, form: str) -> Path:
        return self.root / f"out-{form}{FORMATS[form].suffix}"

    def write(self, form: str, tolerance: float = 0.5) -> Written:
        return write(FORMATS[form], self.out(form), self.items(), CLASSES, Options(tolerance))

    def read(self, form: str, path: Path | None = None) -> dict[str, Item | Bad]:
        read = FORMATS[form].reader()(path or self.out(form), CLASSES, self.images)
        return {item.id if isinstance(item, Item) else item.name: item for item in read}

    def back(self, form: str, tolerance: float = 0.5) -> dict[str, np.ndarray]:
        """The label maps after the way out and back."""
        self.write(form, tolerance)
        found = self.read(form)
        assert [item for item in found.values() if isinstance(item, Bad)] == []
        return {name: item.labels for name, item in found.items() if isinstance(item, Item)}


@pytest.fixture
def exchange(tmp_path: Path) -> Callable[[Mapping[str, np.ndarray]], Exchange]:
    """Makes images for label maps, plain ones of their sizes."""

    def make(maps: Mapping[str, np.ndarray]) -> Exchange:
        files = {}
        for name, labels in maps.items():
            file = tmp_path / "photos" / (name if name.endswith(".png") else f"{name}.png")
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", labels.shape[::-1]).save(file)
            files[name] = file
        return Exchange(tmp_path, dict(maps), files)

    return make
