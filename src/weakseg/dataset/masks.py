"""Finds the mask of each image."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from weakseg.dataset.faults import Fault
from weakseg.dataset.folders import Names, bare, need_folder
from weakseg.dataset.records import SPLITS, Record
from weakseg.dataset.wording import examples, shown
from weakseg.errors import InputError

if TYPE_CHECKING:
    from weakseg.dataset.mask_formats.declaration import Unmasked

EXTENSION = ".png"
_WITHOUT = {"dataset.table.masks": "set dataset.table.masks to null."}
_MOST_COLOURS = 1 << 16


def masks_of(folder: Path, images: Sequence["Unmasked"], key: str) -> list[Path | None]:
    """The PNG of each image of another tool's data: named like its id, its path below its folder, or its file alone.

    Raises:
        InputError: as `find_masks`.
    """
    count = Counter(image.id.rpartition("/")[2] for image in images)
    others = []
    for image in images:
        path, name = bare(image.entry.image), image.id.rpartition("/")[2]
        others.append([path, *([name] if count[name] == 1 else [])])
    return find_masks(folder, [image.id for image in images], key, others)


def find_masks(
    folder: Path,
    image_ids: Sequence[str],
    key: str = "dataset.table.masks",
    others: Sequence[Sequence[str]] | None = None,
) -> list[Path | None]:
    """The mask of each image: a PNG of the same name, in any Unicode form; `None` without one.

    Args:
        folder: of the masks.
        image_ids: names of the images, without extension.
        key: of the folder in the configuration, for messages.
        others: other names of each image, which are tried in order.

    Raises:
        InputError: the folder is missing, or none of the images has a mask in it.
    """
    need_folder(folder, key, "label PNGs named like the images (or null)")
    names = Names(folder)
    found = [
        next((path for name in (image_id, *more) if (path := _mask(names, name))), None)
        for image_id, more in zip(image_ids, others or [()] * len(image_ids), strict=True)
    ]
    if image_ids and not any(found):
        near = _near(names, image_ids[0])
        raise InputError(
            f"none of the {len(image_ids):,} images has a mask in {key} {folder}: it {names.holds()}; "
            f"masks are PNGs named like the images, {shown(image_ids[0])}{EXTENSION}{near}: rename or convert them, or "
            f"{_WITHOUT.get(key, 'set dataset.masks.format to none.')}"
        )
    return found


def _near(names: Names, image_id: str) -> str:
    """A file that may be the mask of an image: of another format, or with more than the image's name in its own."""
    wanted = bare(image_id).rpartition("/")[2].casefold()
    found = (path for path in names.files if wanted in bare(path).rpartition("/")[2].casefold())
    path = next(found, None)
    return "" if path is None else f", and {shown(path)} is there"


def mask_error(path: Path, error: InputError) -> InputError:
    """Why a mask cannot be read; of a picture in colours, how many it has."""
    try:
        with Image.open(path, formats=["PNG"]) as image:
            colours = image.getcolors(_MOST_COLOURS) if image.mode in ("RGB", "RGBA") else None
    except Exception:  # Pillow raises many types for a damaged file; `error` names the reason
        colours = None
    if not colours:
        return error
    found = f"{len(colours)} colour" + "s" * (len(colours) > 1)
    remedy = (
        "one class index per pixel was expected: write the number of its class for each colour, and save it as an "
        "8-bit palette or grey PNG."
    )
    return Fault(
        f"mask {path} has pixel mode {image.mode} with {found}; {remedy}",
        "colours",
        f"have masks in colours ({image.mode}, {found} in {path}); {remedy}",
    )


def _mask(names: Names, image_id: str) -> Path | None:
    spellings = (f"{image_id}{EXTENSION}", f"{image_id}{EXTENSION.upper()}")
    listed = names.first(spellings)
    if listed is not None:
        return names.root / listed
    for name in spellings if names.may_hold(image_id) else ():
        if (names.root / name).is_file():
            return names.root / name
    same = names.same(spellings)
    return None if same is None else names.root / same


def found_line(records: Sequence[Record]) -> str:
    """`86 of 86 masks found`; if some are missing, the numbers per split and examples."""
    missing = [record.id for record in records if record.mask is None]
    line = f"{len(records) - len(missing):,} of {len(records):,} masks found"
    if not missing:
        return line
    of_split = {name: [record for record in records if record.split == name] for name in SPLITS}
    counts = ", ".join(
        f"{name} {sum(record.mask is not None for record in of_split[name]):,} of {len(of_split[name]):,}"
        for name in SPLITS
        if of_split[name]
    )
    return f"{line} ({counts}); without one, and not scored: {examples(missing)}"
