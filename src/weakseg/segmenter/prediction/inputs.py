"""Which images a user means, and where their results may be written."""

import glob
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from weakseg.dataset.image_names import EXTENSIONS
from weakseg.errors import InputError
from weakseg.formats import FORMATS
from weakseg.formats.items import Options
from weakseg.formats.write import check_out

PNG = "png"
GEOTIFF = "geotiff"
SUFFIXES = {PNG: ".png", GEOTIFF: ".tif"}
"""Formats with a file for each image in the folder of the label maps."""
DEFAULTS = Options()
READ = {*EXTENSIONS, ".jfif", ".jpe"}
"""Extensions of images in folders and patterns; the last two are other names of JPEG. A file that is named itself is
read whatever it is called."""
MOST_KINDS = 8  # extensions that one sentence lists


@dataclass(frozen=True)
class Outputs:
    """Where results go; what is `None` is not written.

    Attributes:
        labels: folder of palette PNGs, `<name>.png`, or of GeoTIFFs, or the file or folder of another format.
        overlays: folder of pictures, `<name>.jpg`.
        scores: HDF5 file of class scores.
        summary: JSON file of areas.
        form: format of `labels`.
        options: how it is written.
    """

    labels: Path
    overlays: Path | None = None
    scores: Path | None = None
    summary: Path | None = None
    form: str = PNG
    options: Options = DEFAULTS

    def files(self, names: Iterable[str]) -> Iterator[Path]:
        """Every file that will be written for images of these names."""
        if self.form not in SUFFIXES:
            yield self.labels
        for name in names:
            if self.form in SUFFIXES:
                yield self.labels / f"{name}{SUFFIXES[self.form]}"
            if self.overlays is not None:
                yield self.overlays / f"{name}.jpg"
        yield from (file for file in (self.scores, self.summary) if file is not None)


def gather(inputs: Sequence[str]) -> dict[str, Path]:
    """Name → image file of files, folders and glob patterns.

    A file's name is its own without the extension; an image of a folder, searched through all its folders, is
    named by its path below it: `a.jpg` of `photos/` is `a`, `b/a.jpg` is `b/a`.

    Raises:
        InputError: an input matches no image, or two images have one name, or a name is not text.
    """
    found: dict[str, Path] = {}
    for given in inputs:
        for name, path in _named(given):
            if any("\ud800" <= character <= "\udfff" for character in name):  # bytes that are not UTF-8
                raise InputError(
                    f"the file name {str(path)!r} is not UTF-8 text, so no result can be named after it; rename it."
                )
            other = found.setdefault(name, path)
            if other.resolve() != path.resolve():
                raise InputError(
                    f"the images {other} and {path} have the same name '{name}', and so would their results; "
                    "different names were expected: rename one, or predict them into two folders."
                )
    return found


def left_out(inputs: Sequence[str]) -> list[Path]:
    """Files in the folders, or matched by the patterns, whose extensions are not read; no hidden ones."""
    found: dict[Path, None] = {}
    for given in inputs:
        path = Path(given)
        if path.is_dir():
            inside = [file for file in sorted(path.rglob("*")) if not _is_hidden(file.relative_to(path))]
        else:
            inside = [] if path.exists() else [file for file in _matches(given) if not _is_hidden(file)]
        found |= dict.fromkeys(file for file in inside if not _is_image(file) and file.is_file())
    return list(found)


def left_out_line(files: Sequence[Path]) -> str:
    """One sentence about the files of `left_out`, at least one."""
    kinds = sorted({file.suffix.lower() or "none" for file in files})
    shown = ", ".join(kinds[:MOST_KINDS]) + (", …" if len(kinds) > MOST_KINDS else "")
    files_have = (
        "1 file has an extension that is"
        if len(files) == 1
        else f"{len(files)} files have extensions that are"
    )
    return (
        f"{files_have} not read and got no result ({shown}; first: {files[0]}); {', '.join(sorted(READ))} are read: "
        "convert them if they are images."
    )


def _named(given: str) -> list[tuple[str, Path]]:
    path = Path(given)
    if path.is_dir():
        files = [file for file in sorted(path.rglob("*")) if _is_read(file.relative_to(path))]
        named = [
            (file.relative_to(path).with_suffix("").as_posix(), file) for file in files if file.is_file()
        ]
        what = "a folder without images"
    elif path.exists():
        return [(path.stem, path)]
    else:
        named = [(file.stem, file) for file in _matches(given) if _is_read(file) and file.is_file()]
        what = "a pattern that matches no image" if glob.has_magic(given) else "a path that does not exist"
    if not named:
        others = left_out([given])
        but = f" ({left_out_line(others)})" if others else ""
        raise InputError(
            f"input '{given}' is {what}{but}; image files ({', '.join(sorted(READ))}), folders of them or patterns "
            "such as 'photos/*.jpg' were expected: correct the path."
        )
    return named


def _matches(pattern: str) -> list[Path]:
    return [Path(match) for match in sorted(glob.glob(pattern, recursive=True))]  # noqa: PTH207  # absolute, too


def _is_read(path: Path) -> bool:
    return _is_image(path) and not _is_hidden(path)


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in READ


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts if part not in (".", ".."))


def check_outputs(outputs: Outputs, found: Mapping[str, Path], overwrite: bool) -> None:
    """Refuse to write over what somebody may want to keep.

    Args:
        outputs: where results will go.
        found: name → image file.
        overwrite: earlier results may be replaced; images never.

    Raises:
        InputError: a result would replace an image or another result, or, without `overwrite`, a folder of
            results holds files or a file of results exists.
    """
    images = {path.resolve() for path in found.values()}
    planned: set[Path] = set()
    for file in outputs.files(found):
        if file.resolve() in images:
            raise InputError(
                f"the result {file} would replace an image that is to be read; give another --out."
            )
        if file in planned:
            raise InputError(f"two results would be written to {file}; give each option a path of its own.")
        planned.add(file)
    if outputs.form not in SUFFIXES:
        check_out(FORMATS[outputs.form], outputs.labels, overwrite)
        inside = next((file for file in planned if outputs.labels in file.parents), None)
        if inside is not None:
            raise InputError(
                f"{inside} lies below {outputs.labels}, which is written as a whole; give another path."
            )
    for folder in (outputs.labels if outputs.form in SUFFIXES else None, outputs.overlays):
        if folder is None:
            continue
        if folder.exists() and not folder.is_dir():
            raise InputError(f"{folder} is a file; a folder for results was expected: give another path.")
        if not overwrite and folder.is_dir():
            _check_empty(folder)
    for single in (outputs.scores, outputs.summary):
        if single is not None and (single.is_dir() or (single.exists() and not overwrite)):
            raise InputError(
                f"{single} exists already; a new file was expected: give another path, or --overwrite for a file."
            )


def _check_empty(folder: Path) -> None:
    held = sorted(path.name for path in folder.iterdir())
    if held:
        others = f" and {len(held) - 1} more" if len(held) > 1 else ""
        raise InputError(
            f"{folder} holds other files ({held[0]}{others}); a new or empty folder was expected: give another "
            "path, or --overwrite to replace earlier results."
        )
