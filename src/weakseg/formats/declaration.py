"""What a format's file declares above its heavy imports."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from weakseg.settings.methods import Method

if TYPE_CHECKING:
    from weakseg.formats.items import Bad, Images, Item, Options, Written

    Add = Callable[[Item], None]
    Writing = Callable[[Path, Sequence[str], Options, Written], AbstractContextManager[Add]]
    Reading = Callable[[Path, Sequence[str], Images], Iterator[Item | Bad]]


class Format(Method):
    """A format of label maps.

    Its file holds `writing(out, classes, options, written)`, which opens OUT and gives a function that adds one image,
    and, if it `reads_back`, `read(path, classes, images)`. OUT appears whole when the block ends, or not at all.

    Attributes:
        title: the tools that read it, for users.
        suffix: what the name of its file ends in; empty for a folder.
        keeps_holes: whether a hole of a region stays one.
        keeps_undecided: whether undecided pixels stay apart from background.
        is_exact: whether every pixel comes back; polygons are simplified.
        names_images: whether it names the image files, which must then be known.
        reads_back: whether `weakseg review import` reads it.
    """

    made_by = "writing"
    title: ClassVar[str]
    suffix: ClassVar[str] = ""
    keeps_holes: ClassVar[bool] = True
    keeps_undecided: ClassVar[bool] = False
    is_exact: ClassVar[bool] = True
    names_images: ClassVar[bool] = True
    reads_back: ClassVar[bool] = False

    @classmethod
    def writer(cls) -> "Writing":
        """Opens a file or folder of this format."""
        return cast("Writing", cls.maker())

    @classmethod
    def reader(cls) -> "Reading":
        """Reads such a file or folder, image by image."""
        return cast("Reading", sys.modules[cls.__module__].read)
