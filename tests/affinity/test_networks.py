"""The published formulas by hand, and every network on every kind of backbone."""

from typing import Any

import numpy as np
import pytest
import torch

from weakseg.affinity.neighbours import neighbours, path
from weakseg.affinity.network import build
from weakseg.affinity.networks import NETWORKS
from weakseg.affinity.networks.parts import AffinityNetwork, cell_labels
from weakseg.affinity.pairs import difference_affinities, on_grid, pair_loss, path_affinities
from weakseg.affinity.settings import AffinityConfig, WalkConfig
from weakseg.affinity.spread import seen_affinities, spread

METHODS = [name for name, method in NETWORKS.items() if method.trains]
ARCHITECTURES = ["vgg_small", "vgg16", "resnet50", "timm/resnet10t", "timm/mobilenetv3_small_050"]


def made(method: str, architecture: str = "vgg_small", **values: Any) -> AffinityNetwork:
    torch.manual_seed(0)
    backbone = {"architecture": architecture, "weights": "none"}
    return build(AffinityConfig.model_validate({"method": method, "backbone": backbone} | values))


def pairs_of(height: int, width: int, radius: int) -> list[tuple[int, int, int, int, int]]:
    """Number of the offset and both cells of every pair inside of a grid."""
    return [
        (number, y, x, y + dy, x + dx)
        for number, (dy, dx) in enumerate(neighbours(radius))
        for y in range(height)
        for x in range(width)
        if y + dy < height and 0 <= x + dx < width
    ]


def test_affinities_of_features_are_the_exponential_of_their_mean_difference() -> None:
    features = np.random.default_rng(0).normal(size=(3, 6, 7)).astype(np.float32)
    found = difference_affinities(torch.from_numpy(features)[None], neighbours(4))
    whole = on_grid(found, neighbours(4), (6, 7)).numpy()
    for number, y, x, below, right in pairs_of(6, 7, 4):
        expected = np.exp(-np.abs(features[:, y, x] - features[:, below, right]).mean())
        assert whole[number, y, x] == pytest.approx(expected, rel=1e-5)


def test_affinities_of_edges_are_what_the_largest_on_the_way_leaves() -> None:
    edges = np.random.default_rng(0).random((6, 7)).astype(np.float32)
    found = path_affinities(torch.from_numpy(edges)[None], neighbours(5))
    whole = on_grid(found, neighbours(5), (6, 7)).numpy()
    for number, y, x, _, _ in pairs_of(6, 7, 5):
        way = [edges[y + dy, x + dx] for dy, dx in path(neighbours(5)[number])]
        assert whole[number, y, x] == pytest.approx(1.0 - max(way), abs=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_the_loss_is_that_of_the_papers(method: str) -> None:
    generator = np.random.default_rng(1)
    labels = generator.choice([0, 0, 1, 2, 255], size=(5, 6)).astype(np.uint8)
    offsets = neighbours(3)
    if method == "psa":
        found = difference_affinities(torch.from_numpy(generator.normal(size=(1, 4, 5, 6))), offsets)
    else:
        found = path_affinities(torch.from_numpy(generator.random((1, 5, 6))), offsets)
    whole = on_grid(found, offsets, (5, 6)).double().numpy()
    costs: dict[str, list[float]] = {"background": [], "foreground": [], "between": []}
    for number, y, x, below, right in pairs_of(5, 6, 3):
        own, other, affinity = labels[y, x], labels[below, right], whole[number, y, x]
        if 255 in (own, other):
            continue
        if own != other:
            costs["between"].append(-np.log(1.0 + 1e-5 - affinity))
        else:
            costs["foreground" if own else "background"].append(-np.log(affinity + 1e-5))
    assert all(costs.values())
    means = {kind: np.mean(values) for kind, values in costs.items()}
    expected = means["background"] / 4 + means["foreground"] / 4 + means["between"] / 2
    loss = pair_loss([each.float() for each in found], torch.from_numpy(labels)[None], offsets)
    assert float(loss) == pytest.approx(expected, rel=1e-4)


def test_pairs_with_an_undecided_cell_cost_nothing() -> None:
    labels = torch.full((1, 4, 4), 255, dtype=torch.uint8)
    labels[0, 0, 0] = 1
    found = path_affinities(torch.full((1, 4, 4), 0.9), neighbours(3))
    assert float(pair_loss(found, labels, neighbours(3))) == 0.0


def test_labels_of_cells_are_those_of_the_pixels_below_them() -> None:
    labels = torch.arange(36, dtype=torch.uint8).view(1, 6, 6)
    assert cell_labels(labels, (2, 3), 4, "centres").tolist() == [[[14, 255, 255], [255, 255, 255]]]
    assert cell_labels(labels, (3, 2), 4, "corners").tolist() == [[[0, 4], [24, 28], [255, 255]]]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("method", METHODS)
def test_every_network_learns_on_every_kind_of_backbone(method: str, architecture: str) -> None:
    network = made(method, architecture)
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (2, 3, 65, 70), dtype=torch.uint8, generator=generator)
    labels = torch.zeros(2, 65, 70, dtype=torch.uint8)
    labels[:, 20:50, 20:50] = 1
    loss = network.train().losses({"image": images, "labels": labels})["loss_pairs"]
    assert loss.isfinite() and loss > 0
    loss.backward()
    grouped = [each for group in network.parameter_groups() for each in group.parameters]
    assert len({id(each) for each in grouped}) == len(grouped)
    assert {id(each) for each in grouped} == {id(p) for p in network.parameters() if p.requires_grad}
    assert all(each.grad is not None and each.grad.isfinite().all() for each in network.edge.parameters()) \
        if method == "irn" else network.join.weight.grad is not None  # fmt: skip


