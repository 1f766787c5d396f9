"""Videos as folders of frames: DAVIS's layout, and lists of data sets in YAML as RCRNet's authors keep them.

A list names data sets, each with

    DAVIS2016:
      image_dir: JPEGImages/480p       # holds a folder of frames per video
      label_dir: Annotations/480p      # the same with masks
      image_ext: .jpg
      label_ext: .png
      default_label_interval: 1        # every n-th frame has a label, the first included
      video_split:
        train: [bear, bmx-bumps]

in the folder of its name beside the list, or in `root`, if it names one (relative to the list).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from weakseg.dataset.records import Record
from weakseg.errors import InputError

RESOLUTION = "480p"
KEYS = {
    "root": str,
    "image_dir": str,
    "label_dir": str,
    "image_ext": str,
    "label_ext": str,
    "default_label_interval": int,
    "video_split": dict,
}
REQUIRED = ("image_dir", "label_dir", "video_split")


@dataclass(frozen=True)
class Video:
    """Frames in order.

    Attributes:
        name: `<data set>/<video>`, or the video's alone.
        frames: their ids are `<video>/<frame>`; those between two labels have no mask.
    """

    name: str
    frames: tuple[Record, ...]


def read_davis(folder: Path, split: str) -> list[Video]:
    """The videos of a split of DAVIS-2016, `ImageSets/480p/<split>.txt`.

    Its lines may be names of videos or, as DAVIS ships them, pairs of an image and a mask.

    Raises:
        InputError: the list, a video, a frame or a mask is missing.
    """
    path = folder / "ImageSets" / RESOLUTION / f"{split}.txt"
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}); DAVIS keeps the videos of a split there: correct data.davis "
            "or data.video_split."
        ) from None
    names = list(dict.fromkeys(_name(line) for line in lines if line.strip()))
    images, labels = (folder / part / RESOLUTION for part in ("JPEGImages", "Annotations"))
    if not names:
        raise InputError(f"{path} names no video; one a line was expected.")
    return [_video(name, name, images / name, labels / name, (".jpg", ".png"), 1) for name in names]


def _name(line: str) -> str:
    """The video of a line such as `bear` or `/JPEGImages/480p/bear/00000.jpg /Annotations/480p/bear/00000.png`."""
    first = line.split()[0]
    return Path(first).parent.name if "/" in first else first


def read_video_list(path: Path, split: str) -> list[Video]:
    """The videos of a split of every data set that a YAML list names and that has this split.

    Raises:
        InputError: the list is missing or says something else, or a video, frame or mask is missing.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"video list {path} cannot be read ({error.strerror}); correct data.videos."
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        problem = str(error).replace("\n", " ")
        raise InputError(f"video list {path} is not YAML ({problem}); correct it.") from None
    if not isinstance(content, dict) or not content:
        raise InputError(
            f"video list {path} holds {type(content).__name__}; data sets by name were expected, each with "
            f"{', '.join(REQUIRED)}."
        )
    videos = []
    for name, entry in content.items():
        _check(path, str(name), entry)
        videos += _data_set(path, str(name), entry, split)
    if not videos:
        splits = sorted({str(key) for entry in content.values() for key in entry["video_split"]})
        raise InputError(
            f"video list {path} has no video in the split '{split}'; its splits are {', '.join(splits) or 'none'}: "
            "correct data.video_split."
        )
    return videos


def _check(path: Path, name: str, entry: Any) -> None:
    where = f"data set '{name}' of the video list {path}"
    if not isinstance(entry, dict):
        raise InputError(f"{where} is {entry!r}; keys such as {', '.join(REQUIRED)} were expected.")
    for key in REQUIRED:
        if key not in entry:
            raise InputError(f"{where} lacks '{key}'; {', '.join(REQUIRED)} are needed.")
    for key, value in entry.items():
        if key not in KEYS:
            raise InputError(f"{where} has the unknown key '{key}'; known: {', '.join(KEYS)}.")
        if not isinstance(value, KEYS[key]) or isinstance(value, bool):
            raise InputError(f"{where} has {value!r} as '{key}'; {KEYS[key].__name__} was expected.")
    if entry.get("default_label_interval", 1) < 1:
        raise InputError(f"{where} has a default_label_interval below 1; 1 labels every frame.")


def _data_set(path: Path, name: str, entry: dict[str, Any], split: str) -> list[Video]:
    root = path.parent / entry.get("root", name)
    extensions = (entry.get("image_ext", ".jpg"), entry.get("label_ext", ".png"))
    interval = entry.get("default_label_interval", 1)
    chosen = entry["video_split"].get(split) or []
    if not isinstance(chosen, Sequence) or isinstance(chosen, str):
        raise InputError(
            f"data set '{name}' of {path} has {chosen!r} as split '{split}'; a list was expected."
        )
    return [
        _video(
            f"{name}/{video}",
            str(video),
            root / entry["image_dir"] / str(video),
            root / entry["label_dir"] / str(video),
            extensions,
            interval,
        )
        for video in chosen
    ]


def _video(
    name: str, video: str, images: Path, labels: Path, extensions: tuple[str, str], interval: int
) -> Video:
    frames = sorted(images.glob(f"*{extensions[0]}")) if images.is_dir() else []
    if not frames:
        raise InputError(
            f"video '{name}' has no frames: {images} holds no *{extensions[0]}; add them or leave the video out."
        )
    records = []
    for number, frame in enumerate(frames):
        mask = labels / f"{frame.stem}{extensions[1]}" if number % interval == 0 else None
        if mask is not None and not mask.is_file():
            raise InputError(
                f"frame {number} of video '{name}' has no label {mask}; with an interval of {interval} one was "
                "expected: add it or set default_label_interval."
            )
        records.append(Record(f"{video}/{frame.stem}", frame, "saliency", (), mask))
    return Video(name, tuple(records))
