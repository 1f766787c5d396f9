"""Values of the saliency section that nothing reads are refused, in one sentence."""

from collections.abc import Callable
from typing import Any

import pytest

from weakseg.config import Config

Refusal = Callable[[str, Any], str]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"images": "photos"}, "images has 'photos', which nothing reads with source 'split'; remove images"),
        ({"video_split": "val"}, "video_split has 'val', which nothing reads with source 'split'"),
        ({"foreground": "nonzero"}, "foreground has 'nonzero', which nothing reads with source 'split'"),
        ({"source": "folder", "davis": "d"}, "davis has 'd', which nothing reads with source 'folder'"),
        ({"source": "davis", "masks": "m"}, "masks has 'm', which nothing reads with source 'davis'"),
        ({"source": "videos", "davis": "d"}, "davis has 'd', which nothing reads with source 'videos'"),
    ],
)
def test_keys_of_another_source_are_refused(refusal: Refusal, data: Any, sentence: str) -> None:
    assert sentence in refusal("saliency.rcrnet.data", data)


@pytest.mark.parametrize(
    ("section", "key"),
    [
        ({"stages": 2}, "stages has '2'"),
        ({"training": {"iterations": 5}}, "training has other values"),
        ({"data": {"source": "davis"}}, "data has other values"),
        ({"backbone": {"weights": "none"}}, "backbone has other values"),
        ({"start": "s.pt"}, "start has 's.pt'"),
        ({"new_layers_rate": 2.0}, "new_layers_rate has '2.0'"),
    ],
)
def test_what_trains_is_refused_where_nothing_is_trained(refusal: Refusal, section: Any, key: str) -> None:
    sentence = refusal("saliency.srm", {"trained": "w.pt", **section})
    assert f"{key}, which nothing reads with trained; remove" in sentence


def test_a_start_takes_the_place_of_initial_weights(refusal: Refusal) -> None:
    section = {"start": "w.pt", "backbone": {"weights": "v.npz"}}
    assert "weights has 'v.npz', which nothing reads with start" in refusal("saliency.rcrnet", section)


def test_single_images_have_no_clips(refusal: Refusal) -> None:
    sentence = refusal("saliency.rcrnet_video", {"clip": 6})
    assert "clip has '6', which nothing reads with data.source 'split'" in sentence


@pytest.mark.parametrize("method", ["unsupervised", "folder"])
def test_flip_is_refused_where_no_network_is_asked(refusal: Refusal, method: str) -> None:
    sentence = refusal("saliency", {"method": method, "flip": True})
    assert (
        f"flip is true, but the maps of method '{method}' do not come from a network; set flip to false"
        in sentence
    )


@pytest.mark.parametrize(
    ("path", "section"),
    [
        (
            "saliency.rcrnet",
            {"data": {"source": "folder", "images": "i", "masks": "m", "foreground": "nonzero"}},
        ),
        ("saliency.rcrnet", {"data": {"source": "videos", "videos": "v.yaml", "video_split": "val"}}),
        ("saliency.rcrnet_video", {"data": {"source": "davis", "davis": "d"}, "clip": 6, "start": "w.pt"}),
        ("saliency.srm", {"trained": "w.pt", "size": 200}),
        ("saliency.srm", {"start": "w.pt", "backbone": {"frozen_stages": 2}, "stages": 2}),
        ("saliency", {"method": "onnx", "flip": True}),
    ],
)
def test_what_is_read_is_taken(given: Callable[[str, Any], Config], path: str, section: Any) -> None:
    given(path, section)


def test_the_published_schedule_of_the_video_model_does_not_clip() -> None:
    assert Config().saliency.rcrnet_video.training.clip_gradient == 0
