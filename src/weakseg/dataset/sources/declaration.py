"""What the file of a source declares, above its heavy imports."""

from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from weakseg.dataset.dividing import SplitConfig
from weakseg.settings.methods import Method

if TYPE_CHECKING:
    from weakseg.dataset.entries import Found
    from weakseg.dataset.index import Listing
    from weakseg.dataset.settings import DatasetConfig


@dataclass(frozen=True)
class Ahead:
    """What is known of images that the run generates or fetches.

    Attributes:
        text: what they are, for people.
        images: split → their number.
        largest, middle: height and width of the largest image and of the usual one, pixels.
    """

    text: str
    images: dict[str, int]
    largest: tuple[int, int]
    middle: tuple[int, int]


class Source(Method):
    """Where images and their labels come from.

    The function that `made_by` names lists them: `(source, settings of the data set, folder of the index) -> Listing`,
    without opening one; `None` before they are generated or fetched.

    Attributes:
        title: what such data are called, for people.
        generates: the run itself makes the images.
        divides: what it does not divide into training and validation is divided by `dataset.split`.
        doubt: what `weakseg init` says where it took a folder for this source and may be wrong; empty for nothing.
        usual_classes: number of classes that memory and disk are planned for where `dataset.classes` lists none.
    """

    title: ClassVar[str]
    generates: ClassVar[bool] = False
    divides: ClassVar[bool] = False
    doubt: ClassVar[str] = ""
    usual_classes: ClassVar[int] = 20

    def listing(self, settings: "DatasetConfig", folder: Path) -> "Listing | None":
        """The images and labels.

        Raises:
            InputError: a table, list, annotation or folder is wrong.
        """
        made: Listing | None = self.maker()(self, settings, folder)
        return made

    @classmethod
    def seen(cls, folder: Path) -> dict[str, Any] | None:
        """The values of this section for a folder that holds such data; `None` for another folder."""
        return None

    @classmethod
    def seen_labels(cls, labels: Path, images: Path) -> dict[str, Any] | None:
        """The values of this section for a file of labels and a folder of images; `None` if the file is no such."""
        return None

    def generate(self, folder: Path) -> None:
        """Make the images in the folder of the index, where the run makes them."""

    def generated_from(self) -> Any:
        """The values that the run makes the images from; `None` where it does not."""
        return None

    def fetched_into(self) -> Path | None:
        """The folder into which the run fetches the data; `None` where it does not."""
        return None

    def check(self, section: Any) -> None:
        """Refuse a split and masks that nothing reads."""
        if not self.divides and section.masks.format != "none":
            raise ValueError(
                f"masks.format is '{section.masks.format}', but source '{self.name}' has masks of its own; leave it out"
            )
        if not self.divides and section.split != SplitConfig():
            raise ValueError(
                f"split has other values than its defaults, but source '{self.name}' says itself which images are for "
                "validation; leave it out"
            )


class MadeSource(Source):
    """A source whose images the run generates or may fetch."""

    @abstractmethod
    def ahead(self) -> Ahead:
        """What is known of the images before that."""


def no_class() -> Any:
    """A field of names that stand for none of the classes."""
    return Field(default_factory=lambda: ["none", "background", "healthy"], max_length=100)


class EntrySource(Source):
    """A source that says of each image what it shows; what is common to them is in `listed.py`.

    The function that `made_by` names is `(source) -> Found`.
    """

    divides = True

    def found(self) -> "Found":
        """What it says of each image.

        Raises:
            InputError: a file or folder is wrong.
        """
        made: Found = self.maker()(self)
        return made

    def listing(self, settings: "DatasetConfig", folder: Path) -> "Listing | None":
        """The images that are there, their split and their masks."""
        from weakseg.dataset.listed import listed

        return listed(self.found(), settings, folder)
