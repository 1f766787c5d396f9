"""Writing label maps in a format, one image at a time."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from weakseg.errors import InputError
from weakseg.formats.declaration import Format
from weakseg.formats.items import Item, Options, Written


def write(
    form: type[Format], out: Path, items: Iterable[Item], classes: Sequence[str], options: Options
) -> Written:
    """Write label maps to OUT, which appears whole or not at all; memory is that of one image.

    Args:
        form: the format.
        out: a file or a new folder.
        items: the label maps.
        classes: names without background.
        options: how they are written.

    Raises:
        InputError: a label map cannot be read or written, or two images have one name in the format.
    """
    with writing(form, out, classes, options) as (add, written):
        for item in items:
            add(item)
    return written


@contextmanager
def writing(
    form: type[Format], out: Path, classes: Sequence[str], options: Options
) -> Iterator[tuple[Callable[[Item], None], Written]]:
    """Open OUT: yields what adds an image, and what was written so far."""
    written, named = Written(), set[str]()
    with form.writer()(out, classes, options, written) as add:

        def checked(item: Item) -> None:
            if item.stem in named:
                raise InputError(
                    f"two images are named '{item.stem}' in {form.name}, which tells them apart by that; different "
                    "names were expected: write them to two files with --ids."
                )
            named.add(item.stem)
            add(item)

        yield checked, written


def check_out(form: type[Format], out: Path, overwrite: bool) -> None:
    """Refuse to write over what somebody may want to keep.

    Raises:
        InputError: OUT exists already or has another extension than the format's.
    """
    if form.suffix and out.suffix.lower() != form.suffix:
        raise InputError(
            f"--out {out} was given; {form.name} is a file that ends in {form.suffix}: rename it."
        )
    if form.suffix:
        if out.is_dir() or (out.exists() and not overwrite):
            raise InputError(
                f"{out} exists already; a new file was expected: give another --out, or --overwrite."
            )
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(
            f"{out} exists already; {form.name} is a folder, and a new or empty one was expected: give another --out."
        )