def test_irns_stages_are_frozen_and_psas_learn() -> None:
    assert not any(p.requires_grad for p in made("irn").backbone.parameters())
    assert all(p.requires_grad for p in made("psa").backbone.parameters())


@pytest.mark.parametrize("architecture", ["alexnet", "inception_v3", "timm/vit_tiny_patch16_224"])
def test_backbones_without_several_resolutions_are_refused(architecture: str) -> None:
    with pytest.raises(ValueError, match=r"irn (stands on|needs)"):
        made("irn", architecture)


@pytest.mark.parametrize("method", METHODS)
def test_a_mirrored_image_has_mirrored_affinities(method: str) -> None:
    """One cell's difference at the border of the padding apart: the sides are whole cells."""
    network = made(method).eval()
    image = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    own, kept = seen_affinities(network, image, flip=True)
    other, other_kept = seen_affinities(network, image[:, ::-1], flip=True)
    assert np.allclose(kept, other_kept[:, ::-1], atol=1e-5)
    places = {offset: number for number, offset in enumerate(neighbours(network.radius))}
    for (dy, dx), number in places.items():
        if dy:
            rows = own.shape[1] - dy
            turned = other[places[(dy, -dx)]][:, ::-1]
            assert np.allclose(own[number, :rows], turned[:rows], atol=1e-5)


@pytest.mark.parametrize("start", ["fused", "attention"])
@pytest.mark.parametrize("method", METHODS)
def test_labels_spread_within_the_images_own_classes(method: str, start: str) -> None:
    network = made(method).eval()
    image = np.random.default_rng(0).integers(0, 256, (50, 61, 3), dtype=np.uint8)
    fused = np.full((50, 61), 255, np.uint8)
    fused[:20], fused[40:] = 0, 2
    attention = {"dog": np.linspace(0, 1, 12).reshape(4, 3)}
    settings = WalkConfig(start=start, steps=8, longest=None)
    found = spread(network, image, fused, attention, ["cat", "dog"], settings)
    assert found.shape == fused.shape and found.dtype == np.uint8
    assert set(np.unique(found)) <= {0, 2, 255}
    kept = spread(network, image, fused, attention, ["cat", "dog"],
                  settings.model_copy(update={"where": "undecided"}))  # fmt: skip
    assert (kept[fused != 255] == fused[fused != 255]).all()
    assert (kept[fused == 255] == found[fused == 255]).all()


def test_what_is_decided_reaches_what_is_undecided_beside_it() -> None:
    """With no edges anywhere labels spread evenly: each half takes the label of its own side."""
    network = made("irn").eval()
    torch.nn.init.zeros_(network.edge.weight)  # type: ignore[union-attr, arg-type]
    torch.nn.init.constant_(network.edge.bias, -20.0)  # type: ignore[union-attr, arg-type]
    fused = np.full((64, 96), 255, np.uint8)
    fused[:, :16], fused[:, 80:] = 0, 1
    image, attention = np.zeros((64, 96, 3), np.uint8), {"cat": np.ones((2, 3))}
    near = spread(network, image, fused, attention, ["cat"], WalkConfig(steps=1))
    assert (near[:, 20] == 0).all() and (near[:, 76] == 1).all() and (near[:, 48] == 255).all()
    far = spread(network, image, fused, attention, ["cat"], WalkConfig(steps=256))
    assert (far[:, :44] == 0).all() and (far[:, 52:] == 1).all()


@pytest.mark.parametrize("architecture", ["vgg_small", "resnet50"])
def test_the_grid_of_the_scores_is_that_of_the_affinities(architecture: str) -> None:
    image, fused = np.zeros((51, 70, 3), np.uint8), np.zeros((51, 70), np.uint8)
    fused[10:30, 20:40] = 1
    for method in METHODS:
        found = spread(made(method, architecture).eval(), image, fused, {"cat": np.ones((2, 3))}, ["cat"],
                       WalkConfig(steps=1, flip=False))  # fmt: skip
        assert found[20, 30] == 1 and found[45, 60] == 0


def test_a_large_photograph_is_shrunk_to_the_setting() -> None:
    network = made("irn").eval()
    image = np.zeros((300, 400, 3), np.uint8)
    fused = np.zeros((300, 400), np.uint8)
    seen: list[tuple[int, ...]] = []
    pairs = network.pairs

    def watched(images: torch.Tensor, offsets: Any) -> Any:
        seen.append(tuple(images.shape[2:]))
        return pairs(images, offsets)

    network.pairs = watched  # type: ignore[method-assign]
    settings = WalkConfig(longest=64, steps=2)
    found = spread(network, image, fused, {"cat": np.ones((3, 4))}, ["cat"], settings)
    assert found.shape == (300, 400) and (found == 0).all()
    assert max(max(size) for size in seen) <= 64


def test_an_image_without_a_class_stays_background() -> None:
    fused = np.zeros((9, 9), np.uint8)
    assert (spread(made("irn"), np.zeros((9, 9, 3), np.uint8), fused, {}, ["cat"], WalkConfig()) == 0).all()
