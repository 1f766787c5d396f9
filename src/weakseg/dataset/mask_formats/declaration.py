"""What the file of a mask format declares."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from weakseg.settings.methods import Method

if TYPE_CHECKING:
    from weakseg.dataset.entries import Entry, Found


@dataclass(frozen=True, slots=True)
class Unmasked:
    """An image whose mask is wanted.

    Attributes:
        id: of the image.
        image: its file.
        entry: what the source says of it.
        labels: its chosen classes.
    """

    id: str
    image: Path
    entry: "Entry"
    labels: tuple[str, ...]


class MaskFormat(Method):
    """How masks lie on disk.

    The function that `made_by` names draws one: it takes what `drawn_from` gives for an image, and returns H×W `uint8`:
    0 background, i the i-th of all classes of the source, 255 not scored. It runs in several processes.

    Attributes:
        draws: label PNGs are made of the files; otherwise the files are label PNGs.
    """

    draws: ClassVar[bool] = True

    @abstractmethod
    def files(self, images: Sequence[Unmasked], found: "Found") -> list[Path | None]:
        """The file that the mask of each image comes from; `None` without one.

        Raises:
            InputError: a folder is missing, or holds no mask of any image.
        """

    def classes(self, known: Sequence[str]) -> Sequence[str]:
        """Names of the values 1, 2, …, given all classes of the source."""
        return known

    def key(self) -> str:
        """Its section of the configuration."""
        return f"dataset.masks.{self.name}"

    def drawn_from(
        self, images: Sequence[tuple[Unmasked, Path]], known: Sequence[str]
    ) -> Iterator[tuple[Unmasked, Any]]:
        """What the mask of each image is drawn from, in the order of the images.

        Raises:
            InputError: a file is wrong.
        """
        yield from ((image, (self, file, image, known)) for image, file in images)
