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

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field

from weakseg.dataset.records import Record
from weakseg.errors import InputError
from weakseg.settings.reading import parse
from weakseg.settings.section import Section

RESOLUTION = "480p"


class DataSet(Section):
    """One of a list; what its keys mean stands above."""

    root: str | None = None
    image_dir: str
    label_dir: str
    image_ext: str = ".jpg"
    label_ext: str = ".png"
    default_label_interval: int = Field(1, ge=1)
    video_split: dict[str | int, list[Any] | None]


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
    if not names:
        raise InputError(f"{path} names no video; one a line was expected.")
    layout = DataSet(
        image_dir=f"JPEGImages/{RESOLUTION}",
        label_dir=f"Annotations/{RESOLUTION}",
        video_split={split: names},
    )
    return [_video(name, name, folder, layout) for name in names]


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
            f"video list {path} holds {type(content).__name__}; data sets by name were expected, each with image_dir, "
            "label_dir and video_split."
        )
    sets = {
        str(name): parse(DataSet, entry, f"video list {path}, data set '{name}'")
        for name, entry in content.items()
    }
    videos = [
        _video(f"{name}/{video}", str(video), path.parent / (entry.root or name), entry)
        for name, entry in sets.items()
        for video in entry.video_split.get(split) or []
    ]
    if not videos:
        splits = sorted({str(key) for entry in sets.values() for key in entry.video_split})
        raise InputError(
            f"video list {path} has no video in the split '{split}'; its splits are {', '.join(splits) or 'none'}: "
            "correct data.video_split."
        )
    return videos


def _video(name: str, video: str, root: Path, layout: DataSet) -> Video:
    images, labels = root / layout.image_dir / video, root / layout.label_dir / video
    interval = layout.default_label_interval
    frames = sorted(images.glob(f"*{layout.image_ext}")) if images.is_dir() else []
    if not frames:
        raise InputError(
            f"video '{name}' has no frames: {images} holds no *{layout.image_ext}; add them or leave the video out."
        )
    records = []
    for number, frame in enumerate(frames):
        mask = labels / f"{frame.stem}{layout.label_ext}" if number % interval == 0 else None
        if mask is not None and not mask.is_file():
            raise InputError(
                f"frame {number} of video '{name}' has no label {mask}; with an interval of {interval} one was "
                "expected: add it or set default_label_interval."
            )
        records.append(Record(f"{video}/{frame.stem}", frame, "saliency", (), mask))
    return Video(name, tuple(records))
