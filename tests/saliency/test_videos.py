"""Videos: DAVIS's layout, lists in YAML, clips, and windows over a long video."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from torch import Tensor, nn

from weakseg.errors import InputError
from weakseg.saliency.frames import video_maps, windows
from weakseg.saliency.training_data.masks import digest, folder_records, read_bright, read_nonzero
from weakseg.saliency.training_data.samples import SaliencyClips, SaliencyImages
from weakseg.saliency.training_data.videos import Video, read_davis, read_video_list
from weakseg.training.augment import Crops
from weakseg.training.settings import TrainingConfig

SHARED = Path(__file__).resolve().parents[3] / "shared/data/davis"
WHOLE = Crops(TrainingConfig(crop=32, scales=(1.0, 1.0), resize=32), (0, 0, 0))


def frames(folder: Path, video: str, count: int) -> None:
    """Frames whose red is their number; in each mask the left half is the object."""
    for number in range(count):
        for part, extension in (("JPEGImages/480p", "png"), ("Annotations/480p", "png")):
            path = folder / part / video / f"{number:05d}.{extension}"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.zeros((24, 32, 3), np.uint8)
            pixels[..., 0] = number
            mask = np.zeros((24, 32), np.uint8)
            mask[:, :16] = 255
            Image.fromarray(pixels if part[0] == "J" else mask).save(path)


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    frames(tmp_path / "SET", "bear", 6)
    frames(tmp_path / "SET", "cow", 3)
    return tmp_path


def entry(**changes: Any) -> dict[str, Any]:
    plain = {
        "image_dir": "JPEGImages/480p",
        "label_dir": "Annotations/480p",
        "image_ext": ".png",
        "label_ext": ".png",
        "default_label_interval": 1,
        "video_split": {"train": ["bear"], "test": ["cow"]},
    }
    return {name: value for name, value in (plain | changes).items() if value is not None}


def listed(folder: Path, content: Any) -> Path:
    (folder / "list.yaml").write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return folder / "list.yaml"


def test_list_as_the_notes_have_it(videos: Path) -> None:
    path = listed(videos, {"SET": entry()})
    (bear,) = read_video_list(path, "train")
    (cow,) = read_video_list(path, "test")
    assert (bear.name, cow.name) == ("SET/bear", "SET/cow")
    assert [record.id for record in bear.frames] == [f"bear/{number:05d}" for number in range(6)]
    assert all(record.mask is not None and record.mask.is_file() for record in bear.frames)


def test_labels_at_an_interval(videos: Path) -> None:
    (bear,) = read_video_list(listed(videos, {"X": entry(root="SET", default_label_interval=3)}), "train")
    assert [record.mask is not None for record in bear.frames] == [True, False, False] * 2


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("a: [", "is no YAML"),
        ("[]", "data sets by name were expected"),
        ({"SET": "x"}, "keys such as image_dir"),
        ({"SET": entry(image_dir=None)}, "lacks 'image_dir'"),
        ({"SET": entry() | {"image_dri": "x"}}, "unknown key 'image_dri'"),
        ({"SET": entry(default_label_interval="two")}, "int was expected"),
        ({"SET": entry(default_label_interval=0)}, "interval below 1"),
        ({"SET": entry(video_split={"train": "bear"})}, "a list was expected"),
        ({"SET": entry(video_split={"val": ["bear"]})}, "no video in the split 'train'; its splits are val"),
        ({"SET": entry(video_split={"train": ["bera"]})}, "video 'SET/bera' has no frames"),
        ({"SET": entry(label_dir="elsewhere")}, "frame 0 of video 'SET/bear' has no label"),
    ],
)
def test_a_mistake_in_the_list_is_one_sentence(videos: Path, content: Any, sentence: str) -> None:
    with pytest.raises(InputError, match=re.escape(sentence)) as caught:
        read_video_list(listed(videos, content), "train")
    assert "\n" not in str(caught.value)


def test_davis_lists_name_videos_or_frames(videos: Path) -> None:
    root = videos / "SET"
    for path in [*root.rglob("JPEGImages/480p/*/*.png")]:
        Image.open(path).save(path.with_suffix(".jpg"))
    lists = root / "ImageSets" / "480p"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("bear\n")
    pairs = [f"/JPEGImages/480p/cow/{n:05d}.jpg /Annotations/480p/cow/{n:05d}.png" for n in range(3)]
    (lists / "val.txt").write_text("\n".join(pairs) + "\n")
    assert [(video.name, len(video.frames)) for video in read_davis(root, "train")] == [("bear", 6)]
    assert [(video.name, len(video.frames)) for video in read_davis(root, "val")] == [("cow", 3)]
    with pytest.raises(InputError, match=r"test\.txt cannot be read"):
        read_davis(root, "test")
    (lists / "train.txt").write_text("\n")
    with pytest.raises(InputError, match="names no video"):
        read_davis(root, "train")


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real videos are not beside this checkout")
def test_the_real_davis() -> None:
    train, val = (read_davis(SHARED, split) for split in ("train", "val"))
    assert (len(train), len(val)) == (5, 3)
    assert {len(video.frames) for video in train + val} == {24}
    mask = train[0].frames[0].mask
    assert mask is not None
    assert 0 < read_bright(mask).mean() < 0.5


# ---------------------------------------------------------------------------------------------- masks and folders


def test_masks_bright_and_nonzero(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 3, 127, 128, 255]], np.uint8)).save(tmp_path / "m.png")
    assert read_bright(tmp_path / "m.png").tolist() == [[0, 0, 0, 1, 1]]
    assert read_nonzero(tmp_path / "m.png").tolist() == [[0, 1, 1, 1, 255]]
    Image.fromarray(np.array([[0, 1]], np.uint8)).save(tmp_path / "index.png")
    with pytest.raises(InputError, match=r"set data\.foreground to nonzero"):
        read_bright(tmp_path / "index.png")
    with pytest.raises(InputError, match=r"none\.png is missing"):
        read_bright(tmp_path / "none.png")


def test_folder_of_images_and_masks(videos: Path) -> None:
    images, masks = (videos / "SET" / part / "480p" for part in ("JPEGImages", "Annotations"))
    (masks / "cow" / "00002.png").unlink()
    found = folder_records(images, masks)
    assert [record.id for record in found] == [f"bear/{n:05d}" for n in range(6)] + ["cow/00000", "cow/00001"]
    assert digest(found) != digest(found[1:])
    with pytest.raises(InputError, match="is no folder"):
        folder_records(images / "none", masks)
    with pytest.raises(InputError, match="none of the 9 images"):
        folder_records(images, videos)


# ----------------------------------------------------------------------------------------------------------- clips


def test_clips_are_consecutive_and_cut_alike(videos: Path) -> None:
    found = read_video_list(listed(videos, {"SET": entry(default_label_interval=2)}), "train")
    clips = SaliencyClips(found, WHOLE, 3, read_bright)
    assert len(clips) == 2
    starts, mirrored, steps = set(), set(), []
    for seed in range(20):
        sample = clips.sample(0, np.random.default_rng(seed))
        assert sample["image"].shape == (3, 3, 32, 32)
        reds = sample["image"][:, 0, 16, 16].tolist()
        step = reds[1] - reds[0]
        assert reds == [reds[0], reds[0] + step, reds[0] + 2 * step]
        masks = [frame for number, frame in zip(reds, sample["mask"], strict=True) if number % 2 == 0]
        assert all(torch.equal(mask, masks[0]) for mask in masks)
        unlabelled = [frame for number, frame in zip(reds, sample["mask"], strict=True) if number % 2]
        assert all((mask == 255).all() for mask in unlabelled)
        starts.add(min(reds))
        steps.append(step)
        mirrored.add(int(masks[0][16, 2]))
    assert starts == {0, 1, 2, 3}
    assert 5 <= steps.count(-1) == 20 - steps.count(1) <= 15  # half of the clips run backwards, as released
    assert mirrored == {0, 1}


def test_a_video_shorter_than_a_clip_is_filled_up(videos: Path) -> None:
    found = read_video_list(listed(videos, {"SET": entry()}), "test")
    clips = SaliencyClips(found, WHOLE, 5, read_bright)
    samples = [clips.sample(0, np.random.default_rng(seed)) for seed in range(8)]
    assert {tuple(sample["image"][:, 0, 16, 16].tolist()) for sample in samples} == {
        (0, 1, 2, 2, 2),
        (2, 1, 0, 0, 0),
    }
    for sample in samples:
        assert [(mask == 255).all().item() for mask in sample["mask"]] == [False, False, False, True, True]


def test_mask_of_another_size_is_named(videos: Path) -> None:
    (video,) = read_video_list(listed(videos, {"SET": entry()}), "test")
    mask = video.frames[0].mask
    assert mask is not None
    Image.fromarray(np.zeros((5, 6), np.uint8)).save(mask)
    with pytest.raises(InputError, match="both must have one size"):
        SaliencyImages(video.frames, WHOLE, read_bright).sample(0, np.random.default_rng(0))


@pytest.mark.parametrize("count", [1, 3, 4, 5, 9])
def test_windows_show_every_frame_once_in_order(count: int) -> None:
    seen = []
    for first, last, new in windows(count, 4):
        assert 0 <= first <= new < last <= count
        assert last - first == min(4, count)
        seen += range(new, last)
    assert seen == list(range(count))


class Counting(nn.Module):
    """Gives each frame its red, and remembers how many frames it was given at once."""

    def __init__(self) -> None:
        super().__init__()
        self.most = 0

    def clip_saliency(self, clips: Tensor) -> Tensor:
        self.most = max(self.most, clips.shape[1])
        return clips[:, :, :1].float() / 255


def test_a_video_is_seen_in_windows(videos: Path) -> None:
    (video,) = read_video_list(listed(videos, {"SET": entry()}), "train")
    network = Counting()
    maps = list(video_maps(network, video.frames, 4, 16, torch.device("cpu")))
    assert [record.id for record, _ in maps] == [record.id for record in video.frames]
    assert [round(float(values.mean()) * 255) for _, values in maps] == list(range(6))
    assert maps[0][1].shape == (12, 16)
    assert network.most == 4
    assert isinstance(video, Video)
