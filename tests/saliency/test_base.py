"""What every saliency network of the table must do."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from weakseg.backbones import BACKBONES
from weakseg.saliency.methods import METHODS
from weakseg.saliency.methods.declaration import TrainedMethod
from weakseg.saliency.methods.parts import SaliencyNetwork
from weakseg.saliency.network import build, load
from weakseg.saliency.settings import SaliencyConfig
from weakseg.storage.weights import Weights, save_weights

TRAINED = {name: method for name, method in METHODS.items() if issubclass(method, TrainedMethod)}
CASES: dict[str, TrainedMethod] = {name: method() for name, method in TRAINED.items()} | {
    f"{name}-vgg16": TRAINED[name].model_validate({"backbone": {"architecture": "vgg16"}})
    for name in ("rcrnet", "srm")
}
CASES |= {
    f"{name}-{model}": TRAINED[name].model_validate(
        {"backbone": {"architecture": f"timm/{model}", "weights": "none"}}
    )
    for name in ("rcrnet", "srm")
    for model in (
        "test_resnet",
        "edgenext_xx_small",
    )  # cells over corners and a dilated stage; neither of both
}


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def built(case: str) -> SaliencyNetwork:
    """Built once; tests leave it as it was, and those that train it take a copy of their own."""
    torch.manual_seed(0)
    network = build(CASES[case])
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            # A non-local block begins as the identity, as do the blocks of timm's ResNets: it hides what is inside.
            if ".out." in name or (name.endswith("weight") and not parameter.any()):
                parameter.normal_(0.0, 0.01)
    return network


@pytest.fixture
def network(built: SaliencyNetwork) -> SaliencyNetwork:
    return built.eval()


@pytest.fixture
def images() -> Tensor:
    generator = torch.Generator().manual_seed(2)
    return torch.randint(0, 256, (2, 3, 64, 64), generator=generator, dtype=torch.uint8)


@pytest.fixture
def mask() -> Tensor:
    mask = torch.zeros(2, 64, 64, dtype=torch.uint8)
    mask[:, 16:48, 8:40] = 1
    mask[:, :4] = 255
    return mask


def saliency(network: SaliencyNetwork, images: Tensor) -> Tensor:
    with torch.no_grad():
        maps: Tensor = network.saliency(images)
    return maps


@pytest.mark.parametrize("size", [(64, 64), (65, 49)])
def test_shape_and_range_at_any_size(network: SaliencyNetwork, images: Tensor, size: tuple[int, int]) -> None:
    maps = saliency(network, images[:1, :, : size[0], : size[1]].new_zeros(1, 3, *size))
    assert maps.shape == (1, 1, *size)
    assert maps.dtype == torch.float32
    assert 0 <= maps.min() <= maps.max() <= 1


def test_one_image_alone_equals_itself_in_a_batch(network: SaliencyNetwork, images: Tensor) -> None:
    together = saliency(network, images)
    for number in range(2):
        alone = saliency(network, images[number : number + 1])
        torch.testing.assert_close(alone[0], together[number], atol=1e-5, rtol=1e-4)
    assert not torch.equal(together[0], together[1])


def test_state_survives_saving(case: str, network: SaliencyNetwork, images: Tensor, tmp_path: Path) -> None:
    method = CASES[case].name
    settings = {"method": method, method: CASES[case].values(), "trained_on": "masks"}
    save_weights(tmp_path / "weights.pt", Weights("saliency", network.state_dict(), settings, []))
    assert torch.equal(saliency(load(tmp_path / "weights.pt"), images), saliency(network, images))


def test_no_parameter_is_kept_twice(network: SaliencyNetwork) -> None:
    addresses = [value.data_ptr() for value in network.state_dict().values() if value.numel()]
    assert len(addresses) == len(set(addresses))


def test_groups_hold_every_trained_parameter_once(network: SaliencyNetwork) -> None:
    grouped = [id(p) for group in network.parameter_groups() for p in group.parameters]
    assert sorted(grouped) == sorted(id(p) for p in network.parameters() if p.requires_grad)


def test_gradient_reaches_every_trained_parameter(
    built: SaliencyNetwork, images: Tensor, mask: Tensor
) -> None:
    losses = built.eval().losses({"image": images, "mask": mask})
    torch.stack(list(losses.values())).sum().backward()
    trained = {name: p for name, p in built.named_parameters() if p.requires_grad}
    silent = [name for name, p in trained.items() if p.grad is None or not p.grad.abs().sum() > 0]
    built.zero_grad(set_to_none=True)
    assert silent == []


def test_pixels_of_255_do_not_count(network: SaliencyNetwork, images: Tensor, mask: Tensor) -> None:
    def loss(labels: Tensor) -> Tensor:
        with torch.no_grad():
            return sum(network.losses({"image": images, "mask": labels}).values())

    left_out = mask.clone()
    left_out[1] = 255
    torch.testing.assert_close(loss(mask)[None], (0.5 * loss(left_out) + 0.5 * loss(_only(mask, 1)))[None])


def _only(mask: Tensor, number: int) -> Tensor:
    left = torch.full_like(mask, 255)
    left[number] = mask[number]
    return left


def test_one_step_lowers_the_loss(case: str, built: SaliencyNetwork, images: Tensor, mask: Tensor) -> None:
    network = build(CASES[case])
    network.load_state_dict(built.state_dict())
    network.eval()  # the same function before and after
    groups = network.parameter_groups()
    learnt = [parameter for group in groups for parameter in group.parameters]

    def loss() -> Tensor:
        return torch.stack(list(network.losses({"image": images, "mask": mask}).values())).sum()

    before = loss()
    before.backward()
    with torch.no_grad():
        squares = torch.stack([parameter.grad.square().sum() for parameter in learnt]).sum()
        for parameter in learnt:  # so far that the loss should fall by a thousandth
            parameter -= 1e-3 * before / squares * parameter.grad
        assert loss() < before


def test_frames_of_a_clip_have_the_maps_of_images_where_frames_are_seen_alone(
    network: SaliencyNetwork, images: Tensor
) -> None:
    with torch.no_grad():
        clip = network.clip_saliency(images[:1, None])
    assert torch.equal(clip[0], saliency(network, images[:1]))


@pytest.mark.parametrize("name", METHODS)
def test_a_declaration_is_what_the_configuration_takes(name: str) -> None:
    section = SaliencyConfig(method=name)
    assert isinstance(section.own, METHODS[name])
    assert callable(section.own.maker())
    assert section.trains == (name in TRAINED)
    if section.trains:
        assert section.training.iterations > 0
        assert section.own.architecture in BACKBONES
    assert section.own.maps_mb() >= 100


def test_a_training_is_known_by_content_not_by_where_its_files_lie() -> None:
    """Files count by their hashes and digests; a moved folder must not discard an unfinished training."""

    def identity(**changes: Any) -> Any:
        data = {"source": "folder", "images": changes.pop("images", "i"), "masks": changes.pop("masks", "m")}
        backbone = {"weights": changes.pop("weights", "none")} | changes.pop("backbone", {})
        values = {"method": "srm", "srm": {"data": data, "backbone": backbone} | changes.pop("srm", {})}
        return SaliencyConfig.model_validate(values | changes).identity()

    plain = identity()
    assert identity(images="elsewhere", masks="there", weights="vgg.npz") == plain
    assert identity(srm={"size": 99}, flip=True, from_run="other") == plain
    assert identity(srm={"training": {"workers": 5, "checkpoint_every": 7}}) == plain
    for changed in ({"srm": {"stages": 2}}, {"backbone": {"frozen_stages": 1}}):
        assert identity(**changed) != plain
    assert identity(srm={"training": {"seed": 1}}) != plain
