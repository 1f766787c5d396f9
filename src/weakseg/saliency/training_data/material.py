"""The images or videos with masks that a training learns from, as its configuration names them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from weakseg.dataset.index import read_index
from weakseg.dataset.records import Record
from weakseg.errors import InputError
from weakseg.saliency.training_data.masks import READERS, digest, folder_records
from weakseg.saliency.training_data.samples import SaliencyClips, SaliencyImages
from weakseg.saliency.training_data.settings import SaliencyData
from weakseg.saliency.training_data.videos import Video, read_davis, read_video_list
from weakseg.training.augment import Crops

SPLIT_MASKS = "masks of the split 'saliency'"


@dataclass(frozen=True)
class Material:
    """Images with masks as videos; single images are one video, never cut into clips.

    Attributes:
        videos: with their frames.
        are_clips: whether the frames of a video follow each other.
        foreground: how masks are read, a name of `READERS`.
        files: whose content determines the result; further files count by their sizes.
        trained_on: in words, for the account of supervision.
    """

    videos: list[Video]
    are_clips: bool
    foreground: str
    files: list[Path]
    trained_on: str

    @property
    def inputs(self) -> list[Path | str]:
        """The files, and a digest of the names and sizes of all images and masks."""
        return [*self.files, digest(record for video in self.videos for record in video.frames)]

    def samples(self, crops: Crops, clip: int | None) -> SaliencyClips | SaliencyImages:
        """Clips of `clip` frames for a video model that has videos, else images."""
        read_mask = READERS[self.foreground]
        if clip is not None and self.are_clips:
            return SaliencyClips(self.videos, crops, clip, read_mask)
        frames = [record for video in self.videos for record in video.frames]
        if self.are_clips:
            frames = [record for record in frames if record.mask is not None]
        return SaliencyImages(frames, crops, read_mask)


def read_material(data: SaliencyData, index: Path | None, classes: Path | None) -> Material:
    """Find what a section names.

    Args:
        data: the section.
        index, classes: the data set's tables, for the source `split`.

    Raises:
        InputError: it is missing or damaged.
    """
    if data.source == "split":
        return _split(index, classes)
    if data.source == "folder":
        records = folder_records(Path(data.images), Path(data.masks))
        return _images("folder", records, data.foreground, [], f"masks in {data.masks}")
    if data.source == "davis":
        videos = read_davis(Path(data.davis), data.video_split)
        return Material(videos, True, data.foreground, [], f"DAVIS {data.video_split} masks")
    videos = read_video_list(Path(data.videos), data.video_split)
    names = ", ".join(dict.fromkeys(video.name.partition("/")[0] for video in videos))
    text = f"{names} {data.video_split} masks"
    return Material(videos, True, data.foreground, [Path(data.videos)], text)


def _split(index: Path | None, classes: Path | None) -> Material:
    if index is None or classes is None:
        raise InputError("data.source is 'split' but no --index and --classes were given; give both.")
    records = [record for record in read_index(index, classes).split("saliency") if record.mask is not None]
    masks = [record.mask for record in records if record.mask is not None]
    return _images("split", records, "nonzero", [index, *masks], SPLIT_MASKS)


def _images(
    name: str, records: Sequence[Record], foreground: str, files: list[Path], trained_on: str
) -> Material:
    return Material([Video(name, tuple(records))], False, foreground, files, trained_on)
